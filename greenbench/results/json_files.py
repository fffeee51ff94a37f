"""Reads the JSON of results files and saved runs, whoever wrote, cut or merged them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from greenbench.data.ordinary_files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_BYTES = 1 << 29
"""10,000 cells take 10 MB."""
KEY_END = re.compile(r'"\s*:')
"""What each key of an object ends with, and parts of few texts look like."""
CONTAINERS = (dict, list)
MOST_LEVELS = 100
"""Lists and objects within each other: a record has ten, and Python compares a few hundred."""


def read_json(path: Path) -> object:
    """Return what a file holds; raises ValueError, whose text is a clause, for what is not JSON."""
    try:
        text = read_bytes(path, MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from error
    too_deep = f"more than {MOST_LEVELS} lists and objects stand within each other"
    try:
        data = json.loads(text)
        levels, entries = _shape(data)
        # As many entries as ends of keys: no key was lost, so none stood twice. A text that looks
        # like the end of a key is why there may be fewer, so then each object is looked at.
        if entries < len(KEY_END.findall(text)):
            json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError(too_deep) from error
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):  # Python's advice to whoever writes the program
            raise ValueError("a number has more than 4,300 digits") from error
        raise
    if levels > MOST_LEVELS:
        raise ValueError(too_deep)
    return data


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; raises ValueError if it has a key twice, as a merge may leave it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{repeated!r} stands twice in one object")
    return found


def _shape(data: object) -> tuple[int, int]:
    """Return how deep ``data`` is, and how many entries all of its objects have.

    It goes level by level: recursion would end at what it looks for.
    """
    levels, entries = 0, 0
    level = [data] if isinstance(data, CONTAINERS) else []
    while level:
        levels += 1
        inner = []
        for container in level:
            values: Iterable[object] = container
            if isinstance(container, dict):
                entries += len(container)
                values = container.values()
            for value in values:
                if isinstance(value, CONTAINERS):
                    inner.append(value)
        level = inner
    return levels, entries
