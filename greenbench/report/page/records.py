"""What the cells' numbers stand on, as the page holds it: compressed, for its script to show.

Hundreds of cells say much the same in other numbers: compressed they take a twentieth.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields
from typing import TYPE_CHECKING

from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.report.page.provenance import Provenance


def packed(records: Iterable[Provenance]) -> str:
    """Return the records as Base64 of a zlib stream (RFC 1950) of JSON.

    The JSON is a list with an object for each record, by the names of its fields; facts, windows
    and knobs are lists of texts. Control characters are written out, as everywhere on the page.
    """
    found = []
    for record in records:
        values = {field.name: getattr(record, field.name) for field in fields(record)}
        found.append({name: _shown(value) for name, value in values.items()})
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")


def unpacked(text: str) -> Sequence[dict[str, object]]:
    """Return the list that ``packed`` has written."""
    found: list[dict[str, object]] = json.loads(zlib.decompress(base64.b64decode(text)))
    return found


def _shown(value: object) -> object:
    """Return a value whose texts have no control characters, and no halves of a character."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return [_shown(part) for part in value]
    return value
