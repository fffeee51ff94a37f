"""Run the reference programs of T1's data in the sandbox, and print how many pass their own tests.

    python tools/reference_programs.py AVATAR.parquet            # both directions of whole programs
    python tools/reference_programs.py HUMANEVAL_X --to python java javascript

What does not pass is named with its verdict: a reference that fails says something of the tests, the tools or the limits.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from greenbench.errors import UsageError
from greenbench.tasks import translation
from greenbench.tasks.execution import judging

SOURCES = ("java", "python")
"""Languages to translate from: what is judged is the target, whichever source it has."""


def main() -> None:
    """Read the arguments, and judge the targets of each direction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--to", nargs="+", default=["python", "java"], help="languages of the references")
    parser.add_argument("--most", type=int, help="judge so many of each at most")
    asked = parser.parse_args()
    for target in asked.to:
        source = next(s for s in SOURCES if s != target)
        try:
            report(asked.data, f"{source}:{target}", asked.most)
        except UsageError as error:
            print(error)


def report(data: Path, direction: str, most: int | None) -> None:
    """Judge the targets of all pairs of a direction."""
    splits = translation.load(data, columns={}, sizes=None, seed=0, direction=direction)
    pairs = [p for p in (*splits.train, *splits.valid, *splits.test) if p.target and p.tests][:most]
    language = direction.split(":")[1]
    if reason := judging.unavailable(language):
        print(f"{direction}: not run: {reason}")
        return
    started = time.monotonic()
    verdicts = judging.judge(language, [(str(p.target), p.tests) for p in pairs if p.tests])
    passed = sum(v.outcome == "passed" for v in verdicts)
    seconds, kinds = time.monotonic() - started, dict(Counter(v.outcome for v in verdicts))
    print(f"{direction}: {passed} of {len(pairs)} pass in {seconds:.0f} s, {kinds}")
    for pair, verdict in zip(pairs, verdicts, strict=True):
        if verdict.outcome != "passed":
            print(f"  {pair.problem}: {verdict.outcome}: {verdict.note}")


if __name__ == "__main__":
    main()
