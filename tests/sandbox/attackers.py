"""Hostile programs for tests: how they are described, and what isolates them."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
PYTHON = shutil.which("python3", path="/usr/bin:/bin")
SECRET = f"secret-{secrets.token_hex(8)}"
STRONGEST = (
    "bubblewrap" if shutil.which("bwrap") else "namespaces",
    "ordinary" if os.geteuid() else "root",
)


def _attackers(*paths: str) -> list[Any]:
    """Return kinds of isolation, users and paths.

    Those that are not the strongest here are slow tests.
    """
    attackers = []
    for kind in ("bubblewrap", "namespaces"):
        for user in ("root", "ordinary"):
            marks = () if (kind, user) == STRONGEST else pytest.mark.slow
            for path in paths:
                attackers.append(
                    pytest.param((kind, user, path), id=f"{kind}-{user}-{path}", marks=marks)
                )
    return attackers


ATTACKERS = _attackers("alone", "worker")
"""The isolation and the user that are here are attacked at once, the others among the slow tests.

Programs run alone, each in a sandbox of its own, or in a long-lived worker.
"""
IN_WORKERS = _attackers("worker")
WARM_UP = "open('left', 'w').close()"
"""Runs in a worker before each attack."""


def program(
    code: str, *arguments: str, command: tuple[str, ...] = (), files=None, **limits: Any
) -> dict[str, Any]:
    """Describe a program in Python, or a ``command``."""
    return {
        "command": [*(command or (PYTHON, "main.py")), *arguments],
        "files": {"main.py": code, **(files or {})},
        "limits": {"wall_seconds": 4, "cpu_seconds": 2, **limits},
    }


def alive(token: str) -> bool:
    """Whether a process with ``token`` on its command line lives."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and process.name != str(os.getpid()):
            try:
                line = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if token in line:
                return True
    return False
