"""Names of files tell train, valid and test; files of no split are left out, named or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from greenbench.data.split_files import NamedSplits, doubts, split_of, tables_by_split
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

LINE = json.dumps({"func": "f", "target": 0}) + "\n"


def folder(path: Path, *names: str) -> Path:
    """Write a table of one row under each name."""
    for name in names:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(LINE)
    return path


def members(found: NamedSplits) -> dict[str, list[str]]:
    """Return the names of the files of each split."""
    names = {}
    for split, files in found.members.items():
        names[split] = [file.relative_to(found.root).as_posix() for file in files]
    return names


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl", "train"),
        ("primevul_train_paired.jsonl", "train"),
        ("Big-Vul TRAINING.CSV", "train"),
        ("TRAIN.JSONL.GZ", "train"),
        ("train-00000-of-00002.parquet", "train"),
        ("validation/0000.parquet", "valid"),
        ("devign_val.json", "valid"),
        ("dev.csv", "valid"),
        ("my-eval.csv", "valid"),
        ("d2a_test.csv", "test"),
        ("human-eval-v2.jsonl", None),
        ("human_eval/test.jsonl", "test"),
        ("latest.jsonl", None),
        ("training-and-test.jsonl", None),
        ("file_info.json", None),
    ],
)
def test_words_in_names_tell_the_split(name: str, split: str | None, tmp_path: Path) -> None:
    """Whole words count, in any case and of folders too; two splits in one name tell none."""
    assert split_of(tmp_path / name, tmp_path) == split


def test_files_that_are_no_rows_of_the_data_are_left_out_and_named(tmp_path: Path) -> None:
    """Beside files of splits: another format, another folder, other columns, or no table."""
    root = folder(tmp_path, "p_train.jsonl", "p_valid.jsonl", "p_test.jsonl")
    folder(root, "more/extra.jsonl", "info.json")
    (root / "settings.jsonl").write_text('{"seed": 1}\n')
    (root / "list.jsonl").write_text("[1, 2]\n")
    found = tables_by_split(root)
    assert members(found) == {
        "train": ["p_train.jsonl"],
        "valid": ["p_valid.jsonl"],
        "test": ["p_test.jsonl"],
    }
    assert found.facts == {
        "files_ignored": 4,
        "files_ignored_first": ["info.json", "list.jsonl", "more/extra.jsonl", "settings.jsonl"],
    }
    assert doubts(found.facts) == (
        "files of no split were left out: info.json, list.jsonl, more/extra.jsonl, settings.jsonl",
    )


def test_of_many_files_that_are_left_out_five_are_named(tmp_path: Path) -> None:
    """The others are counted: the sources of a whole project fill no screen."""
    root = folder(tmp_path, "train.jsonl", "test.jsonl", *(f"files/{n}.json" for n in range(9)))
    (warning,) = doubts(tables_by_split(root).facts)
    assert warning.endswith("files/3.json, files/4.json and 4 more")


def test_rows_that_would_be_lost_are_refused(tmp_path: Path) -> None:
    """A file beside those of splits that could be rows of them is neither read nor left out."""
    root = folder(tmp_path, "train.jsonl", "test.jsonl", "train2.jsonl")
    with pytest.raises(UsageError, match=r"train2\.jsonl belongs to none of train, valid and test"):
        tables_by_split(root)


def test_a_name_that_happens_to_tell_a_split_hides_no_data(tmp_path: Path) -> None:
    """Beside one file of a split, others are not left out but asked about."""
    root = folder(tmp_path, "devign.jsonl", "train_args.jsonl")
    with pytest.raises(UsageError, match=r"devign\.jsonl belongs to none of train, valid and test"):
        tables_by_split(root)


@pytest.mark.parametrize("names", [("test.jsonl",), ("java/test.jsonl", "python/test.jsonl")])
def test_files_of_one_split_alone_are_divided_here_and_this_is_told(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    """There are no authors' splits to be kept, and a warning says so."""
    found = tables_by_split(folder(tmp_path, *names))
    assert members(found) == {"": list(names)}
    (warning,) = doubts(found.facts)
    assert "the names of all files tell the split test: train, valid and test were drawn" in warning


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("train.jsonl", "valid.jsonl"), "none for test; add"),
        (("valid.jsonl", "test.jsonl"), "none for train; add"),
    ],
)
def test_a_split_that_is_missing_is_named(
    names: tuple[str, ...], missing: str, tmp_path: Path
) -> None:
    """Half of the authors' splits is not mixed in silence."""
    found = tables_by_split(folder(tmp_path, *names))
    with pytest.raises(UsageError, match=missing):
        found.refuse_missing(may_lack=("valid",))


def test_whoever_mixes_the_rows_gets_those_of_the_splits_alone(tmp_path: Path) -> None:
    """Files of no split are left out, whatever rule divides the rows."""
    root = folder(tmp_path, "train.jsonl", "test.jsonl", "info.json")
    found = tables_by_split(root, mixed=True)
    assert members(found) == {"": ["test.jsonl", "train.jsonl"]}
    assert found.facts["files_ignored"] == 1


def test_splits_of_two_formats_are_refused(tmp_path: Path) -> None:
    """The same rows as csv and jsonl would count twice."""
    root = folder(tmp_path, "train.jsonl", "test.jsonl", "train.csv")
    with pytest.raises(UsageError, match=r"mixes \.csv and \.jsonl"):
        tables_by_split(root)
