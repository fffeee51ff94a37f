"""The record of a run names the compilers and interpreters that ran its programs."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from greenbench.data.program_tests import Calls, Streams
from greenbench.tasks.translation.execution import tool_versions as module
from greenbench.tasks.translation.execution.tool_versions import UNKNOWN, tool_versions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Make a folder the only one on PATH, and forget versions before and afterwards."""
    module._version.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    yield tmp_path
    module._version.cache_clear()


def say(path: Path, tool: str, line: str) -> None:
    """Make a tool that prints a line about itself, and others after it."""
    script = path / tool
    script.write_text(f"#!/bin/sh\necho '{line}'\necho Copyright\n")
    script.chmod(0o755)


def test_a_compiler_is_named_with_its_patch_level(path: Path) -> None:
    """By the first line that it prints; one that says nothing is of unknown version."""
    assert tool_versions("cpp", Streams) == {"g++": UNKNOWN}
    module._version.cache_clear()
    say(path, "g++", "g++ (Debian 12.2.0-14) 12.2.0")
    assert tool_versions("cpp", Streams) == {"g++": "g++ (Debian 12.2.0-14) 12.2.0"}


def test_all_tools_of_a_language_are_named(path: Path) -> None:
    """A compiler and a virtual machine may be of different versions."""
    say(path, "javac", "javac 17.0.15")
    say(path, "java", "openjdk 17.0.14")
    assert tool_versions("java", Streams) == {"javac": "javac 17.0.15", "java": "openjdk 17.0.14"}


def test_python_is_this_interpreter_with_the_libraries_of_whole_programs() -> None:
    """Functions that are called get no library, so that a new NumPy changes nothing for them."""
    version = f"CPython {platform.python_version()}"
    assert tool_versions("python", Calls) == {"python": version}
    whole = tool_versions("python", Streams)
    assert (whole["python"], "numpy" in whole) == (version, True)
