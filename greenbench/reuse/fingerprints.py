"""What decides a stage, as values and checksums: no byte of it may go unnoticed."""

from __future__ import annotations

import functools
import hashlib
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import greenbench

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def of_files(files: Iterable[Path], root: Path) -> str:
    """Return the SHA-256 over names, below ``root``, and contents of ``files``."""
    digest = hashlib.sha256()
    for path in sorted(files):
        name = str(path.relative_to(root) if path.is_relative_to(root) else path)
        with path.open("rb") as file:
            contents = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{name!r} {contents}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def of_folder(folder: Path) -> str:
    """Return that of all files in a folder: weights, configuration and tokenizer of a model."""
    return of_files([path for path in folder.rglob("*") if path.is_file()], folder)


def of_sources(foreign: Iterable[object]) -> list[str]:
    """Return that of greenbench's modules, and of those that ``foreign`` objects are of."""
    files = set()
    for value in foreign:
        module = sys.modules.get(type(value).__module__)
        if module is not None and getattr(module, "__file__", None):
            files.add(Path(str(module.__file__)))
    package = Path(greenbench.__file__).parent
    return [of_package(package), of_files(files, package)]


@functools.cache
def of_package(folder: Path) -> str:
    """Return that of all modules in ``folder``, as they were when this process first asked."""
    return of_files(list(folder.rglob("*.py")), folder)


def of_examples(*splits: Sequence[object]) -> str:
    """Return that of every example, in its order; examples are data classes of texts."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(f"{len(split)}\n".encode())
        for example in split:
            digest.update(f"{example!r}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@functools.cache
def of_packages() -> dict[str, str]:
    """Return Python's version, and that of every installed distribution."""
    versions = {"python": sys.version, "build": platform.platform()}
    for distribution in metadata.distributions():
        versions[distribution.name] = distribution.version
    return dict(sorted(versions.items()))
