"""Knobs that were measured one at a time: which pay, which do not, and what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from analysis import made
from rich.console import Console

from greenbench.analysis.choice import UNCHANGED
from greenbench.analysis.knob_ranking import COSTS, LOSES, OPEN, SAVES, KnobRanking, rank
from greenbench.analysis.sessions import read_sessions
from greenbench.experiment.knob_candidates import Untried
from greenbench.report import knob_ranking as report

if TYPE_CHECKING:
    from pathlib import Path

MEANS: dict[str, Any] = {
    "V0_baseline": ((), made.BASE),
    "K0_data_tokenizer_rust": (("data",), (4.0, 2.0, 50.0, 30.0)),
    "K0_training": (("training",), (8.0, 2.0, 36.0, 30.0)),
    "K0_inference_skip_layers_0_25": (("inference",), (8.0, 2.0, 60.0, 24.0)),
    "K0_architecture_weight_format_int8": (("architecture",), (8.0, 2.0, 60.0, 60.0)),
    "K0_system": (("capped",), made.BASE),
}
RIGHT = dict.fromkeys(MEANS, 90) | {"K0_training": 60}


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> KnobRanking:
    """Rank a session of five knobs, one of which did nothing."""
    cells = made.session(MEANS, noise=0.01, right=RIGHT, blocks=4)
    idle = made.cell("K0_idle", ("data",), cells[0]["rounds"], status="partial")
    folder = made.write(tmp_path_factory.mktemp("knobs"), [*cells, idle])
    return rank("T2", read_sessions([folder]))


def test_knobs_are_ranked_by_what_is_shown(ranking: KnobRanking) -> None:
    """Those that save and keep the score first, then those that lose it, open ones, and losses."""
    verdicts = {knob.cell: knob.verdict for knob in ranking.knobs}
    assert verdicts == {
        "T2-K0_data_tokenizer_rust": SAVES,
        "T2-K0_inference_skip_layers_0_25": SAVES,
        "T2-K0_training": LOSES,
        "T2-K0_system": OPEN,
        "T2-K0_architecture_weight_format_int8": COSTS,
    }
    assert list(verdicts.values()) == [SAVES, SAVES, LOSES, OPEN, COSTS]
    best = ranking.knobs[0]
    assert best.energy.low < 0.86 < best.energy.high < 1
    assert best.time is not None
    assert best.time.low < 0.86 < best.time.high
    assert (best.blocks, ranking.blocks) == (4, 4)
    assert [one.cell for one in ranking.left_out] == ["T2-K0_idle"]


def test_groups_are_compared_with_their_own_v0(tmp_path: Path) -> None:
    """A machine that takes a half more in one group changes no ratio, and no answer is lost."""
    groups = {
        "20260101T000000Z": (1.0, "K0_data_tokenizer_rust"),
        "20260101T000500Z": (1.5, "K0_inference_skip_layers_0_25"),
    }
    for started, (level, name) in groups.items():
        means = {}
        for variant in ("V0_baseline", name):
            on, joules = MEANS[variant]
            means[variant] = (on, tuple(level * j for j in joules))
        cells = made.session(means, noise=0.01, right=dict.fromkeys(means, 90), blocks=3)
        folder = made.write(tmp_path / "results", cells, started)
    ranking = rank("T2", read_sessions([folder]))
    assert (ranking.groups, ranking.blocks) == (2, 3)
    ratios = {knob.settings: knob.energy.value for knob in ranking.knobs}
    assert ratios["data.tokenizer=rust",] == pytest.approx(0.86, rel=0.02)
    assert ratios["inference.skip_layers=0.25",] == pytest.approx(0.94, rel=0.02)
    assert all(knob.change == UNCHANGED for knob in ranking.knobs)


def test_a_dearer_preparation_pays_from_some_inferences_on(tmp_path: Path) -> None:
    """The crossover is stated where it has an end, and no other knob has one."""
    means = {
        "V0_baseline": ((), made.BASE),
        "K0_data": (("data",), (8.0, 6.0, 60.0, 10.0)),
        "K0_training": (("training",), (8.0, 2.0, 36.0, 30.0)),
    }
    cells = made.session(means, noise=0.01, right=dict.fromkeys(means, 90))
    ranking = rank("T2", read_sessions([made.write(tmp_path / "results", cells)]))
    points = {knob.cell: knob.crossover for knob in ranking.knobs}
    assert points["T2-K0_training"] is None
    point = points["T2-K0_data"]
    assert point is not None
    assert point.low < 20 < (point.high or 0)


@pytest.mark.parametrize(
    ("joules", "sentence"),
    [
        ((8.0, 22.0, 40.0, 30.0), "compile true pays in time from 100 optimizer steps on (95 %"),
        ((8.0, 22.0, 66.0, 30.0), "compile true pays in time after no number of steps: a step"),
    ],
)
def test_compiling_pays_from_some_steps_on(
    joules: tuple[float, ...],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """20 more joules are 2 seconds; 100 steps that save 20 joules make up for them."""
    means = {"V0_baseline": ((), made.BASE), "K0_compile": (("compile",), joules)}
    cells = made.session(means, noise=0.001, right=dict.fromkeys(means, 90))
    for one_round in cells[0]["rounds"]:
        one_round["work"]["optimizer_steps"] = 100
    ranking = rank("T2", read_sessions([made.write(tmp_path / "results", cells)]))
    (knob,) = ranking.knobs
    assert knob.steps is not None
    if knob.steps.steps is not None:
        assert (knob.steps.low or 0) < 100 < (knob.steps.high or 0)
    report.show(Console(width=200, highlight=False), [ranking], [], "V9_found")
    shown = capsys.readouterr().out
    assert sentence in shown
    assert "n = 5 blocks" in shown.partition("compile true pays")[2].partition("\n")[0]


def test_int8_is_compared_in_batches_of_each_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each time with the baseline's format in such batches; other stages have no part in it."""
    means = {
        "V0_baseline": ((), made.BASE),
        "K0_int8": (("architecture",), (8.0, 9.0, 60.0, 33.0)),
        "K0_small": (("small batch",), (8.0, 2.0, 60.0, 40.0)),
        "K0_int8_small": (("architecture", "small batch"), (8.0, 9.0, 60.0, 60.0)),
        "K0_large": (("large batch",), (8.0, 2.0, 60.0, 20.0)),
        "K0_int8_large": (("architecture", "large batch"), (8.0, 9.0, 60.0, 16.0)),
    }
    cells = made.session(means, noise=0.001, right=dict.fromkeys(means, 90))
    ranking = rank("T2", read_sessions([made.write(tmp_path / "results", cells)]))
    ratios = {one.size: one.energy.value for one in ranking.int8}
    assert ratios == pytest.approx({8: 1.5, 32: 1.1, 128: 0.8}, rel=0.01)
    assert list(ratios) == [8, 32, 128]
    report.show(Console(width=300, highlight=False), [ranking], [], "V9_found")
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "shown to save in" in one]
    assert line.startswith("- weight_format int8 is shown to save in batches of 128 (n = 5 blocks;")
    assert "in batches of 8, 1.1" in line


def test_the_variant_to_paste_sets_all_that_pay(ranking: KnobRanking) -> None:
    """What loses the score, costs or is not shown to save is not in it."""
    assert report.to_paste(ranking, "V9_found") == (
        "greenbench new V9_found --from V0 --set data.tokenizer=rust "
        "--set inference.skip_layers=0.25"
    )


def test_the_answer_comes_first_and_fits_80_columns(
    ranking: KnobRanking, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then a table for each verdict, what is not ranked and why, and the command."""
    untried = [Untried(knob="training.precision=fp16", reason="fp16 needs a CUDA device")]
    report.show(Console(width=80, highlight=False), [ranking], untried, "V9_found")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("On T2, 2 of 5 knobs save energy here and keep mcc within 0.02 of")
    text = "\n".join(lines)
    for heading in ("2 save energy and keep", "1 save energy; that mcc", "1 take more energy"):
        assert heading in text
    assert "- T2-K0_idle is not ranked: partial" in text
    assert "- not measured: training.precision=fp16: fp16 needs a CUDA device" in text
    assert all(len(line) <= 80 for line in lines if "greenbench new" not in line)


def test_a_session_without_a_baseline_is_no_ranking(tmp_path: Path) -> None:
    """The refusal says why, and stands in the answer."""
    cells = made.session({"K0_data_tokenizer_rust": MEANS["K0_data_tokenizer_rust"]})
    ranking = rank("T2", read_sessions([made.write(tmp_path / "results", cells)]))
    assert report.answer(ranking).startswith("On T2, nothing is ranked: ")
    assert report.to_paste(ranking, "V9_found") == ""
