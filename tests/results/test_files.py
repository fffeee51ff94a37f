"""Results files: one a variant and session, whole at any moment, readable later."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.options import Options
from greenbench.results import files as store
from greenbench.results import loading
from greenbench.results.record import SCHEMA, builtin, cell_record
from greenbench.types import CellResult, Energy, Judged, Metric, Round, Window

STARTED = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HEADER = {"profile": "tiny", "session": {"id": "s"}, "environment": {}}


def record(cell: str = "T2-V0_baseline", variant: str = "V0_baseline") -> dict:
    """Return a cell's record with one round of one window."""
    energy = Energy(cpu_j=2.0, sources={"cpu": "estimated:x"}, reasons={"gpu": "none here"})
    window = Window(stage="data", seconds=1.0, energy=energy)
    one = Round(
        seed=0,
        whole=window,
        windows=(window,),
        judged=Judged(quality={"mcc": Metric(value=0.5, n=10)}),
    )
    result = CellResult(
        id=cell,
        task="T2",
        variant=variant,
        model="m",
        data={},
        seeds=(0,),
        status="ok",
        rounds=(one,),
        quality=one.judged.quality,
    )
    return cell_record(result, Options())


def test_cells_of_a_variant_share_a_file(tmp_path: Path) -> None:
    """Two cells of V1 and one of V0 make two files, named by variant and time stamp."""
    recorder = store.Recorder(tmp_path, STARTED, HEADER)
    for cell, variant in (
        ("T2-V0_baseline", "V0_baseline"),
        ("T2-V1_data-b16", "V1_data"),
        ("T2-V1_data-b32", "V1_data"),
    ):
        recorder.append(record(cell, variant), Options())
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["V0_baseline_20261123T120000Z.json", "V1_data_20261123T120000Z.json"]
    assert [cell.id for cell in loading.load(recorder.paths[1]).cells] == [
        "T2-V1_data-b16",
        "T2-V1_data-b32",
    ]


def test_the_promised_keys_are_there(tmp_path: Path) -> None:
    """File and cells have the promised keys, and joules per channel with source and reason."""
    path = store.Recorder(tmp_path, STARTED, HEADER).append(record(), Options())
    run = json.loads(path.read_text())
    assert {
        "schema",
        "variant",
        "options",
        "differs_from_baseline",
        "profile",
        "session",
        "environment",
        "energy_sources",
        "cells",
    } <= set(run)
    cell = run["cells"][0]
    assert {
        "id",
        "task",
        "model",
        "data",
        "seeds",
        "status",
        "rounds",
        "quality",
        "work",
        "applied",
        "doubts",
        "error",
    } <= set(cell)
    window = cell["rounds"][0]["windows"][0]
    assert (window["gpu_j"], window["cpu_j"], window["total_j"], window["state"]) == (
        None,
        2.0,
        2.0,
        "cold",
    )
    assert window["reasons"]["gpu"] == "none here"


def test_two_sessions_of_one_second_do_not_meet(tmp_path: Path) -> None:
    """The second session takes the next free second, and neither loses a cell."""
    recorders = [store.Recorder(tmp_path, STARTED, HEADER) for _ in range(3)]
    paths = {r.append(record(), Options()) for r in recorders}
    assert len(paths) == 3
    assert all(len(loading.load(p).cells) == 1 for p in paths)


def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the replacement fails, the earlier cells are still there and no other file is left."""
    recorder = store.Recorder(tmp_path, STARTED, HEADER)
    path = recorder.append(record(), Options())

    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match="No space left"):
        recorder.append(record(), Options())
    assert len(loading.load(path).cells) == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.tuples(s, s) | st.dictionaries(st.text() | st.integers(), s),
    )
)
def test_everything_becomes_valid_json(value: object) -> None:
    """Any value is valid JSON afterwards, which reads back with the same shape and contents."""
    assert_same(json.loads(json.dumps(builtin(value), allow_nan=False)), value)


def assert_same(read: object, value: object) -> None:
    """Compare what JSON gives back with the value: tuples are lists, keys texts, NaN is null."""
    if isinstance(value, dict):
        entries = {str(key): entry for key, entry in value.items()}
        assert read.keys() == entries.keys()
        for key, entry in entries.items():
            assert_same(read[key], entry)
    elif isinstance(value, list | tuple):
        for entry_read, entry in zip(read, value, strict=True):
            assert_same(entry_read, entry)
    elif isinstance(value, float) and not math.isfinite(value):
        assert read is None
    else:
        assert (type(read), read) == (type(value), value)


def test_a_crash_at_the_first_cell_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A results file appears with its first cell complete in it, or not at all."""

    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", crash)
    recorder = store.Recorder(tmp_path, STARTED, HEADER)
    with pytest.raises(OSError, match="No space left"):
        recorder.append(record(), Options())
    assert (list(tmp_path.iterdir()), recorder.paths) == ([], ())


def test_a_number_that_is_not_finite_is_null() -> None:
    """NaN is no measurement."""
    assert builtin({"a": math.nan, "b": (math.inf, 1.5)}) == {"a": None, "b": [None, 1.5]}


def test_a_results_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The sentence names the folder and the option."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(
        UsageError, match=r"taken: results cannot be written here .* --green-results"
    ):
        store.check_folder(tmp_path / "taken")


def test_a_full_results_folder_is_refused(tmp_path: Path) -> None:
    """A file system that takes no more bytes is noticed before the run.

    Here it is a process that may write no file of that size.
    """
    code = (
        "import resource, signal, pathlib; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "from greenbench.results import files as store; store.check_folder(pathlib.Path('.'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "results cannot be written here (File too large)" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"cells": []}',
        "null",
        '{"schema": 1, "cells": []}',
        '{"schema": "a", "cells": []}',
    ],
)
def test_what_is_no_results_file_is_named(tmp_path: Path, text: str) -> None:
    """Truncated or foreign JSON is refused with the file's name."""
    (tmp_path / "V0_baseline_20261123T120000Z.json").write_text(text)
    runs, problems = loading.load_folder(tmp_path)
    assert runs == []
    assert len(problems) == 1
    assert "not a results file" in problems[0]


def test_a_future_schema_is_refused(tmp_path: Path) -> None:
    """A file of a newer greenbench is not guessed at."""
    (tmp_path / "x.json").write_text(json.dumps({"schema": SCHEMA + 1}))
    with pytest.raises(UsageError, match="update greenbench"):
        loading.load(tmp_path / "x.json")


def test_another_attempt_at_a_cell_replaces_the_first(tmp_path: Path) -> None:
    """A file with a cell twice could not be read back; the last attempt says that it is one."""
    recorder = store.Recorder(tmp_path, STARTED, HEADER)
    recorder.append(record(), Options())
    path = recorder.append(record(), Options())
    (cell,) = loading.load(path).cells
    assert cell.doubts == ("measured several times in this session; this is the last attempt",)


def test_a_cell_that_ends_in_an_error_after_some_blocks_is_no_further_attempt() -> None:
    """Nor one whose earlier block ended later, in another worker; a round measured anew is one."""
    first, second = {"seed": 0}, {"seed": 1}
    earlier = {"rounds": [second], "error": None}
    assert store.continues({"rounds": [first, second], "error": None}, earlier)
    assert store.continues({"rounds": [second], "error": "its worker was killed"}, earlier)
    assert not store.continues({"rounds": [{"seed": 1, "block": 1}], "error": None}, earlier)
    assert not store.continues({"rounds": [second], "error": None}, earlier)


def test_what_killed_sessions_left_half_written_is_removed(tmp_path: Path) -> None:
    """Also what the clock, which was set back since, dates in the future; others' files stay."""
    now = time.time()
    for name, modified in {"old": now - 500, "fresh": now - 5, "future": now + 500}.items():
        path = tmp_path / f"{store.PREFIX}{name}{store.SUFFIX}"
        path.touch()
        os.utime(path, (modified, modified))
    store.remove_half_written(tmp_path, now - 100)
    assert [path.name for path in tmp_path.iterdir()] == [f"{store.PREFIX}fresh{store.SUFFIX}"]
