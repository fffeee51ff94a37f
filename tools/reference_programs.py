"""Runs the reference programs of T1's data in the sandbox, and prints how many pass.

    python tools/reference_programs.py AVATAR.parquet            # whole programs in Python and Java
    python tools/reference_programs.py HUMANEVAL_X --to python java javascript

What does not pass is named with its outcome: a reference program that fails points to a problem of
the tests, the tools or the limits.
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
    from greenbench.data.pairs import Pair
    from greenbench.data.program_tests import Tests

OTHERS = ("java", "python")
"""Languages of the other program of a pair; which one does not matter here."""


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
    options = parser.parse_args()
    for language in options.to:
        try:
            report(options.data, language, options.most)
        except UsageError as error:
            print(error)


def report(data: Path, language: str, most: int | None) -> None:
    """Judge the programs of a language, at most ``most`` of them."""
    reason = run_tests.unavailable(language)
    if reason:
        print(f"{language}: not run: {reason}")
        return
    programs = references(data, language)[:most]
    started = time.monotonic()
    outcomes = run_tests.judge(language, [(text, tests) for _, text, tests in programs])
    seconds = time.monotonic() - started
    counts = Counter(outcome.outcome for outcome in outcomes)
    print(
        f"{language}: {counts['passed']} of {len(programs)} pass in {seconds:.0f} s, {dict(counts)}"
    )
    for (name, _, _), outcome in zip(programs, outcomes, strict=True):
        if outcome.outcome != "passed":
            print(f"  {name}: {outcome.outcome}: {outcome.note}")


def references(data: Path, language: str) -> list[tuple[str | None, str, Tests]]:
    """Return name, text and own tests of each program.

    A pair of whole programs has the tests of its source, a pair of functions those of its target.
    """
    other = next(name for name in OTHERS if name != language)
    programs: list[tuple[str | None, str, Tests]] = []
    for pair in pairs(data, f"{language}:{other}"):
        if isinstance(pair.tests, Streams) and pair.source:
            programs.append((pair.problem, pair.source, pair.tests))
    for pair in pairs(data, f"{other}:{language}"):
        if pair.tests and not isinstance(pair.tests, Streams) and pair.target:
            programs.append((pair.problem, pair.target, pair.tests))
    return programs


def pairs(data: Path, direction: str) -> list[Pair]:
    """Return all pairs of a direction."""
    splits = translation.load(data, columns={}, sizes=None, seed=0, direction=direction)
    return [*splits.train, *splits.valid, *splits.test]


if __name__ == "__main__":
    main()
