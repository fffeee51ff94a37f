"""Settings that are measured again: which they are, and what both measurements say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from analysis import made

from greenbench.analysis.finalists import finalists, judged_again
from greenbench.analysis.knob_ranking import OPEN, SAVES, KnobRanking, rank
from greenbench.analysis.sessions import read_sessions
from greenbench.experiment.knob_trials import knob_trial
from greenbench.report import knob_ranking as report

if TYPE_CHECKING:
    from pathlib import Path

RUST, SKIP = "data.tokenizer=rust", "inference.skip_layers=0.25"
BF16 = "training.accumulation_steps=4 training.precision=bf16"
CAPPED = "system.gpu_power_fraction=0.7"
TRIED = [knob_trial(text) for text in (RUST, BF16, SKIP, CAPPED)]
CHEAPER: dict[str, Any] = {
    "V0_baseline": ((), made.BASE),
    "K0_data_tokenizer_rust": (("data",), (4.0, 2.0, 56.0, 30.0)),
    "K0_training": (("training",), (8.0, 2.0, 36.0, 30.0)),
    "K0_inference_skip_layers_0_25": (("inference",), (8.0, 2.0, 60.0, 24.0)),
    "K0_system": (("capped",), made.BASE),
}
BOTH = "K0_data_tokenizer_rust_inference_skip_layers_0_25"
RIGHT = dict.fromkeys(CHEAPER, 90) | {"K0_training": 60}


def ranked(folder: Path, means: dict[str, Any], blocks: int, noise: float) -> KnobRanking:
    """Rank a session of those means."""
    cells = made.session(means, noise=noise, right=RIGHT | {BOTH: 90}, blocks=blocks)
    return rank("T2", read_sessions([made.write(folder, cells)]))


@pytest.fixture
def screened(tmp_path: Path) -> KnobRanking:
    """Rank a short measurement, which shows little."""
    return ranked(tmp_path / "first", CHEAPER, 2, 0.02)


def test_what_seems_to_pay_is_measured_again_and_at_once(screened: KnobRanking) -> None:
    """What takes no less is not, nor what is shown to lose the score; the joint one comes last."""
    assert [trial.text for trial in finalists(screened, TRIED)] == [RUST, SKIP, f"{RUST} {SKIP}"]


def test_a_trial_keeps_the_text_that_names_its_cell(screened: KnobRanking) -> None:
    """Its cell has the same id in both measurements, whatever the order of its knobs."""
    reverse = knob_trial(f"{SKIP} {RUST}")
    assert reverse in finalists(screened, [*TRIED, reverse])


def test_the_second_measurement_decides(screened: KnobRanking, tmp_path: Path) -> None:
    """A saving that it shows counts, one that it does not show is open, whatever came first."""
    again = {
        "V0_baseline": CHEAPER["V0_baseline"],
        "K0_data_tokenizer_rust": ((*CHEAPER["K0_data_tokenizer_rust"][:1], made.BASE)),
        "K0_inference_skip_layers_0_25": (("inference",), (8.0, 2.0, 60.0, 24.0)),
        BOTH: (("data", "inference"), (4.0, 2.0, 56.0, 24.0)),
    }
    second = ranked(tmp_path / "second", again, 8, 0.01)
    ranking = judged_again(screened, second)
    by_cell = {knob.cell.removeprefix("T2-"): knob for knob in ranking.knobs}
    assert len(by_cell) == 5
    rust, skip = by_cell["K0_data_tokenizer_rust"], by_cell["K0_inference_skip_layers_0_25"]
    assert (rust.verdict, rust.blocks) == (OPEN, 8)
    assert (skip.verdict, skip.blocks) == (SAVES, 8)
    assert by_cell["K0_system"].blocks == 2
    assert (by_cell[BOTH].joint, skip.joint) == (True, False)
    assert (ranking.blocks, ranking.again) == (2, 8)
    assert ranking.measured_together == by_cell[BOTH]
    assert report.answer(ranking).startswith("On T2, 1 of 4 knobs save energy here")
    command = "greenbench new V9_found --from V0 --set data.tokenizer=rust --set inference"
    assert report.to_paste(ranking, "V9_found").startswith(command)


def test_the_same_answers_are_no_change_of_the_score(screened: KnobRanking) -> None:
    """A score whose every answer is V0's differs by 0, whatever other knobs do to it."""
    for knob in screened.knobs:
        same = knob.cell != "T2-K0_training"
        assert (knob.change.low == knob.change.high == 0) is same
