"""Tables with one column for each language, a pair in every row: CodeXGLUE's layout. They bring no tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.data import tables
from greenbench.data.languages import LANGUAGES
from greenbench.data.layouts.records import NAMES
from greenbench.data.layouts.sides import named
from greenbench.data.pairs import AUTHORS_RULE, Pair, split
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.data.pairs import Sides

NAME = "wide"
LOOKS = "a column for each language (java, cs), or source and target with --green-direction SRC:DST, e.g. java:cs"
ROLES = ("source", "target")


def fits(columns: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether the columns, or those that the user chose, are of this layout."""
    return bool(chosen) or "target" in columns or bool(_languages(columns))


def sure(columns: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether a table can be of no other layout, whatever else stands in it."""
    return (
        bool(set(chosen) & set(ROLES)) or "target" in columns or len(set(_languages(columns))) > 1
    )


def load(
    path: Path, found: Sequence[Path], chosen: Mapping[str, str], direction: str | None, seed: int
) -> tuple[Sides, dict[str, Any]]:
    """Read pairs, in the sides that the files' names tell, else split here; the facts say which."""
    direction = direction or _direction(found[0], chosen)
    by_side = named(path, found)
    if by_side:
        read = {side: _pairs(files, chosen, direction) for side, files in by_side.items()}
        sides: Sides = (read["train"], read["valid"], read["test"])
        facts = {"split_rule": AUTHORS_RULE, "duplicates_removed": 0}
    else:
        sides, facts = split(_pairs(found, chosen, direction), seed=seed, origin=str(path))
    told = {
        "sha256": tables.digest(path, found),
        "rows": sum(map(len, sides)),
        "direction": direction,
    }
    return sides, {**facts, **told, "layout": NAME, "test_kind": None}


def _languages(columns: Sequence[str]) -> list[str]:
    return [
        language
        for column in columns
        for language, names in NAMES.items()
        if column.lower() in names
    ]


def _direction(file: Path, chosen: Mapping[str, str]) -> str:
    """Return the direction that the columns tell: two languages, in the order in which they stand."""
    columns = [c.lower() for c in tables.columns(file)]
    found = _languages(columns)
    if len(found) == 2 and not chosen:  # noqa: PLR2004  a translation is between two
        return ":".join(found)
    raise UsageError(
        f"{file}: which language is translated into which does not stand in the columns ({', '.join(columns[:30])}); say it "
        f"with --green-direction SRC:DST, e.g. java:cs; languages are {', '.join(LANGUAGES)}"
    )


def _pairs(files: Sequence[Path], chosen: Mapping[str, str], direction: str) -> list[Pair]:
    source, target = direction.split(":")
    roles = {"source": (*NAMES[source], "source"), "target": (*NAMES[target], "target")}
    return [
        pair for file in files for pair in _file_pairs(tables.read(file, roles, chosen), target)
    ]


def _file_pairs(table: tables.Table, language: str) -> list[Pair]:
    pairs = []
    for index, (source, target) in enumerate(
        zip(table.columns["source"], table.columns["target"], strict=True)
    ):
        if not (isinstance(source, str) and isinstance(target, str)):
            raise UsageError(
                f"{table.where(index)}: source and target must be text; mend the row or name other columns"
            )
        pairs.append(Pair(source=source.rstrip(), target=target.rstrip(), language=language))
    return pairs
