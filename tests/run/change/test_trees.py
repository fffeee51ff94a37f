"""Which commit is the base, and which dependencies it states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UsageError
from greenbench.run.change.trees import add_worktree, find_checkout, other_dependencies
from tests.run.change.conftest import git

if TYPE_CHECKING:
    from pathlib import Path


def commit(folder: Path, **files: str) -> str:
    """Commit files, whose names have ``__`` for the dot; return the commit."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "a commit")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository whose main has one commit, with a branch for a change checked out."""
    folder = tmp_path / "repository"
    (folder / "inner").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, code__py="1", constraints__txt="numpy==2.0  # tested\n")
    git(folder, "checkout", "--quiet", "-b", "change")
    return folder


def test_the_base_is_where_the_change_left_the_branch(repository: Path) -> None:
    """What others merged meanwhile is no part of the change."""
    left = git(repository, "rev-parse", "HEAD")
    head = commit(repository, code__py="2")
    git(repository, "checkout", "--quiet", "main")
    commit(repository, other__py="3")
    git(repository, "checkout", "--quiet", "change")
    found = find_checkout(repository, "main")
    assert (found.base, found.head, found.is_dirty) == (left, head, False)
    assert found.base_name == f"main ({left[:9]})"


def test_uncommitted_changes_are_part_of_the_change_and_said(repository: Path) -> None:
    """They are measured, as they are in the checkout."""
    (repository / "code.py").write_text("2")
    assert find_checkout(repository, "main").head_name.endswith(" with uncommitted changes")


@pytest.mark.parametrize("ref", ["nonsense", "--all", "HEAD:code.py"])
def test_a_name_that_is_no_commit_is_refused_with_what_to_do(repository: Path, ref: str) -> None:
    """A hosted job often has one branch alone."""
    with pytest.raises(UsageError, match=f"--base={ref}: .*no such commit.*git fetch"):
        find_checkout(repository, ref)


def test_a_branch_without_a_common_commit_is_refused(repository: Path) -> None:
    """As in a shallow clone."""
    git(repository, "checkout", "--quiet", "--orphan", "apart")
    commit(repository, other__py="1")
    with pytest.raises(UsageError, match=r"shares no commit.*fetch-depth: 0"):
        find_checkout(repository, "main")


def test_a_folder_outside_of_git_is_refused(tmp_path: Path) -> None:
    """The message names the folder and says why: the owner of a checkout may be another user."""
    with pytest.raises(UsageError, match=f"{tmp_path} is in no git .*git says: .*not a git repo"):
        find_checkout(tmp_path, "main")


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    """There is nothing to compare."""
    git(tmp_path, "init", "--quiet")
    with pytest.raises(UsageError, match="has no commit yet"):
        find_checkout(tmp_path, "main")


def test_a_folder_that_the_base_lacks_is_refused(repository: Path, tmp_path: Path) -> None:
    """Its benchmarks could not run there."""
    found = find_checkout(repository / "inner", "main")
    with pytest.raises(UsageError, match="has no folder inner"):
        add_worktree(found, tmp_path / "base")


@pytest.mark.parametrize(
    ("name", "text", "differing"),
    [
        ("constraints__txt", "# a comment\n\nnumpy==2.0\n", []),
        ("constraints__txt", "numpy==2.1\n", ["constraints.txt"]),
        ("requirements-dev__txt", "pytest\n", ["requirements-dev.txt"]),
        ("uv__lock", "version = 1\n", ["uv.lock"]),
        ("pyproject__toml", "[project]\ndependencies = ['numpy']\n", ["pyproject.toml"]),
        ("pyproject__toml", "[tool.greenbench]\nrounds = 5\n", []),
        ("code__py", "2", []),
    ],
)
def test_dependencies_differ_if_what_they_pin_differs(
    repository: Path, tmp_path: Path, name: str, text: str, differing: list[str]
) -> None:
    """Comments and other settings are no dependencies."""
    commit(repository, **{name: text})
    found = find_checkout(repository, "main")
    add_worktree(found, tmp_path / "base")
    assert other_dependencies(found, tmp_path / "base") == differing
