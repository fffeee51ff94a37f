"""What installed packages say about themselves, read once for all sessions of a process.

Each session looks for plugins in the entry points of every installed package, and names the
versions of those it has found: 0.02 of the 0.3 s of a session in miniature.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import Distribution, PathDistribution

INSTALLED = sys.prefix + "/"


@cache
def read_once() -> None:
    """Let entry points and metadata of packages below ``sys.prefix`` be read once."""
    for name in ("entry_points", "metadata"):
        setattr(PathDistribution, name, property(_kept(vars(Distribution)[name].fget)))


def _kept(read):
    """Return a function that remembers what ``read`` says of an installed package."""
    known: dict[str, object] = {}

    def kept(package: PathDistribution) -> object:
        folder = str(package._path)
        if not folder.startswith(INSTALLED):  # a test may have written it, and write it again
            return read(package)
        if folder not in known:
            known[folder] = read(package)
        return known[folder]

    return kept
