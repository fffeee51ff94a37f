"""Labels of any kind of value, numbered in an order that does not depend on the rows' order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from greenbench.tasks.kinds.description import TaskDescription

MOST = 1000
"""Labels beyond which a column is taken for something else, such as an identifier."""


def text_of(value: object) -> str:
    """Return what a label is called: ``3`` for 3 and 3.0, which tables mix."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def numbered(found: Iterable[str], description: TaskDescription) -> Mapping[str, int]:
    """Return the number of each label: by the file's order, by size of numbers, else by letters.

    Raises UsageError for a label that the file does not list, and for too few or too many.
    """
    names = set(found)
    if description.labels:
        unknown = sorted(names - set(description.labels))
        if unknown:
            listed = ", ".join(description.labels)
            raise description.error(
                f"the data have the label {unknown[0]!r}, and labels lists {listed}; add it there, "
                "or leave labels out"
            )
        return {name: place for place, name in enumerate(description.labels)}
    if not 2 <= len(names) <= MOST:  # noqa: PLR2004
        some = ", ".join(sorted(names)[:3])
        raise description.error(
            f"the label column has {len(names)} different values ({some}); a classifier needs 2 to "
            f"{MOST}: name another column in data.columns"
        )
    return {name: place for place, name in enumerate(sorted(names, key=_order))}


def _order(name: str) -> tuple[bool, float, str]:
    """Sort numbers by size, before texts by letters."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
