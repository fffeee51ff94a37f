"""Where a person's files and the user's cache lie."""

from __future__ import annotations

import os
from pathlib import Path


def local_path(text: str) -> Path:
    """Return the path that a person wrote, ``~`` expanded where it names a home directory."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user: then it is a name like any other
        return Path(text)


def cache() -> Path:
    """Return the folder of greenbench in the user's cache, by the XDG base directory specification."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".cache") / "greenbench"
