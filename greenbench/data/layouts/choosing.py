"""Look at files and folders, choose the layout that they are of, and read pairs from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.data import tables
from greenbench.data.examples import normalised
from greenbench.data.formats import extension
from greenbench.data.layouts import evalplus, folders, humaneval_x, long, wide
from greenbench.data.layouts.joining import direction_of, join, kind, refuse_unpaired
from greenbench.data.layouts.records import Read
from greenbench.data.layouts.sides import named
from greenbench.data.pairs import AUTHORS_RULE, shuffled, split
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from greenbench.data.pairs import Pair, Sides

TENTH_RULE = "the authors' train / test, a random tenth of train as valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Tables of programs."""

    looks: str
    """Its signature, for error sentences."""
    fits: Callable[[Sequence[str], Mapping[str, str]], bool]
    """Given the columns in lower case, and those that the user chose."""
    read: Callable[[Path, Mapping[str, str]], Read]


TABLES: Mapping[str, Layout] = {
    evalplus.NAME: Layout(looks=evalplus.LOOKS, fits=evalplus.fits, read=evalplus.read),
    humaneval_x.NAME: Layout(looks=humaneval_x.LOOKS, fits=humaneval_x.fits, read=humaneval_x.read),
    long.NAME: Layout(looks=long.LOOKS, fits=long.fits, read=long.read),
}
"""The first one that fits is taken, and wide tables last."""
TOGETHER = {evalplus.NAME, humaneval_x.NAME}
"""Layouts whose problems have the same names: one's Java and the other one's Python are pairs."""
LOOKED_FOR = "; ".join([wide.LOOKS, *(layout.looks for layout in TABLES.values()), folders.LOOKS])


def load(
    path: Path, chosen: Mapping[str, str], direction: str | None, seed: int
) -> tuple[Sides, dict[str, Any]]:
    """Read the pairs at ``path``, in the sides that names tell, else split here, and facts on them. Raises UsageError.

    ``chosen`` maps roles to columns that the user named, ``direction`` is ``SRC:DST`` or None for the data's own.
    """
    parts = folders.parts(path) if path.is_dir() else []
    if parts:
        _refuse_tables_beside(path, parts)
        _refuse_chosen(folders.NAME, chosen)
        return _programs(path, dict.fromkeys(parts, folders.NAME), chosen, direction, seed)
    layouts = {file: _layout(file, chosen) for file in _tables(path)}
    if set(layouts.values()) == {wide.NAME}:
        return wide.load(path, list(layouts), chosen, direction, seed)
    return _programs(path, layouts, chosen, direction, seed)


# --- looking ------------------------------------------------------------------------------------------------------------


def _tables(path: Path) -> tuple[Path, ...]:
    if path.is_dir() and not any(extension(p) for p in path.rglob("*")):
        raise UsageError(
            f"{path}: the folder holds no translation data; looked for: {LOOKED_FOR}; give another path"
        )
    return tables.files(path)


def _layout(file: Path, chosen: Mapping[str, str]) -> str:
    """Return the name of the layout that a table's columns tell."""
    columns = [c.lower() for c in tables.columns(file)]
    fit = [name for name, layout in TABLES.items() if layout.fits(columns, chosen)]
    if fit[:1] == [long.NAME] and wide.sure(columns, chosen):
        fit = []
    if not fit and columns and not wide.fits(columns, chosen):
        raise UsageError(
            f"{file}: the columns ({', '.join(columns[:30])}) are of no layout; looked for: {LOOKED_FOR}; rename them, or say "
            "which they are with --green-columns T1=source:COLUMN,target:COLUMN"
        )
    name = (fit or [wide.NAME])[0]
    if name in TOGETHER:
        _refuse_chosen(name, chosen)
    return name


def _refuse_chosen(layout: str, chosen: Mapping[str, str]) -> None:
    if chosen:
        raise UsageError(
            f"--green-columns T1: {layout} data have no columns to choose; leave it out"
        )


def _refuse_tables_beside(path: Path, parts: Sequence[Path]) -> None:
    beside = sorted(p for p in path.iterdir() if p.is_file() and extension(p))
    if beside:
        raise UsageError(
            f"{path}: holds the table {beside[0].name} and folders of programs ({parts[0].relative_to(path)}); which one is "
            "meant cannot be known: give one of them"
        )


# --- reading ------------------------------------------------------------------------------------------------------------


def _programs(
    path: Path,
    layouts: Mapping[Path, str],
    chosen: Mapping[str, str],
    direction: str | None,
    seed: int,
) -> tuple[Sides, dict[str, Any]]:
    by_side = named(path, list(layouts), may_lack=("valid",)) or {"": list(layouts)}
    read = {
        side: _side(path, {part: layouts[part] for part in parts}, chosen)
        for side, parts in by_side.items()
    }
    every = [p for one in read.values() for p in one.programs]
    direction = direction_of(path, every, direction)
    joined = {
        side: join(one.programs, direction, alone=side == "test") for side, one in read.items()
    }
    pairs = {side: made for side, (made, _) in joined.items()}
    refuse_unpaired(path, pairs, direction)
    sides, facts = _arranged(path, pairs, seed)
    left_out = Counter(marked_unusable=sum(one.marked_unusable for one in read.values()))
    for _, counts in joined.values():
        left_out.update(counts)
    return sides, {
        **facts,
        "sha256": tables.digest(
            path, sorted({file for one in read.values() for file in one.files})
        ),
        "rows": sum(map(len, sides)),
        "direction": direction,
        "layout": " and ".join(sorted(set(layouts.values()))),
        "test_kind": kind(sides[2]),
        "programs": dict(Counter(p.language for p in every)),
        **left_out,
    }


def _side(path: Path, layouts: Mapping[Path, str], chosen: Mapping[str, str]) -> Read:
    """Read the files or folders of one side."""
    _refuse_mixed(path, layouts)
    read = {
        part: folders.read(part, path) if name == folders.NAME else TABLES[name].read(part, chosen)
        for part, name in layouts.items()
    }
    strict = [
        p for part, one in read.items() if layouts[part] == evalplus.NAME for p in one.programs
    ]
    others = [
        p for part, one in read.items() if layouts[part] != evalplus.NAME for p in one.programs
    ]
    return Read(
        programs=evalplus.judging(others, strict),
        marked_unusable=sum(one.marked_unusable for one in read.values()),
        files=[file for one in read.values() for file in one.files],
    )


def _refuse_mixed(path: Path, layouts: Mapping[Path, str]) -> None:
    """Refuse tables whose problems cannot be told to be the same or not."""
    (first, name), *others = layouts.items()
    for part, other in others:
        if other != name and {name, other} != TOGETHER:
            raise UsageError(
                f"{path}: {first.name} is of the layout {name} and {part.name} of {other}; give tables of one layout "
                f"({' and '.join(sorted(TOGETHER))} may stand together)"
            )


def _arranged(
    path: Path, pairs: Mapping[str, list[Pair]], seed: int
) -> tuple[Sides, dict[str, Any]]:
    """Return train, valid and test: those that names tell, with a tenth of train as valid where none is named."""
    if "" in pairs:
        return split(pairs[""], seed=seed, origin=str(path))
    if "valid" in pairs:
        return (pairs["train"], pairs["valid"], pairs["test"]), {
            "split_rule": AUTHORS_RULE,
            "duplicates_removed": 0,
        }
    distinct = list({normalised(p.source): p for p in pairs["train"]}.values())
    tenth = max(1, round(len(distinct) / 10))
    mixed = shuffled(distinct, seed)
    told = {"split_rule": TENTH_RULE, "duplicates_removed": len(pairs["train"]) - len(distinct)}
    return (mixed[tenth:], mixed[:tenth], pairs["test"]), told
