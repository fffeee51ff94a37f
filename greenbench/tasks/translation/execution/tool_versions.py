"""Which compilers and interpreters run programs, as scores depend on them."""

from __future__ import annotations

import functools
import platform
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING

from greenbench.data.program_tests import Calls
from greenbench.tasks.translation.execution.toolchains import TOOLCHAINS

if TYPE_CHECKING:
    from greenbench.data.program_tests import Tests

UNKNOWN = "of unknown version"
_SECONDS = 20.0
"""A virtual machine on a busy computer takes some of them to say its version."""
_LIBRARIES = ("numpy", "scipy")
"""What whole programs in Python may import."""


def tool_versions(language: str, kind: type[Tests]) -> dict[str, str]:
    """Return the tools that run programs in ``language`` on tests of a ``kind``, with versions.

    A version is the first line that the tool prints about itself, patch level included.
    """
    if language != "python":
        return {tool: _version(tool) for tool in TOOLCHAINS[language].tools}
    versions = {"python": f"{platform.python_implementation()} {platform.python_version()}"}
    if kind is Calls:  # functions are called without any library
        return versions
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@functools.cache
def _version(tool: str) -> str:
    option = "version" if tool == "go" else "--version"
    try:
        reply = subprocess.run(  # noqa: S603 - a compiler that translations are compiled with
            [tool, option], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # why is of no use to a comparison
        return UNKNOWN
    lines = reply.stdout.strip().splitlines()
    return lines[0] if lines and reply.returncode == 0 else UNKNOWN
