"""What to choose: the front, the greenest variant that keeps the score, and break-even points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from analysis import made

import greenbench
from greenbench.analysis import choice
from greenbench.cli import main
from greenbench.errors import UsageError
from greenbench.report import choice as report
from greenbench.report.names import ShortNames

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.analysis.analyse import TaskAnalysis

BASE = made.BASE
MEANS: dict[str, Any] = {
    "V0_baseline": ((), BASE),
    "V1_data": (("data",), (4.0, 2.0, 60.0, 30.0)),
    "V2_training": (("training",), (8.0, 2.0, 36.0, 30.0)),
    "V3_inference": (("inference",), (8.0, 2.0, 72.0, 15.0)),
    "V4_architecture": (("architecture",), (8.0, 2.0, 30.0, 36.0)),
}
RIGHT = {
    "V0_baseline": 90,
    "V1_data": 90,
    "V2_training": 80,
    "V3_inference": 90,
    "V4_architecture": 90,
}
"""V2 loses 0.2 of its MCC; V4 is cheap to train and dear to run, V3 the other way round."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a session of five variants."""
    cells = made.session(MEANS, noise=0.01, right=RIGHT)
    return made.write(tmp_path_factory.mktemp("choice"), cells)


@pytest.fixture(scope="module")
def task(folder: Path) -> TaskAnalysis:
    """Analyse it."""
    return greenbench.analyse(folder).tasks[0]


def test_the_greenest_variant_is_the_cheapest_that_keeps_the_score(task: TaskAnalysis) -> None:
    """V2 takes less than V1, and is excluded by the bound of its loss; so V4 it is."""
    chosen = task.choice
    assert chosen is not None
    assert (chosen.greenest, chosen.rival) == ("T2-V4_architecture", "T2-V1_data")
    excluded = {one.cell: one.excluded for one in chosen.candidates}
    assert excluded["T2-V2_training"] == (
        "its mcc is shown to be lower than V0's by more than 0.02"
    )
    fronts = {one.cell: one.on_front for one in chosen.candidates}
    assert fronts["T2-V0_baseline"] == 0, "V4 answers the same, and takes less in every draw"
    text = report.sentence(chosen, ShortNames(task.cells))
    assert text == (
        "The greenest variant that keeps V0's mcc within 0.02 is V4: it saves 24 % (95 % interval "
        "23 to 25 %) of V0's energy, for all variants at once, and its mcc is V0's in every round, "
        "n = 5 blocks."
    )


def test_the_choice_stands_on_the_blocks_that_verdicts_stand_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first block in which V0 took twice as much is left out of both, and both say so.

    Small stages that scatter do not hide it: a warm-up is looked for in whole rounds.
    """
    cells = made.session(MEANS, noise=0.02, right=dict.fromkeys(MEANS, 90))
    for number, cell in enumerate(cells):
        _, means = MEANS[cell["variant"]]
        for block, one_round in enumerate(cell["rounds"]):
            small = 0.01 * 4.0 ** ((3 * number + 2 * block) % 5 - 2)
            slow = 2.0 if block == number == 0 else 1 + 0.01 * ((number + block) % 3)
            joules = [small, *(slow * mean for mean in means[1:])]
            one_round.update(made.one_round(block, one_round["position"], joules))
    folder = made.write(tmp_path, cells)
    (task,) = greenbench.analyse(folder).tasks
    chosen = task.choice
    assert chosen is not None
    assert (chosen.blocks, chosen.without_first) == (4, True)
    text = report.sentence(chosen, ShortNames(task.cells))
    assert "n = 4 blocks, without the first one, which was warm-up" in text
    main(["compare", str(folder), "--gate", "energy <= 1.05*V0"])
    assert "left out of them; means are of all blocks" in " ".join(capsys.readouterr().out.split())


def test_a_wider_margin_keeps_what_loses(folder: Path) -> None:
    """With 0.5 every score is kept, and the lower bound decides nothing."""
    (task,) = greenbench.analyse(folder, keep=0.5).tasks
    assert task.choice is not None
    assert {one.excluded for one in task.choice.candidates} <= {""}


def test_a_margin_is_a_number_from_zero(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A loss cannot be negative, nor a word."""
    with pytest.raises(UsageError, match=r"--keep: -1 is no loss of a score"):
        greenbench.analyse(folder, keep=-1)
    with pytest.raises(SystemExit):
        main(["analyse", str(folder), "--keep", "much"])
    assert "'much' is no number" in capsys.readouterr().err


def test_where_scores_scatter_nothing_is_shown_to_be_kept(tmp_path: Path) -> None:
    """A wide interval keeps nothing, and V0 remains."""
    cells = made.session(MEANS, noise=0.01, right=dict.fromkeys(MEANS, 90))
    for number, cell in enumerate(cells):
        for block, one_round in enumerate(cell["rounds"]):
            one_round["quality"]["mcc"]["value"] = 0.8 - 0.04 * ((number * block) % 5)
            del one_round["outcomes"]
    (task,) = greenbench.analyse(made.write(tmp_path, cells)).tasks
    assert task.choice is not None
    assert task.choice.greenest == "T2-V0_baseline"
    text = report.sentence(task.choice, ShortNames(task.cells))
    assert text.startswith("No variant that keeps V0's mcc within 0.02 is shown to save energy.")
    assert "may be lower than V0's by more than 0.02" in text


def test_the_front_is_what_no_other_beats_in_both() -> None:
    """V0 against a cell that saves, one that scores better, and one that does neither."""
    joules = np.tile([-1.0, 0.5, 1.0], (10, 1))
    scores = np.tile([-0.1, 0.1, 0.0], (10, 1))
    joules[:5, 2] = -2.0
    assert choice.front_shares(joules, scores) == pytest.approx([0.5, 0.5, 1.0, 0.5])


def test_a_dearer_training_pays_after_and_a_cheaper_one_until_so_many_inferences(
    task: TaskAnalysis,
) -> None:
    """V3 trains for 12 J more, and saves 0.15 J a row of 100: it pays after 80 rows."""
    points = {point.cell: point for point in task.break_even}
    assert set(points) == {"T2-V3_inference", "T2-V4_architecture"}
    three, four = points["T2-V3_inference"], points["T2-V4_architecture"]
    assert (three.pays, four.pays) == ("after", "until")
    assert three.inferences == pytest.approx(80, rel=0.1)
    assert four.inferences == pytest.approx(500, rel=0.1)
    assert three.low < 80 < (three.high or 0)
