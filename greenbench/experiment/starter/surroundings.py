"""What a first suite adds to the repository around it, and what it leaves as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from greenbench.experiment import installation
from greenbench.experiment.starter.files import configuration, workflow
from greenbench.experiment.starter.kinds import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from greenbench.experiment.starter.files import StarterTask

IGNORED = ("/results/", "/.benchmarks/", "__pycache__/")
"""Lines of ``.gitignore``: what sessions write."""
WORKFLOW = ".github/workflows/greenbench.yml"
PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
PYTEST_TABLES = {
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
"""Files that may hold pytest's configuration, and what they have in it then."""


class FileWriter(Protocol):
    """What writes a new file, and can remove it again."""

    def write(self, path: Path, text: str) -> None:
        """Write a file that is not there."""


def add_surroundings(folder: Path, task: StarterTask, written: FileWriter) -> Iterator[str]:
    """Add what lies around a suite; yield what was added and what was not touched."""
    folder = folder.resolve()
    top = repository(folder)
    if needs_configuration(folder, top):
        own = configuration()
        written.write(folder / own.path, own.text)
        yield f"wrote {own.path}: pytest's options of the repository do not apply to this suite"
    yield _add_workflow(top or folder, folder, task, written)
    kept = [name for name in ("conftest.py", *PYTEST_TABLES, *PYTEST_FILES) if _kept(folder, name)]
    if kept:
        yield f"not touched: {', '.join(kept)}; bench/conftest.py opens the suite"
    yield ignore(folder / ".gitignore", written)


def _add_workflow(root: Path, folder: Path, task: StarterTask, written: FileWriter) -> str:
    place = root / WORKFLOW
    if place.exists():
        return f"not touched: {place}, which is there already"
    extras = () if task.kind.name == FUNCTION else ("suite",)
    arguments = installation.arguments(root, folder, extras)
    inside = folder.relative_to(root).as_posix()
    written.write(place, workflow(task, inside, arguments))
    return f"wrote {place}: a job that measures each pull request beside its base"


def _kept(folder: Path, name: str) -> bool:
    return (folder / name).exists() and name != configuration().path


def repository(folder: Path) -> Path | None:
    """Return the top of the git repository that ``folder`` is in."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def needs_configuration(folder: Path, top: Path | None) -> bool:
    """Whether pytest would take another folder's configuration, or root, for the suite's."""
    if folder == top or has_configuration(folder):
        return False
    if top is not None:
        return True
    return any(map(has_configuration, folder.parents))


def has_configuration(folder: Path) -> bool:
    """Whether pytest is configured in ``folder``."""
    if any((folder / name).is_file() for name in PYTEST_FILES):
        return True
    for name, table in PYTEST_TABLES.items():
        file = folder / name
        if file.is_file() and table in file.read_text("utf-8", errors="replace"):
            return True
    return False


def ignore(file: Path, written: FileWriter) -> str:
    """Add what sessions write to a ``.gitignore``; return what was done."""
    if not file.exists():
        written.write(file, "".join(f"{line}\n" for line in IGNORED))
        return f"wrote {file.name}"
    raw = file.read_bytes()
    lines = set(map(bytes.strip, raw.split(b"\n")))
    missing = [line for line in IGNORED if line.encode() not in lines]
    if not missing:
        return f"not touched: {file.name}, which has what it needs"
    start = "" if not raw or raw.endswith(b"\n") else "\n"
    with file.open("a", encoding="utf-8") as opened:
        opened.write(start + "".join(f"{line}\n" for line in missing))
    return f"added to {file.name}: {' '.join(missing)}"
