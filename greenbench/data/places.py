"""Paths that a user gives, and greenbench's folder in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path


def local_path(text: str) -> Path:
    """Return ``text`` as a path, with ``~`` expanded if it names a home directory."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, so the name is taken literally
        return Path(text)


def cache() -> Path:
    """Return greenbench's cache folder, by the XDG Base Directory Specification."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification has relative paths ignored
    base = chosen if chosen.is_absolute() else Path.home() / ".cache"
    return base / "greenbench"
