"""Pairs of programs that solve one problem in two languages.

As in Pan et al. (ICSE 2024), a translated whole program is judged by the tests of its source, or
else by those of the reference translation. Unit tests are code in the language of the translation,
so the reference translation's are used. A source that has tests, without a reference translation,
can be a test pair.
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
    from pathlib import PurePath

    from greenbench.data.layouts.records import Solution
    from greenbench.data.program_tests import Tests

KINDS = {Calls: "calls", Streams: "stdin/stdout", Checks: "unit tests"}
"""Names of the kinds of tests in the facts."""
REMEDIES = {
    "": (
        "put data with pairs and these into one folder, with names that begin with train and test "
        "(train.parquet and test.parquet): a test program needs only a source and stdin/stdout "
        "tests"
    ),
    "test": "a test program needs a source, and a translation or stdin/stdout tests: give others",
}
"""Split (empty if the files' names tell none) to what can be done if it has no pairs."""


def direction_of(path: PurePath, programs: Iterable[Solution], requested: str | None) -> str:
    """Return the requested direction, else the data's two languages in order of appearance.

    Raises UsageError if the data lack one of the languages, or if they have more than two and no
    direction is requested.
    """
    languages = []
    for name in dict.fromkeys(p.language for p in programs):
        if name in LANGUAGES:
            languages.append(name)
    listing = ", ".join(languages) or "none that is known"
    if requested and not set(requested.split(":")) <= set(languages):
        raise UsageError(
            f"--green-direction: found {requested!r}, but the programs of {path} are in {listing}; "
            "choose two of these"
        )
    if len(languages) < 2:  # noqa: PLR2004  a translation is between two
        raise UsageError(
            f"{path}: the languages of its programs are {listing}; two of {', '.join(LANGUAGES)} "
            "are needed: add programs"
        )
    if requested:
        return requested
    if len(languages) > 2:  # noqa: PLR2004
        raise UsageError(
            f"{path}: there are programs in {listing}; say which language is translated into which "
            f"with --green-direction SRC:DST, e.g. {languages[0]}:{languages[1]}"
        )
    return ":".join(languages)


def join(
    programs: Iterable[Solution], direction: str, *, alone: bool
) -> tuple[list[Pair], Counter[str]]:
    """Return the pairs of the problems, and counts of what was left out.

    ``alone`` says whether a source with tests and without translation is a pair too. Of several
    programs for one problem in one language, the first in the order of their texts is used.
    """
    source, target = direction.split(":")
    first: dict[tuple[str, str], Solution] = {}
    problems: dict[str, None] = {}
    counts = Counter(further_programs=0, unpaired_removed=0)
    for program in programs:
        if program.language not in {source, target}:
            continue
        problems[program.problem] = None
        key = (program.problem, program.language)
        other = first.get(key)
        if other is not None:
            counts["further_programs"] += 1
        if other is None or program.text <= other.text:
            first[key] = program
    pairs = []
    for problem in problems:
        pair = _pair(first.get((problem, source)), first.get((problem, target)), target)
        if pair is None or (pair.target is None and not alone):
            counts["unpaired_removed"] += 1
        else:
            pairs.append(pair)
    return pairs, counts


def _pair(source: Solution | None, target: Solution | None, language: str) -> Pair | None:
    """Return the pair of two programs, None if there is neither a translation nor a test."""
    if source is None:
        return None
    tests = _tests(source, target)
    if target is None and tests is None:
        return None
    return Pair(
        source=source.text.rstrip(),
        target=None if target is None else target.text.rstrip(),
        language=language,
        problem=source.problem,
        tests=tests,
    )


def _tests(source: Solution, target: Solution | None) -> Tests | None:
    if isinstance(source.tests, Streams):
        return source.tests
    return None if target is None else target.tests


def kind(pairs: Sequence[Pair]) -> str | None:
    """Return the names of the kinds of tests that pairs have, None if they have none."""
    kinds: dict[str, None] = {}
    for pair in pairs:
        if pair.tests is not None:
            kinds[KINDS[type(pair.tests)]] = None
    return " and ".join(kinds) or None


def refuse_unpaired(path: PurePath, pairs_of: Mapping[str, Sequence[Pair]], direction: str) -> None:
    """Raise UsageError if a split has no pair; it is called "" if the files' names tell none."""
    source, target = direction.split(":")
    for split, pairs in pairs_of.items():
        if pairs:
            continue
        files = f"{split} files" if split else "files"
        remedy = REMEDIES.get(split, "what is trained on needs both: give others")
        raise UsageError(
            f"{path}: no problem of its {files} has programs in both {source} and {target}; "
            f"{remedy}"
        )
