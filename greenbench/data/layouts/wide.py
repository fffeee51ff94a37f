"""Tables with a column for each language and a pair in every row, as CodeXGLUE has them.

They bring no tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.data import table_files, tables
from greenbench.data.languages import LANGUAGES
from greenbench.data.layouts.records import NAMES
from greenbench.data.pairs import Pair, arranged
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.pairs import Facts, PairLists
    from greenbench.data.split_files import NamedSplits

NAME = "wide"
LOOKS = (
    "a column for each language (java, cs), or source and target with --green-direction SRC:DST, "
    "e.g. java:cs"
)
ROLES = ("source", "target")
SHOWN = 30
"""Column names that an error message lists at most."""


def fits(columns: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether the columns, or those that the user chose, can be of this layout."""
    return bool(chosen) or "target" in columns or bool(_languages(columns))


def sure(columns: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether a table can be of no other layout, whatever other columns it has."""
    if "target" in columns or not chosen.keys().isdisjoint(ROLES):
        return True
    return len(set(_languages(columns))) > 1


def load(
    found: NamedSplits, chosen: Mapping[str, str], direction: str | None, seed: int
) -> tuple[PairLists, Facts]:
    """Read pairs in the splits that the files' names tell, else split them; facts say which."""
    direction = direction or _direction(found.files[0], chosen)
    found.refuse_missing()
    pairs_of = {}
    for name, files in found.members.items():
        pairs_of[name] = _pairs(files, chosen, direction)
    parts, facts = arranged(found.root, pairs_of, seed)
    facts["sha256"] = table_files.digest(found.root, sorted(found.files))
    facts["rows"] = sum(map(len, parts))
    facts["direction"] = direction
    facts["layout"] = NAME
    facts["test_kind"] = None
    facts.update(found.facts)
    return parts, facts


def _languages(columns: Sequence[str]) -> list[str]:
    languages = []
    for column in columns:
        for language, names in NAMES.items():
            if column.lower() in names:
                languages.append(language)
    return languages


def _direction(file: PurePath, chosen: Mapping[str, str]) -> str:
    """Return the direction that the columns tell: two languages, in the order of the columns."""
    columns = [c.lower() for c in tables.columns(file)]
    languages = _languages(columns)
    if len(languages) == 2 and not chosen:  # noqa: PLR2004  a translation is between two
        return ":".join(languages)
    raise UsageError(
        f"{file}: which language is translated into which is not clear from the columns "
        f"({', '.join(columns[:SHOWN])}); say it with --green-direction SRC:DST, e.g. java:cs; "
        f"languages are {', '.join(LANGUAGES)}"
    )


def _pairs(files: Sequence[PurePath], chosen: Mapping[str, str], direction: str) -> list[Pair]:
    source, target = direction.split(":")
    roles = {"source": (*NAMES[source], "source"), "target": (*NAMES[target], "target")}
    pairs: list[Pair] = []
    for file in files:
        pairs += _table_pairs(tables.read(file, roles, chosen), target)
    return pairs


def _table_pairs(table: tables.Table, language: str) -> list[Pair]:
    pairs = []
    for index, row in enumerate(table.rows()):
        source, target = row["source"], row["target"]
        if not isinstance(source, str) or not isinstance(target, str):
            raise UsageError(
                f"{table.where(index)}: source and target must be text; mend the row or name "
                "other columns"
            )
        pairs.append(Pair(source=source.rstrip(), target=target.rstrip(), language=language))
    return pairs
