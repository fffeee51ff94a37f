"""The published JSON schema is the code's own, and what sessions write is valid by it."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import jsonschema
import pytest
import results_validity
import stub_suite
from export.made import HEADER, STARTED, result, write_results

from greenbench.cli import main
from greenbench.export.dictionary import dictionary
from greenbench.export.json_schema import results_schema, schema_text
from greenbench.options import Options
from greenbench.results.files import Recorder
from greenbench.results.record import cell_record
from greenbench.run.session_results import SessionResults

DOCS = Path(__file__).parents[2] / "docs"


@cache
def validator() -> jsonschema.Draft202012Validator:
    """Return a validator of results files."""
    schema = results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems(file: Any) -> list[str]:
    """Return what is wrong with a results file, each with its place."""
    errors = validator().iter_errors(file)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a results file whose cell has a value for everything that may be null."""
    paths = write_results(tmp_path_factory.mktemp("results"))
    return json.loads(paths[1].read_text())


def test_the_published_schema_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """The docs and the command have what the code says: tools/results_docs.py writes it."""
    assert (DOCS / "results.schema.json").read_text() == schema_text()
    assert main(["export", "--schema"]) == 0
    assert capsys.readouterr().out == schema_text()


def test_the_dictionary_is_current() -> None:
    """docs/results.md explains every column as the code does."""
    assert dictionary() in (DOCS / "results.md").read_text()
    assert "| number |  |" not in dictionary()


def test_what_is_written_is_valid(file: Any) -> None:
    """A file with measured, estimated and unknown joules, repetitions and a reused training."""
    assert problems(file) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda cell: cell.pop("efficiency"), "$.cells[0]: 'efficiency' is a required property"),
        (lambda cell: cell.update(joules=1), "$.cells[0]: Additional properties"),
        (lambda cell: cell["rounds"][0].pop("correct"), "$.cells[0].rounds[0]: 'correct'"),
        (lambda cell: cell["rounds"][0].update(seconds=None), "$.cells[0].rounds[0].seconds"),
        (lambda cell: cell["rounds"][0]["windows"][0].update(state="hot"), "windows[0].state"),
        (lambda cell: cell["rounds"][0]["energy"].update(cpu_j="20 J"), "energy.cpu_j"),
    ],
    ids=["lacks", "more", "round", "null", "word", "text"],
)
def test_what_is_not_written_is_invalid(change: Any, place: str, file: Any) -> None:
    """The schema says what there is, and of which kind, down to the windows and the knobs."""
    changed = copy.deepcopy(file)
    change(changed["cells"][0])
    (problem,) = problems(changed)
    assert place in problem


def test_knobs_have_their_limits(file: Any) -> None:
    """A batch of no example, a fraction above 1 and a word that no knob takes are invalid."""
    changed = copy.deepcopy(file)
    changed["options"]["data"]["batch_size"] = 0
    changed["options"]["inference"]["skip_layers"] = 1.5
    changed["options"]["training"]["optimizer"] = "none"
    places = sorted(problem.partition(":")[0] for problem in problems(changed))
    names = ["data.batch_size", "inference.skip_layers", "training.optimizer"]
    assert places == [f"$.options.{name}" for name in names]


def test_files_of_a_session_are_valid(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, partial, failed and degenerate cells, gates, grams and a plain ending."""
    gates = ("--green-gate", "energy <= 2*V0", "--green-carbon", "380 (a source)")
    monkeypatch.setenv("STUB", "T2-V1_fast=raise")
    monkeypatch.setenv("STUB_CONSTANT", "V0_baseline")
    stub_suite.run_here(suite, "--green-rounds", "2", *gates)
    files = [json.loads(path.read_text()) for path in suite.path.glob("results/*.json")]
    assert {cell["status"] for file in files for cell in file["cells"]} >= {"failed", "partial"}
    for file in files:
        assert problems(file) == []
        assert file["gates"]["verdicts"]
        assert file["carbon"] == {"g_per_kwh": 380.0, "source": "a source"}


def test_sessions_of_tests_are_checked(tmp_path: Path) -> None:
    """A session of any test that writes what the schema does not have fails."""
    results_validity.watch()
    assert hasattr(SessionResults.conclude, "__wrapped__")
    recorder = Recorder(tmp_path, STARTED, HEADER)
    recorder.append(cell_record(result("T2-V0_x", "V0_x", ()), Options()), Options())
    results_validity.check(recorder)
    recorder.conclude(conclusion={"doubts": [], "mood": "good"})
    with pytest.raises(fastjsonschema.JsonSchemaException, match="conclusion"):
        results_validity.check(recorder)
