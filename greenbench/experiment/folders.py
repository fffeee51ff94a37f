"""Lists the folders under ``variants/`` and checks their names and files.

``config`` reads what ``config.yaml`` says, and ``matrix`` compares it with ``experiment.md``.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.texts import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER_NAME = re.compile(r"V\d+_\w+", re.ASCII)
README_LINES = 100
"""The most lines of a variant's README.md, short enough to be read in full."""


def list_folders(variants_dir: Path) -> dict[str, Path]:
    """Return the folders by name, sorted, without hidden ones and caches (``__pycache__``)."""
    folders: dict[str, Path] = {}
    try:
        paths = sorted(variants_dir.iterdir())
    except OSError:  # ``folder_problems`` says which
        return folders
    for path in paths:
        if path.is_dir() and not path.name.startswith((".", "__")):
            folders[path.name] = path
    return folders


def short_path(path: Path) -> str:
    """Return how messages name a variant's folder: ``variants/V1_data``."""
    return f"{path.parent.name}/{path.name}"


def folder_problems(variants_dir: Path) -> Iterator[str]:
    """Yield what is wrong with folders' names and files, except for the content of config.yaml."""
    remedy = "make it, with a folder for each row of the variants table"
    try:
        next(variants_dir.iterdir(), None)
    except (FileNotFoundError, NotADirectoryError):
        yield f"{variants_dir.name}: there is no such folder; {remedy}"
    except OSError as error:
        yield f"{variants_dir.name}: cannot be listed ({error.strerror}); {remedy}"
    for name, folder in list_folders(variants_dir).items():
        if FOLDER_NAME.fullmatch(name):
            yield from _script_problems(folder)
            yield from _readme_problems(folder)
            yield from _misnamed_config_problems(folder)
        else:
            remedy = "name it V<number>_<name>, like V8_arch_system"
            yield f"{short_path(folder)}: is not a variant's folder name; {remedy}"


def _script_problems(folder: Path) -> Iterator[str]:
    script = folder / "run.sh"
    where = f"{short_path(folder)}/run.sh"
    if not script.is_file():
        yield f"{where}: is missing; copy it from another variant, all have the same"
    elif not script.stat().st_mode & stat.S_IXUSR:
        yield f"{where}: is not executable; run chmod +x on it"


def _readme_problems(folder: Path) -> Iterator[str]:
    readme = folder / "README.md"
    where = f"{short_path(folder)}/README.md"
    if not readme.is_file():
        yield f"{where}: is missing; describe what the variant turns on and what to expect"
        return
    try:
        lines = len(read_text(readme, where).splitlines())
    except UsageError as error:
        yield str(error)
        return
    if lines > README_LINES:
        allowed = f"at most {README_LINES} are allowed: shorten it"
        yield f"{where}:{README_LINES + 1}: has {lines} lines; {allowed}"


def _misnamed_config_problems(folder: Path) -> Iterator[str]:
    """Yield files like ``config.yml``, which would silently leave the variant at the baseline."""
    for path in sorted(folder.iterdir()):
        if path.suffix in {".yaml", ".yml"} and path.name != "config.yaml":
            remedy = "name it config.yaml or remove it"
            yield f"{short_path(folder)}/{path.name}: is not read; {remedy}"
