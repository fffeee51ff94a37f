"""Programs of one problem in two languages become a pair; where the second one lacks, tests alone can make a test pair.

As in Pan et al. (ICSE 2024), whole programs are judged by what the source program's tests say, else by those of its
translation. Checks are code in the language of the translation, so those are its own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from greenbench.data.languages import LANGUAGES
from greenbench.data.pairs import Pair
from greenbench.data.program_tests import Calls, Checks, Streams
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.data.layouts.records import Program
    from greenbench.data.program_tests import Tests

KINDS = {Calls: "calls", Streams: "stdin/stdout", Checks: "unit tests"}
"""What the facts call a kind of tests."""


def direction_of(path: Path, programs: Iterable[Program], asked: str | None) -> str:
    """Return the direction that is asked for, else the data's: two languages, in the order in which they first stand.

    Raises UsageError where the data have not the languages, or more than two and nothing is asked for.
    """
    found = [name for name in dict.fromkeys(p.language for p in programs) if name in LANGUAGES]
    there = ", ".join(found) or "none that is known"
    if asked and not set(asked.split(":")) <= set(found):
        raise UsageError(
            f"--green-direction: found {asked!r}, but the programs of {path} are in {there}; choose two of these"
        )
    if not asked and len(found) > 2:  # noqa: PLR2004  a translation is between two
        raise UsageError(
            f"{path}: there are programs in {there}; say which language is translated into which with --green-direction "
            f"SRC:DST, e.g. {found[0]}:{found[1]}"
        )
    if len(found) < 2:  # noqa: PLR2004
        raise UsageError(
            f"{path}: the languages of its programs are {there}; two of {', '.join(LANGUAGES)} are needed: add programs"
        )
    return asked or ":".join(found)


def join(
    programs: Iterable[Program], direction: str, *, alone: bool
) -> tuple[list[Pair], Counter[str]]:
    """Return the pairs of the problems, and counts of what was left out.

    ``alone`` says whether a source with tests and without translation is a pair too. Of several programs of one problem in
    one language the first one in the order of their texts is used.
    """
    source, target = direction.split(":")
    wanted = [p for p in programs if p.language in {source, target}]
    first = {(p.problem, p.language): p for p in sorted(wanted, key=lambda p: p.text, reverse=True)}
    problems = list(dict.fromkeys(p.problem for p in wanted))
    made = [
        _pair(first.get((name, source)), first.get((name, target)), target, alone=alone)
        for name in problems
    ]
    pairs = [pair for pair in made if pair is not None]
    counts = {
        "further_programs": len(wanted) - len(first),
        "unpaired_removed": len(problems) - len(pairs),
    }
    return pairs, Counter(counts)


def _pair(
    source: Program | None, target: Program | None, language: str, *, alone: bool
) -> Pair | None:
    if source is None or (target is None and not (alone and source.tests)):
        return None
    tests = _tests(source, target)
    text = None if target is None else target.text.rstrip()
    kept = target is not None or tests is not None
    return (
        Pair(
            source=source.text.rstrip(),
            target=text,
            language=language,
            problem=source.problem,
            tests=tests,
        )
        if kept
        else None
    )


def _tests(source: Program, target: Program | None) -> Tests | None:
    streams = [p.tests for p in (source, target) if p is not None and isinstance(p.tests, Streams)]
    return streams[0] if streams else (target.tests if target is not None else None)


def kind(pairs: Sequence[Pair]) -> str | None:
    """Name the kinds of tests that pairs have, None where they have none."""
    return (
        " and ".join(dict.fromkeys(KINDS[type(p.tests)] for p in pairs if p.tests is not None))
        or None
    )


def refuse_unpaired(path: Path, joined: Mapping[str, Sequence[Pair]], direction: str) -> None:
    """Raise UsageError where a side has no pair at all; the side is "" where the files' names tell none."""
    source, target = direction.split(":")
    for side in (side for side, pairs in joined.items() if not pairs):
        remedy = {
            "": "put data with pairs and these into one folder, with names that begin with train and test (train.parquet and "
            "test.parquet): a test program needs only a source and stdin/stdout tests",
            "test": "a test program needs a source, and a translation or stdin/stdout tests: give others",
        }.get(side, "what is trained on needs both: give others")
        files = f"{side} files" if side else "files"
        raise UsageError(
            f"{path}: no problem of its {files} has programs in both {source} and {target}; {remedy}"
        )
