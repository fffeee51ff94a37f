"""``[tool.greenbench]`` of a pyproject.toml: found from a place upwards, and read."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING

from greenbench.data.ordinary_files import read_bytes
from greenbench.errors import UsageError
from greenbench.experiment.option_parsers import shortened
from greenbench.experiment.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_BYTES = 1 << 24
"""Of a pyproject.toml."""


def read_pyproject(root: Path) -> dict[str, object]:
    """Return ``[tool.greenbench]`` of the pyproject.toml in ``root``, empty if there is none.

    Raises UsageError if it cannot be read, is not valid TOML, or has other tables and keys: gates
    may stand in it, which must not be lost silently.
    """
    file = root / "pyproject.toml"
    if not os.path.lexists(file):
        return {}
    table = _tool_table(file)
    known = [o.name for o in OPTIONS]
    unknown = sorted(set(table) - set(known))
    if unknown:
        keys = ", ".join(map(repr, unknown))
        raise UsageError(f"{file}: [tool.greenbench] has no {keys}; it has: {', '.join(known)}")
    return table


def _tool_table(file: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(read_bytes(file, MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); mend or move it") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    except RecursionError as error:
        raise UsageError(f"{file}: its lists or tables are nested too deeply") from error
    except ValueError as error:  # a number of too many digits is no TOMLDecodeError
        raise UsageError(f"{file}: not valid TOML ({error})") from error
    table: dict[str, object] = document
    for name in ("tool", "greenbench"):
        inner = table.get(name, {})
        if not isinstance(inner, dict):
            raise UsageError(
                f"{file}: {name} is {shortened(inner)}; write a table, [tool.greenbench]"
            )
        table = inner
    return table


def nearest_settings(places: Iterable[Path]) -> Path | None:
    """Return the nearest folder, upwards from one of ``places``, whose pyproject.toml has settings.

    The first place that leads to any counts. A pyproject.toml without ``[tool.greenbench]`` is
    passed over, as that of a package within a project is. Raises UsageError as ``read_pyproject``.
    """
    for place in places:
        start = place.resolve()
        for folder in (start, *start.parents):
            if read_pyproject(folder):
                return folder
    return None
