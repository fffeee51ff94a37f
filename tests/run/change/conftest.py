"""A repository with the suite in miniature, and a branch for a change of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import stub_suite

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = ["-c", "user.name=a person", "-c", "user.email=person@example.org"]


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    command = ["git", "-C", str(folder), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write_project(folder: Path) -> Path:
    """Write the suite into a new repository, whose change is checked out and empty as yet."""
    folder.mkdir()
    stub_suite.write(folder)
    (folder / ".gitignore").write_text("results/\n__pycache__/\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "the suite")
    git(folder, "checkout", "--quiet", "-b", "change")
    return folder


def change(folder: Path, before: str, after: str) -> None:
    """Replace a text of the suite's conftest.py in the checkout, without a commit."""
    file = folder / "conftest.py"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write the repository."""
    return write_project(tmp_path / "project")
