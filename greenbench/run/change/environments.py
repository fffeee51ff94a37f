"""An environment of the base's own, where it states other dependencies than the change."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment import installation

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from greenbench.run.change.cleanup import Workspace

SHOWN_LINES = 8
"""Lines of pip's output that an error repeats."""


def install_arguments(tree: Path, folder: Path, extras: Collection[str]) -> str:
    """Return how pip installs, in ``folder``, the project there, or else at the top of its tree.

    It takes the project's constraints and requirements, and greenbench with its ``extras``. It is
    empty where no file says how.
    """
    for root in (folder, tree):
        if installation.says_how(root):
            return installation.arguments(root, folder, extras)
    return ""


def build(workspace: Workspace, project: Path, arguments: str) -> str:
    """Make a virtual environment, install by ``pip install ARGUMENTS`` in ``project``.

    Returns its interpreter. Raises UsageError, with the end of the output, if that fails.
    """
    environment = workspace.folder / "environment"
    python = str(environment / "bin" / "python")
    log = workspace.folder / "environment.log"
    for command in (
        [sys.executable, "-m", "venv", str(environment)],
        [python, "-m", "pip", "install", "--quiet", *shlex.split(arguments)],
    ):
        if workspace.run(command, folder=project, log=log):
            lines = log.read_text("utf-8", errors="replace").splitlines()[-SHOWN_LINES:]
            sentence = (
                f"greenbench ci: the base's environment cannot be made (pip install {arguments}); "
                "mend that, give other arguments by --base-install, or an interpreter by "
                "--base-python; the output ended with"
            )
            raise UsageError("\n".join([sentence, *(f"    {line}" for line in lines)]))
    return python
