"""Each folder under variants/ has its files, in their required form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.experiment.folders import folder_problems, list_folders

if TYPE_CHECKING:
    from collections.abc import Callable

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def variants(tmp_path: Path) -> Path:
    """Return a copy of the repository's folders that a test may change."""
    return Path(shutil.copytree(REPO / "variants", tmp_path / "variants"))


def test_the_repositorys_folders_have_no_problems() -> None:
    """The folders of this repository are complete."""
    assert list(folder_problems(REPO / "variants")) == []


def spoil_mode(folder: Path) -> None:
    """Clear the executable bit of run.sh."""
    (folder / "run.sh").chmod(0o644)


FOLDER_PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no run.sh": (lambda f: (f / "run.sh").unlink(), "variants/V2_training/run.sh: is missing"),
    "run.sh not executable": (
        spoil_mode,
        "variants/V2_training/run.sh: is not executable; run chmod +x on it",
    ),
    "no README.md": (
        lambda f: (f / "README.md").unlink(),
        "variants/V2_training/README.md: is missing",
    ),
    "long README.md": (
        lambda f: (f / "README.md").write_text("a\n" * 101),
        "README.md:101: has 101 lines; at most 100",
    ),
    "README.md not UTF-8": (
        lambda f: (f / "README.md").write_bytes(b"a\n\xe9"),
        "README.md:2: byte 0xe9 is not UTF-8",
    ),
    "config.yml": (
        lambda f: (f / "config.yml").touch(),
        "variants/V2_training/config.yml: is not read; name it config.yaml",
    ),
    "folder of another name": (
        lambda f: (f.parent / "mine").mkdir(),
        "variants/mine: is not a variant's folder name",
    ),
    "no folders at all": (lambda f: shutil.rmtree(f.parent), "variants: there is no such folder"),
}


@pytest.mark.parametrize(
    ("spoil", "sentence"), FOLDER_PROBLEMS.values(), ids=FOLDER_PROBLEMS.keys()
)
def test_a_wrong_folder_is_named(
    variants: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    """Each mistake in a folder gives one sentence that starts with the file."""
    spoil(variants / "V2_training")
    (problem,) = folder_problems(variants)
    assert sentence in problem


@pytest.mark.parametrize("name", ["__pycache__", ".ipynb_checkpoints"])
def test_hidden_folders_and_files_are_ignored(variants: Path, name: str) -> None:
    """Hidden folders, caches and files beside the folders are not variants."""
    before = list_folders(variants)
    (variants / name).mkdir()
    (variants / "notes.md").touch()
    assert list_folders(variants) == before


def test_a_folder_that_cannot_be_listed_is_named() -> None:
    """Neither a name that is too long nor anything else ends in a traceback."""
    long = Path("/", "x" * 300, "variants")
    assert list_folders(long) == {}
    (problem,) = folder_problems(long)
    assert problem.startswith("variants: cannot be listed (File name too long); make it, ")
