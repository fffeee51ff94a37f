"""How a session of pytest tells its parent, ``greenbench run``, that it ended by itself.

A process that calls ``os._exit(0)`` in C, or replaces itself by another, ends in 0 and can say
nothing more; and a session without greenbench's plugin judges nothing. So the parent hands over the
name of a file, and only the end of a session writes the exit status into it.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "GREENBENCH_ENDING"
"""The environment variable that names the file."""
FAILED = 1


def requested() -> Path | None:
    """Return the file that a parent waits for, once: processes of the session do not inherit it."""
    name = os.environ.pop(VARIABLE, "")
    return Path(name) if name else None


def verified(status: int, file: Path) -> tuple[int, str]:
    """Return the status of a session that ended with ``status``, and what is wrong if it differs.

    A 0 counts only if ``file`` says so.
    """
    if status != 0:
        return status, ""
    try:
        stated = int(file.read_text("ascii"))
    except (OSError, ValueError):
        return FAILED, (
            "pytest ended with 0 before its session's end, or without greenbench's plugin, so no "
            "gate was judged; find what calls os._exit or exec, or leave out -p no:greenbench and "
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
        )
    if stated != 0:
        return stated, f"the session ended with {stated}, and something at exit turned it into 0"
    return 0, ""
