"""Writes a first suite: all of it or nothing, and never over a file that is there."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import matrix
from greenbench.experiment.starter.files import LAST, suite_files
from greenbench.experiment.starter.surroundings import add_surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from greenbench.experiment.starter.files import StarterFile, StarterTask

COMMAND = "greenbench init"
OWN = ("bench", "variants")
"""Folders in which nothing else than the suite's files may be: all of them would be read."""


@dataclass(frozen=True, slots=True)
class Written:
    """Files and folders that were made, to be removed again if making the suite fails."""

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, as far as they are missing."""
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir()
            self.folders.append(one)

    def write(self, path: Path, text: str, *, executable: bool = False) -> None:
        """Write a file that is not there."""
        self.make_folder(path.parent)
        with path.open("x", encoding="utf-8") as file:
            self.files.append(path)
            file.write(text)
        if executable:
            path.chmod(path.stat().st_mode | 0o111)

    def remove(self) -> None:
        """Remove what was made."""
        for path in reversed(self.files):
            path.unlink()
        for folder in reversed(self.folders):
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # the check has run tasks/
            with contextlib.suppress(OSError):  # somebody else has put something into it
                folder.rmdir()


def is_suite(folder: Path) -> bool:
    """Whether there is a suite in ``folder``."""
    return os.path.lexists(folder / LAST)


def make(folder: Path, task: StarterTask) -> list[str]:
    """Make a suite for ``task`` in ``folder``; return what to say of it, a line each.

    Raises UsageError; then nothing has changed.
    """
    files = list(suite_files(task))
    _refuse_others(folder, files)
    written = Written()
    try:
        with _explained():
            for file in files:
                if not (folder / file.path).exists():
                    written.write(folder / file.path, file.text, executable=file.executable)
            _check(folder)
            made = [path.relative_to(folder).as_posix() for path in written.files]
            return [_in_short(made), *add_surroundings(folder, task, written)]
    except BaseException:
        written.remove()
        raise


def _refuse_others(folder: Path, files: Sequence[StarterFile]) -> None:
    """Raise UsageError if a file that is there would be part of the suite, or in its way."""
    texts = {folder / file.path: file.text for file in files}
    for own in OWN:
        for path in sorted((folder / own).rglob("*")):
            if path.is_file() and path not in texts and "__pycache__" not in path.parts:
                raise _other(path)
    for path, text in texts.items():
        if os.path.lexists(path) and not _holds(path, text):
            raise _other(path)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def _other(path: Path) -> UsageError:
    return UsageError(
        f"{COMMAND}: {path} is there already, and is no file of a new suite; nothing was written: "
        f"give a folder of its own, like {COMMAND} green"
    )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Raise UsageError for a folder that cannot be written to."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{COMMAND}: {error.filename}: {error.strerror}; nothing has changed: give a folder "
            "that this user can write to"
        ) from error


def _check(folder: Path) -> None:
    """Raise UsageError if the suite would not pass ``greenbench check``."""
    try:
        matrix.load(folder / LAST, folder / "variants")
    except Disagreements as error:
        problems = "; ".join(error.problems)
        raise UsageError(
            f"{COMMAND}: nothing has changed, as the suite would not run: {problems}"
        ) from error


def _in_short(made: Sequence[str]) -> str:
    """Return the files that were made, those of a folder of many as one."""
    tops: dict[str, list[str]] = {}
    for path in made:
        tops.setdefault(path.partition("/")[0], []).append(path)
    shown = []
    for top, paths in tops.items():
        shown.append(f"{top}/" if len(paths) > 1 and top == "variants" else ", ".join(paths))
    return f"wrote {', '.join(shown)}"
