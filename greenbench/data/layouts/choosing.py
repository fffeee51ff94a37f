"""Recognise the layout of translation data, and read pairs from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.data import table_files, tables
from greenbench.data.formats import extension, undecodable_together
from greenbench.data.layouts import evalplus, folders, humaneval_x, lines, long, wide
from greenbench.data.layouts.joining import direction_of, join, kind, refuse_unpaired
from greenbench.data.layouts.records import Solutions
from greenbench.data.pairs import arranged
from greenbench.data.split_files import NamedSplits, parts_by_split, tables_by_split
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.layouts.lines import Parallel
    from greenbench.data.layouts.records import Solution
    from greenbench.data.pairs import Facts, Pair, PairLists


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout of tables with programs."""

    looks: str
    """Its columns, for error messages."""
    fits: Callable[[Sequence[str], Mapping[str, str]], bool]
    """Takes the columns in lower case, and those that the user chose."""
    read: Callable[[PurePath, Mapping[str, str]], Solutions]


TABLES: Mapping[str, Layout] = {
    evalplus.NAME: Layout(looks=evalplus.LOOKS, fits=evalplus.fits, read=evalplus.read),
    humaneval_x.NAME: Layout(looks=humaneval_x.LOOKS, fits=humaneval_x.fits, read=humaneval_x.read),
    long.NAME: Layout(looks=long.LOOKS, fits=long.fits, read=long.read),
}
"""The first one that fits is taken, and wide tables last."""
TOGETHER = {evalplus.NAME, humaneval_x.NAME}
"""Layouts whose problems have the same names: programs of both can be one pair."""
LOOKED_FOR = "; ".join(
    [wide.LOOKS, *(layout.looks for layout in TABLES.values()), folders.LOOKS, lines.LOOKS]
)
SHOWN = 30
"""Column names that an error message lists at most."""


def load(
    path: PurePath, chosen: Mapping[str, str], direction: str | None, seed: int
) -> tuple[PairLists, Facts]:
    """Read the pairs at ``path`` in the splits that names tell, else split them, and the facts.

    ``chosen`` maps roles to columns that the user named; ``direction`` is ``SRC:DST``, or None for
    the data's own. Raises UsageError for data that are damaged, ambiguous or of no known layout.
    """
    folders_of_programs = _folders_of_programs(path)
    if folders_of_programs:
        _refuse_chosen(folders.NAME, chosen)
        found = parts_by_split(path, folders_of_programs)
        layouts = dict.fromkeys(found.files, folders.NAME)
        texts = [file for part in folders_of_programs for file in folders.texts(part)]
        with undecodable_together(path, texts):
            return _load_programs(found, layouts, chosen, direction, seed)
    parallel = _parallel_files(path)
    if parallel and isinstance(path, Path):
        _refuse_chosen(lines.NAME, chosen)
        texts = [file for files in parallel for file in files.files.values()]
        with undecodable_together(path, texts):
            return lines.load(path, parallel, direction, seed)
    found = _tables(path)
    with undecodable_together(path, found.files):
        layouts = {file: _layout(file, chosen) for file in found.files}
        if set(layouts.values()) == {wide.NAME}:
            return wide.load(found, chosen, direction, seed)
        return _load_programs(found, layouts, chosen, direction, seed)


# --- recognising ----------------------------------------------------------------------------------


def _folders_of_programs(path: PurePath) -> list[Path]:
    """Return the folders of programs below ``path``; the hub has none."""
    if not isinstance(path, Path) or not path.is_dir():
        return []
    parts = folders.parts(path)
    if parts:
        _refuse_tables_beside(path, f"folders of programs ({parts[0].relative_to(path)})")
    return parts


def _parallel_files(path: PurePath) -> list[Parallel]:
    """Return the files below ``path`` that have a program a line; the hub has none."""
    if not isinstance(path, Path):
        return []
    if path.is_file() and lines.fits(path):
        raise UsageError(
            f"{path}: has a program a line, and the translations are in another file; give the "
            "folder of both"
        )
    found = lines.find(path)
    if found:
        (first, *_) = found[0].files.values()
        _refuse_tables_beside(path, f"files with a program a line ({first.relative_to(path)})")
    return found


def _tables(path: PurePath) -> NamedSplits:
    if isinstance(path, Path) and path.is_dir() and not any(map(extension, path.rglob("*"))):
        raise UsageError(
            f"{path}: the folder holds no translation data; looked for: {LOOKED_FOR}; give another "
            "path"
        )
    return tables_by_split(path)


def _layout(file: PurePath, chosen: Mapping[str, str]) -> str:
    """Return the name of the layout that a table's columns tell."""
    columns = [c.lower() for c in tables.columns(file)]
    name = _fitting_table(columns, chosen)
    if name is None and columns and not wide.fits(columns, chosen):
        raise UsageError(
            f"{file}: the columns ({', '.join(columns[:SHOWN])}) are of no layout; looked for: "
            f"{LOOKED_FOR}; rename them, or say which they are with --green-columns "
            "T1=source:COLUMN,target:COLUMN"
        )
    if name in TOGETHER:
        _refuse_chosen(name, chosen)
    return name or wide.NAME


def _fitting_table(columns: Sequence[str], chosen: Mapping[str, str]) -> str | None:
    for name, layout in TABLES.items():
        if layout.fits(columns, chosen):
            is_wide = name == long.NAME and wide.sure(columns, chosen)
            return None if is_wide else name
    return None


def _refuse_chosen(layout: str, chosen: Mapping[str, str]) -> None:
    if chosen:
        raise UsageError(
            f"--green-columns T1: {layout} data have no columns to choose; leave it out"
        )


def _refuse_tables_beside(path: Path, others: str) -> None:
    for file in sorted(path.iterdir()):
        if file.is_file() and extension(file):
            raise UsageError(
                f"{path}: holds the table {file.name} and {others}; which one is meant cannot be "
                "known: give one of them"
            )


# --- reading --------------------------------------------------------------------------------------


def _load_programs(
    found: NamedSplits,
    layouts: Mapping[PurePath, str],
    chosen: Mapping[str, str],
    direction: str | None,
    seed: int,
) -> tuple[PairLists, Facts]:
    found.refuse_missing(may_lack=("valid",))
    path = found.root
    solutions_of: dict[str, Solutions] = {}
    programs: list[Solution] = []
    files: set[PurePath] = set()
    for name, parts in found.members.items():
        solutions = _read(path, {part: layouts[part] for part in parts}, chosen)
        solutions_of[name] = solutions
        programs += solutions.programs
        files.update(solutions.files)
    direction = direction_of(path, programs, direction)
    pairs_of, left_out = _joined(solutions_of, direction)
    refuse_unpaired(path, pairs_of, direction)
    pair_lists, facts = arranged(path, pairs_of, seed)
    names = sorted(set(layouts.values()))
    languages = Counter(p.language for p in programs)
    facts["sha256"] = table_files.digest(path, sorted(files))
    facts["rows"] = sum(map(len, pair_lists))
    facts["direction"] = direction
    facts["layout"] = " and ".join(names)
    facts["test_kind"] = kind(pair_lists[2])
    facts["programs"] = dict(languages)
    facts.update(left_out)
    facts.update(found.facts)
    return pair_lists, facts


def _read(path: PurePath, layouts: Mapping[PurePath, str], chosen: Mapping[str, str]) -> Solutions:
    """Read the files or folders of one split."""
    _refuse_mixed(path, layouts)
    strict: list[Solution] = []
    others: list[Solution] = []
    combined = Solutions()
    for part, layout in layouts.items():
        if isinstance(part, Path) and isinstance(path, Path) and layout == folders.NAME:
            solutions = folders.read(part, path)
        else:
            solutions = TABLES[layout].read(part, chosen)
        (strict if layout == evalplus.NAME else others).extend(solutions.programs)
        combined.marked_unusable += solutions.marked_unusable
        combined.files += solutions.files
    combined.programs = evalplus.with_tests_of(others, strict)
    return combined


def _refuse_mixed(path: PurePath, layouts: Mapping[PurePath, str]) -> None:
    """Refuse tables of which it cannot be known whether they share problems."""
    (first, name), *others = layouts.items()
    for part, other in others:
        if other != name and {name, other} != TOGETHER:
            raise UsageError(
                f"{path}: {first.name} is of the layout {name} and {part.name} of {other}; give "
                f"tables of one layout ({' and '.join(sorted(TOGETHER))} may stand together)"
            )


def _joined(
    solutions_of: Mapping[str, Solutions], direction: str
) -> tuple[dict[str, list[Pair]], Counter[str]]:
    """Return the pairs of each split, and counts of what was left out."""
    pairs_of: dict[str, list[Pair]] = {}
    left_out = Counter(marked_unusable=0)
    for name, solutions in solutions_of.items():
        pairs, counts = join(solutions.programs, direction, alone=name == "test")
        pairs_of[name] = pairs
        left_out.update(counts)
        left_out["marked_unusable"] += solutions.marked_unusable
    return pairs_of, left_out
