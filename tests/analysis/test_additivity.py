"""Whether savings add up, from results files to verdicts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from analysis import made

import greenbench
from greenbench.analysis import simultaneous
from greenbench.analysis.block_model import BlockModel
from greenbench.analysis.regression import RoundPlace
from greenbench.cli import main
from greenbench.errors import UsageError
from tools import additivity_check

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.analysis.analyse import TaskAnalysis

BASE = made.BASE


def times(*factors: float) -> list[float]:
    """Return V0's joules by stage, each times a factor."""
    return [joules * factor for joules, factor in zip(BASE, factors, strict=True)]


MATRIX: dict[str, Any] = {
    "V0_baseline": ((), BASE),
    "V1_data": (("data",), times(0.4, 1, 1, 1)),
    "V2_training": (("training",), times(1, 1, 0.6, 1)),
    "V3_inference": (("inference",), times(1, 1.2, 1, 0.7)),
    "V5_data_training": (("data", "training"), times(0.4, 1, 0.6, 1)),
    "V6_data_inference_training": (
        ("data", "training", "inference"),
        times(0.4, 1.2, 0.72, 0.7),
    ),
}
"""V5 adds up, and V6 takes a fifth more in training than its parts predict."""


def analysed(folder: Path, cells: list[dict[str, Any]], **more: Any) -> TaskAnalysis:
    """Return the analysis of a session's cells."""
    (task,) = greenbench.analyse(made.write(folder, cells), **more).tasks
    return task


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the results of a session in which V6 interacts."""
    right = dict(zip(MATRIX, (90, 90, 89, 86, 89, 84), strict=True))
    cells = made.session(MATRIX, noise=0.02, right=right)
    return made.write(tmp_path_factory.mktemp("matrix"), cells)


def test_parts_that_add_up_are_told_from_those_that_do_not(folder: Path) -> None:
    """V5 is additive, V6 sub-additive in its training stage, with true joules and ratios."""
    (task,) = greenbench.analyse(folder).tasks
    energy = task.energy
    assert energy is not None
    five, six = energy.combinations
    assert [one.parts for one in (five, six)] == [
        ("T2-V1_data", "T2-V2_training"),
        ("T2-V1_data", "T2-V2_training", "T2-V3_inference"),
    ]
    assert (five.expected[0].verdict, six.expected[0].verdict) == ("additive", "sub-additive")
    assert six.observed == pytest.approx(sum(times(0.4, 1.2, 0.72, 0.7)), rel=0.02)
    assert six.expected[0].value == pytest.approx(sum(times(0.4, 1.2, 0.6, 0.7)), rel=0.02)
    assert six.excess_by_stage["training"] == pytest.approx(7.2, rel=0.05)
    assert [one.null for one in six.expected] == ["stages", "totals", "savings"]
    assert [one.measure for one in task.additivity] == ["energy", "energy_net", "time", "mcc"]
    assert task.unmeasured == {"energy_gpu": "V0: energy_gpu of its data stage is unknown"}


def test_the_command_answers_first_within_80_columns(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lines say what adds up, and no line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["analyse", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("On T2, V5 (V1 + V2) adds up within 5 %: 1.00 (")
    assert "V6 (V1 + V2 + V3) takes more estimated energy" in " ".join(lines[:5])
    assert max(map(len, lines)) <= 80


def test_json_and_markdown_hold_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program and a job's page get every combination, its interval and its verdict."""
    main(["analyse", str(folder), "--json", "--task", "T2"])
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    six = task["additivity"][0]["combinations"][1]
    assert six["expected"][0]["change"]["low"] > 1.05
    main(["analyse", str(folder), "--markdown"])
    text = capsys.readouterr().out
    assert text.startswith("## T2\n\nOn T2, V5 (V1 + V2) adds up")
    assert "| V6 | V1 + V2 + V3 |" in text


def test_a_task_that_is_not_there_is_named(folder: Path) -> None:
    """A misspelt task is an error, and no empty answer."""
    with pytest.raises(UsageError, match="no cell of task T9 is here; there are: T2"):
        greenbench.analyse(folder, tasks=["T9"])


def broken(name: str, **more: Any) -> list[dict[str, Any]]:
    """Return the session's cells, one of them changed."""
    cells = made.session(MATRIX)
    for cell in cells:
        if cell["variant"] == name:
            cell.update(more)
    return cells


REFUSED = {
    "DEGENERATE: one answer for all": {"degenerate": ["one answer for all"]},
    "NO-EFFECT: training.precision did nothing": {
        "effect": "NO-EFFECT",
        "without_effect": ["training.precision"],
    },
    "partial: training.precision did not act as requested": {
        "status": "partial",
        "without_effect": ["training.precision"],
    },
    "MISSING: the cell failed: it left no round": {"status": "failed", "rounds": []},
    "NOT-COMPARABLE: data generated eeeeeeeeeeee 100, and V0's is generated dddddddddddd 100": {
        "data": {"source": "generated", "sha256": "e" * 64, "split_sizes": {"test": 100}}
    },
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_evidence_is_left_out_in_a_sentence(tmp_path: Path, reason: str) -> None:
    """Without V2, V5 has no parts, V6 is V3 with V5, and the reason for V2 is said."""
    task = analysed(tmp_path, broken("V2_training", **REFUSED[reason]))
    why = {exclusion.cell: exclusion.reason for exclusion in task.left_out}
    assert why == {"T2-V2_training": reason}
    (five,) = task.without_parts
    assert five.cell == "T2-V5_data_training"
    assert "no part has training.accumulation_steps=4, training.precision=bf16;" in five.reason
    (six,) = task.additivity[0].combinations
    assert six.parts == ("T2-V3_inference", "T2-V5_data_training")


def changed_rounds(name: str, **more: Any) -> list[dict[str, Any]]:
    """Return the session's cells, the rounds of one of them changed."""
    cells = made.session(MATRIX)
    for cell in cells:
        if cell["variant"] == name:
            cell["rounds"] = [{**one_round, **more} for one_round in cell["rounds"]]
    return cells


def test_less_work_that_no_knob_explains_is_no_saving(tmp_path: Path) -> None:
    """A variant of inference that trains on fewer examples is left out."""
    work = {"samples_scored": 100, "samples_trained": 900}
    task = analysed(tmp_path, changed_rounds("V3_inference", work=work))
    why = {exclusion.cell: exclusion.reason for exclusion in task.left_out}
    assert why["T2-V3_inference"] == (
        "unequal work: samples_trained is 900 and V0's 1000, and no knob of it explains that"
    )


def test_joules_of_other_channels_are_another_scope(tmp_path: Path) -> None:
    """A cell whose joules a counter measured is not compared with an estimated V0."""
    cells = made.session(MATRIX)
    text = json.dumps(cells[2]).replace("estimated:cpu-seconds*3W/core", "zeus:rapl")
    cells[2] = json.loads(text)
    task = analysed(tmp_path, cells)
    (reason,) = [e.reason for e in task.left_out if e.cell == "T2-V2_training"]
    assert reason.startswith("NOT-COMPARABLE: scope cpu zeus:rapl, and V0's is cpu estimated")


def test_a_null_channel_leaves_a_cell_out_of_that_measure_alone(tmp_path: Path) -> None:
    """Unknown joules of one stage are not a sum of the others; seconds stay."""
    cells = made.session(MATRIX)
    for one_round in cells[2]["rounds"]:
        one_round["windows"][1]["cpu_j"] = None
    task = analysed(tmp_path, cells)
    energy, time = task.additivity[0], task.additivity[2]
    assert energy.left_out[0].reason == "energy of its architecture stage is unknown"
    assert (len(energy.combinations), len(time.combinations)) == (0, 2)


def test_warnings_are_at_most_ten_and_each_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings that differ in numbers only are one line, and the last says how many more."""
    cells = made.session(MATRIX)
    for number, cell in enumerate(cells):
        cell["doubts"] = [f"a neighbour kept {number}.5 cores busy", f"warning {'abcdef'[number]}"]
        cell["doubts"] += [f"note {'uvwxyz'[number]}"]
    main(["analyse", str(made.write(tmp_path, cells))])
    lines = capsys.readouterr().out.splitlines()
    assert "- T2 V0, T2 V1 and 4 more: a neighbour kept 0.5 cores busy" in lines
    assert len([line for line in lines if line.startswith("- ")]) == 10
    assert lines[-1].startswith("- and ")


def test_damaged_answers_to_test_rows_are_a_sentence(tmp_path: Path) -> None:
    """A file that was cut by hand ends in no traceback."""
    cells = made.session(MATRIX, right=dict.fromkeys(MATRIX, 90))
    del cells[1]["rounds"][0]["outcomes"]["probabilities_f32"]
    with pytest.raises(UsageError, match="T2-V1_data: its record's answers to the test rows are"):
        analysed(tmp_path, cells)


def test_joules_of_the_gpu_alone_are_a_measure_of_their_own(tmp_path: Path) -> None:
    """A variant that moves work from the GPU to the processor saves only there."""
    cells = made.session(MATRIX, noise=0.02)
    for cell in cells:
        for one_round in cell["rounds"]:
            for energy in (one_round["energy"], *one_round["windows"]):
                energy["gpu_j"] = 3 * energy["cpu_j"]
                energy["sources"] = {**energy["sources"], "gpu": "zeus:nvml-counter"}
    task = analysed(tmp_path, cells)
    energy, gpu = (
        next(one for one in task.additivity if one.measure == name)
        for name in ("energy", "energy_gpu")
    )
    for of_all, of_gpu in zip(energy.combinations, gpu.combinations, strict=True):
        assert of_gpu.observed == pytest.approx(0.75 * of_all.observed)


def test_terms_that_share_a_knob_are_refused(tmp_path: Path) -> None:
    """V7 of V5 and V8, both with the data knob, would count that twice."""
    cells = made.session(
        {
            "V0_baseline": ((), BASE),
            "V5_data_training": (("data", "training"), times(0.4, 1, 0.6, 1)),
            "V8_data_inference": (("data", "inference"), times(0.4, 1, 1, 0.7)),
            "V6_all": (("data", "training", "inference"), times(0.4, 1, 0.6, 0.7)),
        }
    )
    task = analysed(tmp_path, cells)
    (exclusion,) = task.without_parts
    assert exclusion.reason == (
        "its parts T2-V5_data_training and T2-V8_data_inference share data.tokenizer, whose "
        "effect would count twice; measure each knob in a variant of its own"
    )


def test_sessions_are_pooled_by_blocks_and_others_are_not_comparable(tmp_path: Path) -> None:
    """Two sessions of five blocks are ten blocks, and one on another host is left out."""
    made.write(tmp_path, made.session(MATRIX, noise=0.02))
    made.write(tmp_path, made.session(MATRIX, noise=0.02), started="20260102T000000Z")
    other = {"environment": {"device": "cpu", "cpu": {"model": "another"}, "gpus": []}}
    cells = made.session(MATRIX)
    made.write(tmp_path, cells, started="20251231T000000Z", **other)
    (task,) = greenbench.analyse(tmp_path).tasks
    assert (task.blocks, task.sessions) == (10, 2)


def test_one_block_is_refused_as_it_shows_no_scatter(tmp_path: Path) -> None:
    """Nothing is concluded from an n of 1."""
    task = analysed(tmp_path, made.session(MATRIX, blocks=1))
    assert task.refusal == "one block shows no scatter; measure with --green-rounds 5"


def test_rounds_in_a_row_are_refused(tmp_path: Path) -> None:
    """Without blocks the state of the machine is in every comparison."""
    cells = made.session(MATRIX)
    for cell in cells:
        for one_round in cell["rounds"]:
            one_round["block"] = None
    assert analysed(tmp_path, cells).refusal == (
        "its V0 is no evidence (its rounds did not run in blocks (--green-interleave off)); pytest "
        "bench -k T2 --green-rounds 5 measures one"
    )
    (tmp_path / "V0_baseline_20260101T000000Z.json").unlink()
    assert greenbench.analyse(tmp_path).tasks[0].refusal.startswith("no session has V0; pytest")


def test_intervals_of_two_cells_are_those_of_the_paired_t() -> None:
    """With complete blocks and one stage the model is a paired comparison."""
    random = np.random.default_rng(1)
    values = random.normal(0, 0.05, (6, 2)) + random.normal(0, 1, (6, 1))
    places, rows = [], []
    for block in range(6):
        for cell in range(2):
            places.append(RoundPlace(cell, 0, block, 2 * block + cell))
            rows.append([values[block, cell]])
    model = BlockModel(np.array(rows), places)
    contrasts = model.contrasts(np.array([[[-1.0], [1.0]]]))
    differences = values[:, 1] - values[:, 0]
    assert not model.without_first
    assert model.means[1, 0] - model.means[0, 0] == pytest.approx(differences.mean())
    assert contrasts.standard[0] == pytest.approx(differences.std(ddof=1) / np.sqrt(6))
    assert contrasts.freedom[0] == pytest.approx(5)


def test_an_interval_must_lie_within_the_margin_to_be_additive() -> None:
    """A wide interval around nothing proves nothing (two one-sided tests)."""
    rule = simultaneous.Rule(-0.05, 0.05, "more", "less")
    words = []
    for low, high in ((-0.01, 0.02), (0.01, 0.02), (-0.06, 0.02), (0.01, 0.08), (-0.08, -0.01)):
        words.append(simultaneous.judge(simultaneous.Bounded(0.0, low, high), rule))
    assert words == ["additive", "additive", "cannot tell", "more", "less"]


@pytest.mark.parametrize("noise", ["white", "blocks"])
def test_intervals_cover_and_families_keep_their_level(noise: str) -> None:
    """Of 20 drawn sessions with a planted interaction, few intervals miss and few alarms sound.

    The draws are fixed; docs/additivity.md has 1,000 sessions.
    """
    random = np.random.default_rng(7)
    session = additivity_check.KnownSession("matrix", "planted", noise, 5, random)
    tally = additivity_check.check(session, 20)
    assert tally.together >= 17
    assert tally.alarms <= 3
    assert tally.wrong == 0
    assert tally.found > 0.5 * tally.effects
