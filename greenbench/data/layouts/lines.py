"""Text files with a program a line, as CodeXGLUE publishes its pairs of Java and C#.

``train.java-cs.txt.java`` has the programs and ``train.java-cs.txt.cs`` their translations, line by
line; AVATAR's functions are ``train.java-python.java`` and ``train.java-python.python``. They bring
no tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.data import table_files
from greenbench.data.formats import decoded
from greenbench.data.layouts.records import NAMES, language
from greenbench.data.pairs import Pair, arranged
from greenbench.data.split_files import parts_by_split
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path, PurePath

    from greenbench.data.pairs import Facts, PairLists

NAME = "lines"
LOOKS = "files with a program a line (train.java-cs.txt.java beside train.java-cs.txt.cs)"
_FILE = re.compile(r"(?P<stem>.*?(?P<languages>[^-._]+-[^-._]+)(?:\.txt)?)\.(?P<ending>[^.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Files whose lines are translations of each other."""

    stem: Path
    """Their common path, without the ending that names a language."""
    pair: tuple[str, str]
    """Both languages, in the order of the file's name."""
    files: Mapping[str, Path]
    """Language to its file."""

    def refuse_half(self) -> None:
        """Raise UsageError if one of the two files is missing."""
        for name in self.pair:
            if name not in self.files:
                (present,) = self.files.values()
                raise UsageError(
                    f"{present}: has a program a line, and the file beside it with the same "
                    f"programs in {name} is missing; add it, or remove this one"
                )


def fits(file: PurePath) -> bool:
    """Whether a file's name is of this layout."""
    return _languages(file.name) is not None


def find(root: Path) -> list[Parallel]:
    """Return the files of this layout below ``root``, sorted, each with its translations."""
    files_of: dict[Path, dict[str, Path]] = {}
    pairs: dict[Path, tuple[str, str]] = {}
    for file in sorted(root.rglob("*")):
        languages = _languages(file.name)
        hidden = any(name.startswith(".") for name in file.relative_to(root).parts)
        if languages is None or hidden or not file.is_file():
            continue
        *pair, own = languages
        stem = file.with_suffix("")
        files_of.setdefault(stem, {})[own] = file
        pairs[stem] = (pair[0], pair[1])
    found = []
    for stem, files in files_of.items():
        found.append(Parallel(stem=stem, pair=pairs[stem], files=files))
    return found


def load(
    root: Path, found: Sequence[Parallel], direction: str | None, seed: int
) -> tuple[PairLists, Facts]:
    """Read pairs in the splits that the files' names tell, else split them; facts say which.

    Raises UsageError if it is not clear which languages are meant, or if lines do not correspond.
    """
    direction = direction or _direction(root, found)
    source, target = direction.split(":")
    chosen: dict[PurePath, Parallel] = {}
    for parallel in found:
        if set(parallel.pair) == {source, target}:
            chosen[parallel.stem] = parallel
    if not chosen:
        raise UsageError(
            f"--green-direction: found {direction!r}, but the files of {root} are in "
            f"{_listing(found)}; choose two of these"
        )
    named = parts_by_split(root, list(chosen))
    named.refuse_missing(may_lack=("valid",))
    pairs_of: dict[str, list[Pair]] = {}
    for split, stems in named.members.items():
        read = [_pairs(chosen[stem], source, target) for stem in stems]
        pairs_of[split] = [pair for pairs in read for pair in pairs]
    parts, facts = arranged(root, pairs_of, seed)
    files = [file for parallel in chosen.values() for file in parallel.files.values()]
    facts["sha256"] = table_files.digest(root, sorted(files))
    facts["rows"] = sum(map(len, parts))
    facts["direction"] = direction
    facts["layout"] = NAME
    facts["test_kind"] = None
    facts.update(named.facts)
    return parts, facts


def _languages(name: str) -> tuple[str, str, str] | None:
    """Return both languages that a file's name tells, and the one of the file itself."""
    match = _FILE.fullmatch(name)
    if match is None:
        return None
    first, second = map(language, match["languages"].split("-"))
    own = language(match["ending"])
    known = first != second and {first, second} <= NAMES.keys()
    return (first, second, own) if known and own in {first, second} else None


def _listing(found: Sequence[Parallel]) -> str:
    return " and in ".join(dict.fromkeys(":".join(parallel.pair) for parallel in found))


def _direction(root: Path, found: Sequence[Parallel]) -> str:
    """Return the direction that all names tell."""
    directions = {":".join(parallel.pair) for parallel in found}
    if len(directions) > 1:
        raise UsageError(
            f"{root}: there are programs in {_listing(found)}; say which language is translated "
            f"into which with --green-direction SRC:DST, e.g. {min(directions)}"
        )
    return directions.pop()


def _pairs(parallel: Parallel, source: str, target: str) -> list[Pair]:
    """Return the pairs of two files, line by line."""
    parallel.refuse_half()
    sources = _lines(parallel.files[source])
    targets = _lines(parallel.files[target])
    if len(sources) != len(targets):
        other = f"{parallel.files[target].name} {len(targets)}"
        raise UsageError(
            f"{parallel.files[source]}: has {len(sources)} lines, and {other}; each line is to be "
            "the translation of the other's: fetch both again"
        )
    pairs = []
    for text, translation in zip(sources, targets, strict=True):
        pairs.append(Pair(source=text, target=translation, language=target))
    return pairs


def _lines(file: Path) -> list[str]:
    """Return the programs of a file. Line feeds alone end them: form feeds may be in them."""
    lines = decoded(file).removeprefix("\ufeff").removesuffix("\n").split("\n")
    programs = [line.rstrip() for line in lines]
    if "" in programs:
        raise UsageError(
            f"{file}:{programs.index('') + 1}: the line is blank; a program a line is needed: "
            "fetch the file again, or remove the line in both languages"
        )
    return programs
