"""The two trees that are compared: the checkout, and its base in a temporary git worktree."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPENDENCY_FILES = (
    "constraints.txt",
    "requirements*.txt",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock*.toml",
)
"""Files that say which versions a project is tested with."""
DECLARATIONS = ("dependencies", "optional-dependencies", "requires-python")
"""Keys of ``[project]`` in a pyproject.toml that say which packages a project runs with."""
SHORT = 9
"""Characters of a commit that people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The checkout and the commit that it is compared with."""

    top: Path
    """The folder of the whole checkout."""
    place: Path
    """The folder in which pytest runs, relative to ``top``."""
    base: str
    """The commit at which the change left ``ref``."""
    ref: str
    head: str
    is_dirty: bool
    """Whether the checkout has changes that are not committed."""

    @property
    def base_name(self) -> str:
        """The base as people read it."""
        return base_name(self.ref, self.base)

    @property
    def head_name(self) -> str:
        """The change as people read it."""
        return head_name(self.head, is_dirty=self.is_dirty)


def base_name(ref: str, commit: str) -> str:
    """Return ``main (1234abcd5)``."""
    return f"{ref} ({commit[:SHORT]})"


def head_name(commit: str, *, is_dirty: bool) -> str:
    """Return ``1234abcd5``, or ``1234abcd5 with uncommitted changes``."""
    return f"{commit[:SHORT]}{' with uncommitted changes' if is_dirty else ''}"


def find_checkout(folder: Path, ref: str) -> Checkout:
    """Return the checkout that ``folder`` is in, and the commit at which it left ``ref``.

    That is their merge base, so that what others merged meanwhile is no part of the change. Raises
    UsageError where there is no repository, no such commit, or no common one.
    """
    folder = folder.resolve()
    inside = _run(folder, "rev-parse", "--show-toplevel")
    if inside.returncode:
        raise UsageError(
            f"greenbench ci: {folder} is in no git repository that can be used (git says: "
            f"{' '.join(inside.stderr.split())}); run it in the checkout of the change"
        )
    top = Path(inside.stdout.rstrip("\n"))
    head = _git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head is None:
        raise UsageError(f"greenbench ci: {top} has no commit yet; commit something first")
    commit = f"{ref}^{{commit}}"
    if _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", commit) is None:
        raise UsageError(
            f"--base={ref}: the repository {top} has no such commit, branch or tag; fetch it "
            f"(git fetch origin {ref}), or name another, such as origin/main"
        )
    base = _git(top, "merge-base", ref, "HEAD")
    if base is None:
        raise UsageError(
            f"--base={ref}: it shares no commit with the checkout in {top}; fetch the whole "
            "history (git fetch --unshallow; fetch-depth: 0 in a GitHub workflow)"
        )
    status = _git(top, "status", "--porcelain", "--untracked-files=no")
    return Checkout(
        top=top,
        place=folder.relative_to(top),
        base=base,
        ref=ref,
        head=head,
        is_dirty=bool(status),
    )


def add_worktree(checkout: Checkout, folder: Path) -> None:
    """Check the base out into ``folder``; raises UsageError if git cannot."""
    done = _run(checkout.top, "worktree", "add", "--quiet", "--detach", str(folder), checkout.base)
    if done.returncode:
        problem = " ".join(done.stderr.split())
        raise UsageError(f"greenbench ci: {checkout.base_name} cannot be checked out: {problem}")
    if not (folder / checkout.place).is_dir():
        raise UsageError(
            f"greenbench ci: {checkout.base_name} has no folder {checkout.place}, in which it "
            "would be measured; run greenbench ci in a folder that both have"
        )


def other_dependencies(checkout: Checkout, base_tree: Path) -> list[str]:
    """Return which files state other dependencies in the base than in the checkout."""
    differing = []
    for place in dict.fromkeys([Path(), checkout.place]):
        ours, theirs = checkout.top / place, base_tree / place
        for pattern in DEPENDENCY_FILES:
            names = {path.name for folder in (ours, theirs) for path in folder.glob(pattern)}
            for name in sorted(names):
                if _pins(ours / name) != _pins(theirs / name):
                    differing.append(str(place / name))
        if _declared(ours / "pyproject.toml") != _declared(theirs / "pyproject.toml"):
            differing.append(str(place / "pyproject.toml"))
    return differing


def _pins(file: Path) -> list[str]:
    """Return the lines of a file, without comments and empty ones; nothing if there is none."""
    if not file.is_file():
        return []
    pins = []
    for line in file.read_text("utf-8", errors="surrogateescape").splitlines():
        pin = line.partition(" #")[0].strip()
        if pin and not pin.startswith("#"):
            pins.append(pin)
    return pins


def _declared(file: Path) -> list[object]:
    """Return what a pyproject.toml says of dependencies."""
    project = _project(file)
    return [project.get(key) for key in DECLARATIONS]


def _project(file: Path) -> dict[str, object]:
    """Return ``[project]`` of a pyproject.toml; empty where it cannot be read."""
    try:
        project = tomllib.loads(file.read_text("utf-8")).get("project", {})
    except (OSError, ValueError):  # pytest itself says what is wrong with the file
        return {}
    return project if isinstance(project, dict) else {}


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what a git command prints; None if it fails."""
    done = _run(folder, *arguments)
    return done.stdout.strip() if done.returncode == 0 else None


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(  # noqa: S603  git, with arguments of ours
            command, check=False, capture_output=True, text=True, errors="surrogateescape"
        )
    except FileNotFoundError as error:
        raise UsageError("greenbench ci: git is not installed here; install it") from error
