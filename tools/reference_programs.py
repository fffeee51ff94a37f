"""Run the reference programs of T1's data in the sandbox, and print how many pass their own tests.

    python tools/reference_programs.py AVATAR.parquet            # whole programs in Python and Java
    python tools/reference_programs.py HUMANEVAL_X --to python java javascript

What does not pass is named with its verdict: a reference that fails says something of the tests, the tools or the limits.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.data.program_tests import Streams
from greenbench.errors import UsageError
from greenbench.tasks.translation import load as translation
from greenbench.tasks.translation.execution import run_tests

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.data.pairs import Pair
    from greenbench.data.program_tests import Tests

OTHERS = ("java", "python")
"""Languages for the other side of a pair; which one does not matter here."""


def main() -> None:
    """Read the arguments, and judge the programs of each language."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--to", nargs="+", default=["python", "java"], help="languages of the references"
    )
    parser.add_argument("--most", type=int, help="judge so many of each at most")
    asked = parser.parse_args()
    for language in asked.to:
        try:
            report(asked.data, language, asked.most)
        except UsageError as error:
            print(error)


def report(data: Path, language: str, most: int | None) -> None:
    """Judge the programs of a language."""
    if reason := run_tests.unavailable(language):
        print(f"{language}: not run: {reason}")
        return
    programs = references(data, language)[:most]
    started = time.monotonic()
    verdicts = run_tests.judge(language, [(text, tests) for _, text, tests in programs])
    passed = sum(v.outcome == "passed" for v in verdicts)
    seconds, kinds = time.monotonic() - started, dict(Counter(v.outcome for v in verdicts))
    print(f"{language}: {passed} of {len(programs)} pass in {seconds:.0f} s, {kinds}")
    for (name, _, _), verdict in zip(programs, verdicts, strict=True):
        if verdict.outcome != "passed":
            print(f"  {name}: {verdict.outcome}: {verdict.note}")


def references(data: Path, language: str) -> list[tuple[str | None, str, Tests]]:
    """Return name, text and own tests of each program.

    A pair of whole programs has the tests of its source, a pair of functions those of its target.
    """
    other = next(s for s in OTHERS if s != language)
    sides: dict[str, Callable[[Pair], str | None]] = {
        f"{language}:{other}": lambda p: p.source if isinstance(p.tests, Streams) else None,
        f"{other}:{language}": lambda p: None if isinstance(p.tests, Streams) else p.target,
    }
    return [
        (pair.problem, text, pair.tests)
        for direction, side in sides.items()
        for pair in pairs(data, direction)
        if (text := side(pair)) and pair.tests
    ]


def pairs(data: Path, direction: str) -> list[Pair]:
    """Return all pairs of a direction."""
    splits = translation.load(data, columns={}, sizes=None, seed=0, direction=direction)
    return [*splits.train, *splits.valid, *splits.test]


if __name__ == "__main__":
    main()
