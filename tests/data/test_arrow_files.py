"""Parquet and Arrow shards, as other tools and ``datasets`` itself write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict, Features, Value, load_from_disk

from greenbench.data import arrow_files, tables
from greenbench.data.layouts import choosing
from greenbench.data.pairs import AUTHORS_RULE
from greenbench.errors import UsageError

ROLES = {"text": ("func",), "label": ("target",)}
ROOT = Path(__file__).parents[2]


def rows(count: int, start: int = 0) -> dict[str, list[object]]:
    """Return columns of ``count`` functions."""
    numbers = range(start, start + count)
    return {"func": [f"int f{n}();" for n in numbers], "target": [n % 2 for n in numbers]}


def write_ipc(file: Path, table: pa.Table, *, stream: bool) -> None:
    """Write an Arrow IPC stream, or an IPC file as Feather is one."""
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(file, table.schema) as writer:
        writer.write_table(table)


def test_saved_data_sets_are_read_shard_by_shard(tmp_path: Path) -> None:
    """``save_to_disk`` in three shards gives the rows in their order."""
    Dataset.from_dict(rows(3_100)).save_to_disk(tmp_path / "saved", num_shards=3)
    table = tables.read(tmp_path / "saved", ROLES, {})
    assert list(table.columns["text"]) == rows(3_100)["func"]
    assert list(table.columns["label"]) == rows(3_100)["target"]
    assert [file.name for file, _ in table.parts] == [
        f"data-{i:05d}-of-00003.arrow" for i in range(3)
    ]


def test_a_missing_arrow_shard_is_refused(tmp_path: Path) -> None:
    """Two of three shards are another data set."""
    Dataset.from_dict(rows(30)).save_to_disk(tmp_path / "saved", num_shards=3)
    (tmp_path / "saved" / "data-00001-of-00003.arrow").unlink()
    with pytest.raises(UsageError, match=r"data-00001-of-00003\.arrow is missing"):
        tables.read(tmp_path / "saved", ROLES, {})


def test_results_that_map_left_beside_the_data_are_not_read(tmp_path: Path) -> None:
    """``map`` caches its result in the folder of a loaded data set; its rows would count twice."""
    Dataset.from_dict(rows(20)).save_to_disk(tmp_path / "saved")
    load_from_disk(tmp_path / "saved").map(lambda row: {"func": row["func"] + " "})
    assert len(list((tmp_path / "saved").glob("*.arrow"))) == 2
    assert len(tables.read(tmp_path / "saved", ROLES, {}).columns["text"]) == 20


def test_a_damaged_state_of_a_saved_data_set_is_refused(tmp_path: Path) -> None:
    """Which of the files are data cannot be known then."""
    Dataset.from_dict(rows(20)).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text("{}")
    with pytest.raises(UsageError, match=r"state\.json: is not the state of a data set"):
        tables.read(tmp_path / "saved", ROLES, {})


def test_a_saved_dictionary_of_splits_keeps_the_authors_split(tmp_path: Path) -> None:
    """The folders train, validation and test tell the splits of pairs."""
    splits = DatasetDict()
    for place, name in enumerate(("train", "validation", "test")):
        sources = [f"int f{place}{n}();" for n in range(3 + place)]
        splits[name] = Dataset.from_dict({"java": sources, "cs": [s.upper() for s in sources]})
    splits.save_to_disk(tmp_path / "saved")
    parts, facts = choosing.load(tmp_path / "saved", {}, None, 0)
    assert [len(part) for part in parts] == [3, 4, 5]
    assert facts["split_rule"] == AUTHORS_RULE


@pytest.mark.parametrize("stream", [True, False])
def test_both_forms_of_arrow_files_are_read(tmp_path: Path, *, stream: bool) -> None:
    """An IPC stream is what ``datasets`` writes, an IPC file what Polars and Feather write."""
    write_ipc(tmp_path / "a.arrow", pa.table(rows(7)), stream=stream)
    table = tables.read(tmp_path / "a.arrow", ROLES, {})
    assert list(table.columns["text"]) == rows(7)["func"]


def test_a_file_that_is_no_arrow_file_is_refused(tmp_path: Path) -> None:
    """One sentence names the file and its format."""
    (tmp_path / "a.arrow").write_bytes(b"func,target\nf,0\n")
    with pytest.raises(UsageError, match=r"a\.arrow: cannot be read as \.arrow"):
        tables.columns(tmp_path / "a.arrow")


@pytest.mark.parametrize("size", [1, 999, 1_000, 1_001, 2_500])
def test_batches_lose_no_row(tmp_path: Path, size: int) -> None:
    """Row groups smaller and larger than a batch give all rows in their order."""
    pq.write_table(pa.table(rows(2_500)), tmp_path / "a.parquet", row_group_size=size)
    read = arrow_files.read_parquet(tmp_path / "a.parquet", ["target", "func"])
    assert read == rows(2_500)


def test_no_character_of_a_path_is_a_pattern(tmp_path: Path) -> None:
    """A folder called ``[a]*`` is read, and no other one beside it."""
    folder = tmp_path / "[a]*?"
    for place in (folder, tmp_path / "a"):
        place.mkdir()
        pq.write_table(pa.table(rows(3)), place / "x.parquet")
    assert len(tables.read(folder, ROLES, {}).columns["text"]) == 3


def test_columns_of_any_type_may_stand_beside_the_requested_ones(tmp_path: Path) -> None:
    """Categories become their values; a type that ``datasets`` does not know is not looked at."""
    columns = pa.table(rows(2))
    columns = columns.set_column(0, "func", columns["func"].dictionary_encode())
    unknown = pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64()))
    pq.write_table(columns.append_column("more", unknown), tmp_path / "a.parquet")
    assert tables.columns(tmp_path / "a.parquet") == ("func", "target", "more")
    assert tables.read(tmp_path / "a.parquet", ROLES, {}).columns["text"] == (
        "int f0();",
        "int f1();",
    )


def test_features_of_datasets_in_parquet_give_plain_values(tmp_path: Path) -> None:
    """A label saved as ClassLabel is its number."""
    from datasets import ClassLabel

    features = Features({"func": Value("string"), "target": ClassLabel(names=["safe", "bad"])})
    Dataset.from_dict(rows(4), features=features).to_parquet(tmp_path / "a.parquet")
    assert tables.read(tmp_path / "a.parquet", ROLES, {}).columns["label"] == (0, 1, 0, 1)


def test_local_files_need_no_network_and_no_cache(tmp_path: Path) -> None:
    """A read opens no connection, prints nothing and leaves the user's cache alone."""
    pq.write_table(pa.table(rows(3)), tmp_path / "a.parquet")
    code = f"""
import socket
def refuse(*args):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.getaddrinfo = refuse
from pathlib import Path
from greenbench.data import tables
table = tables.read(Path({str(tmp_path / "a.parquet")!r}), {ROLES!r}, {{}})
assert len(table.columns["text"]) == 3
"""
    home = tmp_path / "home"
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    environment["USE_TORCH"] = "0"  # else ``datasets`` imports it, which takes twice the time
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert not home.exists()
