"""Lists the folders under ``variants/`` and says which of their files are missing, too long or nobody's.

What ``config.yaml`` says is read by ``variants``; whether ``experiment.md`` agrees is for ``matrix`` to find out.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.config import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER_NAME = re.compile(r"V\d+_\w+", re.ASCII)
README_LINES = 100
"""Longest README.md a variant may have: one that is read, not skimmed."""


def list_folders(variants_dir: Path) -> dict[str, Path]:
    """Return the folders by name, sorted; hidden ones and caches (``.git``, ``__pycache__``) are nobody's variants."""
    if not variants_dir.is_dir():
        return {}
    return {
        p.name: p
        for p in sorted(variants_dir.iterdir())
        if p.is_dir() and not p.name.startswith((".", "__"))
    }


def shown(folder: Path) -> str:
    """Return how messages name a variant's folder: ``variants/V1_data``."""
    return f"{folder.parent.name}/{folder.name}"


def folder_problems(variants_dir: Path) -> Iterator[str]:
    """Yield what is wrong with the folders' names and with their files, ``config.yaml``'s content aside."""
    if not variants_dir.is_dir():
        yield f"{variants_dir.name}: there is no such folder; make it, with a folder for each row of the variants table"
    for name, folder in list_folders(variants_dir).items():
        if FOLDER_NAME.fullmatch(name):
            yield from _script_problems(folder / "run.sh")
            yield from _readme_problems(folder / "README.md")
            yield from _stray_problems(folder)
        else:
            yield f"{shown(folder)}: no variant's folder name; name it V<number>_<name>, like V8_arch_system"


def _script_problems(path: Path) -> Iterator[str]:
    where = f"{shown(path.parent)}/{path.name}"
    if not path.is_file():
        yield f"{where}: is missing; copy it from another variant, it is the same in all"
    elif not path.stat().st_mode & stat.S_IXUSR:
        yield f"{where}: is not executable; run chmod +x on it"


def _readme_problems(path: Path) -> Iterator[str]:
    where = f"{shown(path.parent)}/{path.name}"
    if not path.is_file():
        yield f"{where}: is missing; say in it what the variant turns on and what to expect"
        return
    try:
        lines = len(read_text(path, where).splitlines())
    except UsageError as error:
        yield str(error)
        return
    if lines > README_LINES:
        yield f"{where}:{README_LINES + 1}: has {lines} lines; at most {README_LINES} are allowed: shorten it"


def _stray_problems(folder: Path) -> Iterator[str]:
    """Yield the files that would leave the variant at the baseline without a word, like ``config.yml``."""
    for path in sorted(folder.iterdir()):
        if path.suffix in {".yaml", ".yml"} and path.name != "config.yaml":
            yield f"{shown(folder)}/{path.name}: nobody reads it; name it config.yaml or remove it"
