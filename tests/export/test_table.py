"""The tidy table holds every joule of the results once, labelled, whoever reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from export import made
from export.made import HOSTILE, write_results
from hypothesis import given
from hypothesis import strategies as st

import greenbench
from greenbench.cli import main
from greenbench.errors import UnavailableError, UsageError
from greenbench.export import table, writing
from greenbench.options import Options
from greenbench.results.files import Recorder
from greenbench.results.loading import load as load_file
from greenbench.results.record import cell_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = ["session", "cell", "round", "window", "channel"]
SAFE = r"=1+1\x1b[2J\n@x, " + "\"'"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a results folder."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return folder


@pytest.fixture(scope="module")
def frame(results: Path) -> pd.DataFrame:
    """Return its table."""
    return greenbench.load(results)


@pytest.fixture(scope="module")
def files(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the table as t.parquet and t.csv."""
    folder = tmp_path_factory.mktemp("tables")
    to = ["--parquet", str(folder / "t.parquet"), "--csv", str(folder / "t.csv")]
    assert main(["export", str(results), *to]) == 0
    return folder


def test_each_channel_of_each_window_is_one_row(frame: pd.DataFrame) -> None:
    """Two cells of two rounds of a whole, two stages and a repetition; and one that failed."""
    assert len(frame) == 2 * 2 * 4 * 3 + 1
    assert not frame.duplicated(KEY).any()
    assert list(frame["stage"].dropna().unique()) == ["whole", "training", "inference"]


def test_joules_are_those_of_the_records(frame: pd.DataFrame, results: Path) -> None:
    """Of each cell and round the channels of the whole add up to the record's total."""
    whole = frame[frame["stage"] == "whole"]
    sums = whole.groupby(["cell", "round"])["joules"].sum()
    for path in results.glob("*.json"):
        for cell in load_file(path).cells:
            for number, one_round in enumerate(cell.rounds):
                assert sums[cell.id, number] == pytest.approx(one_round.whole.energy.total_j)


def test_the_machine_as_a_whole_has_rows_of_its_own(tmp_path: Path) -> None:
    """The channel ``node`` is there where a sensor knows it, and the others are the total."""
    known = {"node_j": 300.0, "sources": {**made.SOURCES, "node": "user:wattmeter:Battery"}}
    recorder = Recorder(tmp_path, made.STARTED, made.HEADER)
    rounds = (made.one_round(0, **known),)
    cell = made.result("T2-V0_baseline", "V0_baseline", rounds, quality={})
    recorder.append(cell_record(cell, Options()), Options())
    found = greenbench.load(tmp_path)
    whole = found[found["stage"] == "whole"].set_index("channel")["joules"]
    assert list(whole.index) == ["gpu", "cpu", "dram", "node"]
    assert whole["node"] == 300.0
    assert whole.drop("node").sum() == pytest.approx(100.0)


def test_joules_say_what_they_are(frame: pd.DataFrame) -> None:
    """A counter's are measured, an estimate's estimated, and unknown ones null with a reason."""
    first = frame[frame["cell"] == "T2-V0_baseline"].iloc[:3].set_index("channel")
    assert list(first["joules_are"]) == ["measured", "estimated", "unknown"]
    assert first.loc["gpu", "uncertainty_joules"] == pytest.approx(5.0)
    assert first.loc["gpu", "net_joules"] == pytest.approx(-25.0)
    assert first.loc["cpu", "source"].startswith("estimated:")
    assert pd.isna(first.loc["dram", "joules"])
    assert first.loc["dram", "reason"] == SAFE
    assert first["joules"].sum() == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("simulated:nvml", "simulated"),
        ("estimated:x", "estimated"),
        ("none", "unknown"),
        ("zeus:rapl", "measured"),
    ],
)
def test_a_label_follows_from_the_source(source: str, label: str) -> None:
    """A simulated device and an estimate never count as measured."""
    from greenbench.export.tidy import joules_are

    assert joules_are(source, 1.0) == label
    assert joules_are(source, None) == "unknown"


def test_states_tell_what_was_measured_again(frame: pd.DataFrame) -> None:
    """Repetitions and trainings taken over are labelled; the latter name where they were made."""
    cpu = frame[(frame["channel"] == "cpu") & (frame["round"] == 0)]
    states = cpu.groupby("cell")["state"].agg(list)
    assert states["T2-V0_baseline"] == ["cold", "cold", "cold", "repeated"]
    assert states["T2-V2_training"] == ["reused", "reused", "cold", "repeated"]
    origins = cpu[cpu["state"] == "reused"]["reused_from"]
    assert set(origins) == {"another session:0"}


def test_a_cell_without_rounds_is_there(frame: pd.DataFrame) -> None:
    """It has one row, without joules, that says why."""
    (failed,) = frame[frame["cell"] == "T2-V3_x"].to_dict("records")
    assert pd.isna(failed["joules"])
    assert (failed["flaw"], failed["joules_are"]) == ("MISSING", "unknown")
    assert failed["reason"] == f"the cell failed: {SAFE}"


def test_rounds_have_their_scores_and_knobs(frame: pd.DataFrame) -> None:
    """Scores are the round's own; a variant's knobs, and the verdicts on a cell, are JSON."""
    rows = frame[frame["cell"] == "T2-V2_training"]
    assert set(rows["score_mcc"]) == {0.5, 0.6}
    assert rows["score_bleu"].isna().all()
    assert set(rows["knobs"]) == {'{"training.precision": "bf16"}'}
    assert set(rows["verdicts"]) == {'{"energy <= 2*V0": "PASS"}'}
    assert frame[frame["cell"] == "T2-V0_baseline"]["verdicts"].isna().all()


READERS: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda path: (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    ),
    "polars": lambda path: (
        pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    ).to_pandas(),
    "duckdb": lambda path: duckdb.sql(f"select * from '{path}'").df(),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_others_read_the_same_table(
    reader: str, name: str, files: Path, frame: pd.DataFrame
) -> None:
    """pandas, polars and DuckDB find the same columns, joules and labels in both files."""
    found = READERS[reader](files / name)
    assert list(found.columns) == list(frame.columns)
    for column in ("joules", "seconds", "seed", "score_mcc"):
        expected = frame[column].astype("float64")
        pd.testing.assert_series_equal(found[column].astype("float64"), expected)
    assert list(found["joules_are"]) == list(frame["joules_are"])


def test_a_file_is_replaced_as_a_whole(results: Path, tmp_path: Path) -> None:
    """Damaged results leave the earlier table as it was, and nothing beside it."""
    out, bad = tmp_path / "out", tmp_path / "V1_x_20261123T120000Z.json"
    out.mkdir()
    (out / "t.csv").write_text("earlier")
    bad.write_text("{")
    for option in ("--csv", "--parquet"):
        assert main(["export", str(results), str(bad), option, str(out / "t.csv")]) == 2
    assert [path.name for path in out.iterdir()] == ["t.csv"]
    assert (out / "t.csv").read_text() == "earlier"


def test_nothing_counts_twice(results: Path) -> None:
    """A folder beside one of its files is refused, with both names."""
    (path, *_) = sorted(results.glob("V0*"))
    with pytest.raises(UsageError, match=r"V0_baseline of this session is in .* count twice"):
        greenbench.load(results, *_copies(path))


def _copies(path: Path) -> list[Path]:
    copy = path.parent.parent / f"copy-{path.parent.name}.json"
    copy.write_bytes(path.read_bytes())
    return [copy]


def test_pieces_make_the_same_table(
    results: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size of a batch changes nothing."""
    monkeypatch.setattr(table, "BATCH_ROWS", 5)
    pd.testing.assert_frame_equal(greenbench.load(results), frame)


def test_csv_holds_no_formula(files: Path) -> None:
    """No field begins as a formula does, rows are lines, and control characters are escapes."""
    text = (files / "t.csv").read_text()
    assert HOSTILE not in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2 * 2 * 4 * 3 + 1 + 1
    found = pd.read_csv(files / "t.csv")
    texts = found.select_dtypes(include="str")
    for column in texts:
        assert not texts[column].dropna().str.startswith(("=", "+", "-", "@")).any()
    assert f"'{SAFE}" in set(found["reason"])


@given(text=st.text())
def test_a_formula_gets_an_apostrophe_and_no_other_text(text: str) -> None:
    """Whatever the text, it is the same again without an apostrophe before a formula's sign."""
    batch = pa.RecordBatch.from_pydict({"text": [text]})
    (found,) = writing._without_formulas(batch).column("text").to_pylist()
    assert found == ("'" * text.startswith(("=", "+", "-", "@")) + text)


def test_stdout_holds_the_csv_alone(
    results: Path, files: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """``--csv -`` writes what ``--csv FILE`` does; what is said about it goes to stderr."""
    assert main(["export", str(results), "--csv", "-"]) == 0
    output, errors = capfdbinary.readouterr()
    assert output == (files / "t.csv").read_bytes()
    assert b"49 rows" in errors


@pytest.mark.parametrize(("place", "sentence"), [("pipe", ""), ("disk", "No space left")])
def test_a_place_that_takes_no_more_is_no_traceback(
    place: str, sentence: str, results: Path
) -> None:
    """A pipe whose reader has enough, and a full disk, end the command with 2."""
    if place == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full", os.O_WRONLY)
    command = [sys.executable, "-m", "greenbench", "export", str(results), "--csv", "-"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert sentence in done.stderr


def test_where_to_is_asked_for(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a form there is nothing to do, and the sentence names all forms."""
    assert main(["export", str(results)]) == 2
    assert "--parquet, --csv" in capsys.readouterr().err
    assert main(["export", str(results), "--csv", "-", "--carbon", "380 (x)"]) == 2
    assert "--carbon: only --model-card takes it" in capsys.readouterr().err
    assert main(["export", str(results), "--parquet", "-"]) == 2
    assert "--parquet: found -; a Parquet file" in capsys.readouterr().err


def test_pandas_is_asked_for_where_it_lacks(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence has the line that installs it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UnavailableError, match=r"pip install 'greenbench\[export\]'"):
        greenbench.load(results)


def test_importing_greenbench_stays_light() -> None:
    """The package alone imports neither pandas nor pyarrow."""
    code = "import sys, greenbench; print({'pandas', 'pyarrow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
