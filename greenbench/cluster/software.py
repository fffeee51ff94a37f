"""The software of a checkout: what a run's machines are compared by before their first block."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from greenbench.cluster.plan import Software
from greenbench.machine.environment import git_state, package_versions

if TYPE_CHECKING:
    from pathlib import Path


def software_of(root: Path) -> Software:
    """Return versions of Python and of the packages that matter, and the commit around ``root``."""
    git = git_state(root)
    commit, dirty = git["commit"], git["dirty"]
    return Software(
        python=platform.python_version(),
        packages=package_versions(),
        commit=None if commit is None else str(commit),
        dirty=None if dirty is None else bool(dirty),
    )
