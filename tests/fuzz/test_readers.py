"""Every reader takes any input: it reads it, or says in clear words what is wrong with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fuzz import command_lines, experiment_files, machine_files, run_files, tables
from fuzz.contract import Reader, no_hang
from fuzz.mutations import ONCE, changed_once
from hypothesis import given, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = (experiment_files, command_lines, run_files, machine_files, tables)
READERS = [
    value for module in MODULES for value in vars(module).values() if isinstance(value, Reader)
]
MEMORY = Path("/dev/shm")
"""A folder on no disk: a journal is synced to it, and thousands of syncs would take minutes."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give an empty folder, in memory where the machine has one."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


def taken(reader: Reader, folder: Path, examples: int) -> int:
    """Give ``reader`` as many damaged inputs; return how many it took."""
    count = 0
    with reader.open(folder) as read:

        @settings(max_examples=examples)
        @given(reader.inputs)
        def takes(value: object) -> None:
            nonlocal count
            with no_hang():
                read(value)
            count += 1

        takes()
    return count


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_a_reader_takes_forty_damaged_inputs(reader: Reader, folder: Path) -> None:
    """It reads each, or refuses it in a sentence that is safe to print."""
    assert taken(reader, folder, examples=40) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=str)
def test_a_reader_takes_many_damaged_inputs(reader: Reader, folder: Path) -> None:
    """It reads each, or refuses it in a sentence that is safe to print.

    Of 100 draws of 2,000 inputs 95 find a fault that one input in 670 shows; of a dear reader's
    600 inputs, one that one in 200 shows.
    """
    examples = 600 if reader.dear else 2000
    assert taken(reader, folder, examples) >= examples


@pytest.mark.slow
@pytest.mark.parametrize("reader", [r for r in READERS if r.document is not None], ids=str)
def test_a_reader_takes_a_file_with_any_value_changed(reader: Reader, folder: Path) -> None:
    """A value of each kind in every way and all others in some, so that chance misses none."""
    count = 0
    with reader.open(folder) as read:
        for changed in changed_once(reader.document):
            with no_hang():
                read(changed)
            count += 1
    assert count > len(ONCE) * len(reader.document)
