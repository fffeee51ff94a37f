"""Finding the files of a table: what is one, which shards are missing, and the digest of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.data import table_files
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def sentence(path: Path) -> str:
    """Return the error sentence of looking for tables at ``path``; it is one line."""
    with pytest.raises(UsageError) as caught:
        table_files.files(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_digest_of_a_folder_depends_on_contents_and_not_on_its_place(tmp_path: Path) -> None:
    """A copy of a folder has the same digest; one changed byte gives another."""
    digests = []
    for name, label in (("one", 1), ("copy", 1), ("changed", 0)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.jsonl").write_text(f'{{"func": "f", "vul": {label}}}\n')
        digests.append(table_files.digest(folder, table_files.files(folder)))
    assert digests[0] == digests[1] != digests[2]


def test_missing_path_says_what_is_allowed(tmp_path: Path) -> None:
    """A path that is not there is named, with what may be given."""
    assert f"{tmp_path / 'none.csv'}: no such file or folder" in sentence(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet.gz", "a"])
def test_unknown_ending_says_what_is_allowed(tmp_path: Path, name: str) -> None:
    """A file of another format is refused with the list of those that can be read."""
    (tmp_path / name).write_bytes(b"x")
    assert "allowed are .parquet, .arrow, .jsonl, .json and .csv" in sentence(tmp_path / name)


def test_folder_without_tables_is_refused(tmp_path: Path) -> None:
    """A folder that holds only other files holds no table."""
    (tmp_path / "README.md").write_text("hello")
    assert "the folder holds no table" in sentence(tmp_path)


def test_folder_of_two_formats_is_refused(tmp_path: Path) -> None:
    """The same rows as csv and parquet would count twice."""
    for name in ("a.csv", "a.parquet"):
        (tmp_path / name).touch()
    assert "mixes .csv and .parquet" in sentence(tmp_path)


def test_missing_shard_is_refused(tmp_path: Path) -> None:
    """Two of three shards are another data set; with the third they are read in order."""
    names = [f"train-{index:05d}-of-00003.jsonl" for index in range(3)]
    for name in (names[2], names[0]):
        (tmp_path / name).touch()
    assert f"{names[1]} is missing" in sentence(tmp_path)
    (tmp_path / names[1]).touch()
    assert table_files.files(tmp_path) == tuple(tmp_path / name for name in names)
