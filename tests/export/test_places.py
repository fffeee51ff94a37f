"""Where people keep results: nothing estimated arrives as measured, and nothing twice."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from export.made import HEADER, HOSTILE, OPTIONS, STARTED, one_round, result, write_results

from greenbench.cli import main
from greenbench.options import Options
from greenbench.results.files import Recorder
from greenbench.results.record import cell_record
from greenbench.types import Applied

if TYPE_CHECKING:
    from pathlib import Path

V0, FAILED = "T2-V0_baseline", "T2-V3_x"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a results folder: GPU joules are measured, CPU joules estimated."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return folder


def card(results: Path, file: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Return metadata and text of V0's model card."""
    command = ["export", str(results), "--cell", V0, "--model-card", str(file), *arguments]
    assert main(command) == 0
    text = file.read_text()
    if not text.startswith("---\n"):
        return {}, text
    _, metadata, rest = text.split("---\n", 2)
    return yaml.safe_load(metadata), rest


def test_a_card_states_grams_with_their_source(results: Path, tmp_path: Path) -> None:
    """80 J of training at 450 g/kWh are 0.01 g; the text says that they are partly estimated."""
    found, text = card(results, tmp_path / "c.md", "--carbon", "450 (a grid's average)")
    emissions = found["co2_eq_emissions"]
    assert emissions["emissions"] == pytest.approx(81.6 * 450 / 3.6e6, rel=1e-2)
    assert "joules partly estimated by greenbench" in emissions["source"]
    assert re.match(r"0\.010\d* \+- 0\.\d+ g \(half-width of", emissions["source"])
    assert "a grid's average" in emissions["source"]
    assert emissions["training_type"] == "fine-tuning"
    assert emissions["hardware_used"] == "a GPU"
    assert "| whole | 100.0 +- 5.0 J | partly estimated |" in text
    assert "mcc: 0.550 (0.400 to 0.700), n = 10 test examples." in text


def test_a_card_without_an_intensity_states_no_grams(results: Path, tmp_path: Path) -> None:
    """There is no metadata, and the text says why."""
    found, text = card(results, tmp_path / "c.md")
    assert found == {}
    assert "CO2 is not stated" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cell", V0, "--carbon", "450"], "the source of 450 g/kWh is not stated"),
        (["--cell", V0, "--carbon", "much"], "--carbon: found 'much'; give grams per kWh from 0"),
        ([], f"here are {V0}, T2-V2_training, {FAILED}; choose one with --cell"),
        (["--cell", FAILED], "T2-V3_x: the cell failed: =1+1\\x1b[2J"),
        (["--cell", "T9"], f"no cell is called T9; there are {V0}"),
    ],
    ids=["source", "number", "several", "failed", "unknown"],
)
def test_a_card_that_could_mislead_is_refused(
    arguments: list[str],
    sentence: str,
    results: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is written then."""
    file = tmp_path / "c.md"
    assert main(["export", str(results), "--model-card", str(file), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not file.exists()


def test_results_without_a_cell_give_no_card(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session that died before its first cell may leave such a file."""
    file = json.loads(next(results.glob("V0*")).read_text())
    empty = tmp_path / "V0_baseline_20261123T120000Z.json"
    empty.write_text(json.dumps({**file, "cells": []}))
    assert main(["export", str(empty), "--model-card", str(tmp_path / "c.md")]) == 2
    assert "the results have no cell" in capsys.readouterr().err
    assert main(["export", str(empty), "--csv", str(tmp_path / "t.csv")]) == 0
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 1


def test_spdx_holds_measured_joules_alone(results: Path, tmp_path: Path) -> None:
    """The GPU's three quarters are there; of the CPU's quarter a sentence says that it is not."""
    file = tmp_path / "s.json"
    assert main(["export", str(results), "--spdx", str(file)]) == 0
    graph = json.loads(file.read_text())["@graph"]
    packages = [node for node in graph if node["type"] == "ai_AIPackage"]
    assert [package["name"] for package in packages] == [V0, "T2-V2_training"]
    consumption = packages[0]["ai_energyConsumption"]
    (training,) = consumption["ai_finetuningEnergyConsumption"]
    assert training["ai_energyUnit"] == "megajoule"
    assert float(training["ai_energyQuantity"]) == pytest.approx(0.75 * 81.6e-6)
    assert re.fullmatch(r"[0-9]+(\.[0-9]*)?", training["ai_energyQuantity"])
    comment = packages[0]["comment"]
    assert "training, gpu: 61.2 J +- " in comment
    assert "training, cpu: left out, as its joules are estimated, not measured." in comment


IRI, BLANK, TEXT = r"(?!_:).+:.+", r"_:.+", r"(?s:.*)"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
OF_ELEMENTS = {"spdxId": IRI, "creationInfo": BLANK, "name": TEXT, "comment": TEXT}
ENERGY = ["ai_EnergyConsumptionDescription"]
FORMS: dict[str, dict[str, str | list[str]]] = {
    "CreationInfo": {"@id": BLANK, "specVersion": r"3\.0\.1", "created": TIME, "createdBy": [IRI]},
    "SoftwareAgent": {**OF_ELEMENTS},
    "SpdxDocument": {
        **OF_ELEMENTS,
        "element": [IRI],
        "rootElement": [IRI],
        "profileConformance": ["core"],
    },
    "ai_AIPackage": {
        **OF_ELEMENTS,
        "software_primaryPurpose": "model",
        "ai_hyperparameter": ["DictionaryEntry"],
        "ai_metric": ["DictionaryEntry"],
        "ai_energyConsumption": "ai_EnergyConsumption",
    },
    "ai_EnergyConsumption": {
        "ai_finetuningEnergyConsumption": ENERGY,
        "ai_inferenceEnergyConsumption": ENERGY,
    },
    "ai_EnergyConsumptionDescription": {
        "ai_energyQuantity": r"-?[0-9]+(\.[0-9]*)?",
        "ai_energyUnit": "kilowattHour|megajoule|other",
    },
    "DictionaryEntry": {"key": TEXT, "value": TEXT},
}
"""By class, the form of each property that a file may have: a list may have several values.

As in the published JSON schema of SPDX 3.0.1, as far as it is used: it allows no others. The AI
profile requires of a package what is unknown here, so that none may claim it.
"""
OPTIONAL = {
    *("name", "comment", "ai_hyperparameter", "ai_metric", "ai_energyConsumption"),
    *("ai_finetuningEnergyConsumption", "ai_inferenceEnergyConsumption"),
}


def assert_form(node: dict[str, Any]) -> None:
    """Assert that an object, and all within it, have the form of their classes."""
    form = FORMS[node["type"]]
    assert set(form) - OPTIONAL <= set(node)
    for name, value in node.items():
        if name == "type":
            continue
        expected, values = form[name], [value]
        if isinstance(expected, list):
            (expected,) = expected
            values = value
            assert isinstance(values, list)
        for one in values:
            if isinstance(one, dict):
                assert one["type"] == expected
                assert_form(one)
            else:
                assert re.fullmatch(expected, one)


def test_spdx_has_the_form_that_the_standard_gives_each_class(
    results: Path, tmp_path: Path
) -> None:
    """Nothing that SPDX 3.0.1 requires is missing, and nothing is there that it does not know."""
    file = tmp_path / "s.json"
    main(["export", str(results), "--spdx", str(file)])
    written = json.loads(file.read_text())
    assert set(written) == {"@context", "@graph"}
    assert written["@context"] == "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
    for node in written["@graph"]:
        assert_form(node)
    (document,) = [node for node in written["@graph"] if node["type"] == "SpdxDocument"]
    assert document["rootElement"]
    assert document["spdxId"] not in document["element"]


def test_spdx_names_what_is_in_it(results: Path, tmp_path: Path) -> None:
    """Every node that the document lists is there, with the creation information."""
    file = tmp_path / "s.json"
    main(["export", str(results), "--spdx", str(file)])
    nodes = {node.get("spdxId"): node for node in json.loads(file.read_text())["@graph"]}
    (document,) = [node for node in nodes.values() if node["type"] == "SpdxDocument"]
    creation = nodes.pop(None)
    assert set(document["element"]) | {document["spdxId"]} == set(nodes)
    assert {node["creationInfo"] for node in nodes.values()} == {creation["@id"]}
    assert creation["createdBy"][0] in nodes


def test_estimates_alone_give_no_energy_in_spdx(tmp_path: Path) -> None:
    """Then the field is not there at all, rather than empty or zero."""
    estimated = {"sources": {"cpu": "estimated:x"}, "gpu_j": None, "idle_j": {}}
    one = one_round(0, **estimated)
    recorder = Recorder(tmp_path, STARTED, HEADER)
    cell = result(V0, "V0_baseline", (one,), quality=one.judged.quality)
    recorder.append(cell_record(cell, Options()), Options())
    file = tmp_path / "s.json"
    assert main(["export", str(tmp_path), "--spdx", str(file)]) == 0
    text = file.read_text()
    assert "ai_energyConsumption" not in text
    assert "cpu: left out, as its joules are estimated" in text


@pytest.mark.parametrize("form", ["--model-card", "--spdx"])
def test_what_is_no_evidence_says_so(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that predicts nothing, and a knob that did not act, are named beside the joules."""
    proof = Applied(stage="training", knob="precision", asked="bf16", got="fp32", how="", note="no")
    one = replace(one_round(0), applied=(proof,))
    reasons = {"degenerate": ("one answer for all",), "status": "partial"}
    cell = result("T2-V2_x", "V2_x", (one,), quality=one.judged.quality, **reasons)
    Recorder(tmp_path, STARTED, HEADER).append(cell_record(cell, OPTIONS), OPTIONS)
    assert main(["export", str(tmp_path), form, "-"]) == 0
    text = capsys.readouterr().out
    assert "DEGENERATE: one answer for all." in text
    assert "Not as requested: training.precision." in text


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URI of a local store."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlruns").as_uri()


def runs(store: str) -> dict[str, Any]:
    """Return the runs of a store by their names."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("greenbench")
    found = client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def test_mlflow_has_each_cell_once(
    results: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Knobs, intervals and labels arrive; sending again adds nothing."""
    for sent, there in ((3, 0), (0, 3)):
        assert main(["export", str(results), "--mlflow", store]) == 0
        assert f"{sent} sent, {there} there already" in capsys.readouterr().err
    found = runs(store)
    assert set(found) == {V0, "T2-V2_training", FAILED}
    data = found[V0].data
    assert data.metrics["energy_partly_estimated_joules"] == pytest.approx(100.0)
    assert data.metrics["energy_partly_estimated_joules_low"] == pytest.approx(95.0)
    assert data.metrics["energy_partly_estimated_joules_high"] == pytest.approx(105.0)
    assert "energy_joules" not in data.metrics
    assert (data.metrics["mcc"], data.metrics["mcc_low"]) == (0.55, 0.4)
    assert found["T2-V2_training"].data.params["training.precision"] == "bf16"
    assert found[FAILED].info.status == "FAILED"
    assert "\x1b" not in str(found[FAILED].data.tags)
    assert HOSTILE[:4] in found[FAILED].data.tags["greenbench.limit_0"]


@pytest.mark.slow
def test_mlflow_in_sqlite_has_each_cell_once(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store that MLflow recommends for one machine."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["export", str(results), "--mlflow", "sqlite:///m.db"]) == 0
    assert set(runs("sqlite:///m.db")) == {V0, "T2-V2_training", FAILED}
    assert len(list(tmp_path.glob("mlruns/**/V*.json"))) == len(runs("sqlite:///m.db"))


def test_mlflow_follows_a_file_that_changed(results: Path, tmp_path: Path, store: str) -> None:
    """A run whose results file was continued since is replaced, and stays one."""
    path = next(results.glob("V0*"))
    copy = tmp_path / path.name
    for rounds in ((one_round(0),), (one_round(0), one_round(1))):
        recorder = Recorder(tmp_path, STARTED, HEADER)
        copy.unlink(missing_ok=True)
        cell = result(V0, "V0_baseline", rounds, quality=rounds[0].judged.quality)
        if len(rounds) > 1:
            cell = result(V0, "V0_baseline", rounds)
        recorder.append(cell_record(cell, OPTIONS), OPTIONS)
        assert main(["export", str(copy), "--mlflow", store]) == 0
        assert runs(store)[V0].data.params["rounds"] == str(len(rounds))


def test_a_store_that_refuses_is_named(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own reason follows, without a traceback."""
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    assert main(["export", str(results), "--mlflow", "nosuch://store"]) == 2
    assert "--mlflow: nosuch://store refuses: " in capsys.readouterr().err
