"""What a search reads of the cells of a block beside V0's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import function_suite
import pytest
import stub_suite
from gates.made import HEADER, cell, one_round

from greenbench.errors import UsageError
from greenbench.gates.expression import parse
from greenbench.run import trial_sessions
from greenbench.run.search_cells import CellEvaluator, RecordReader, SearchedSuite
from greenbench.run.session_results import SESSION
from greenbench.search.readings import SEARCH, BlockPlan

if TYPE_CHECKING:
    from pathlib import Path

OTHER_CHANNELS = {"cpu": "measured:rapl"}
READER = RecordReader(
    parse("energy <= V0", ["T2"]), parse("mcc >= V0-0.02"), cell("T2-V0_baseline", (100.0,))
)


def test_joules_of_other_channels_than_v0s_cannot_win() -> None:
    """A point whose joules are of other channels is no evidence, and both sides are named."""
    rounds = [one_round(0, 50.0, sources=OTHER_CHANNELS)]
    flaw = READER.reading(cell("T2-K0_x", rounds=rounds)).flaw
    assert flaw.startswith("NOT-COMPARABLE: scope: ")
    assert "rapl" in flaw
    assert "cpu-seconds" in flaw


def test_other_rows_than_v0s_cannot_win() -> None:
    """A point that read other data is no evidence, as a gate would refuse it."""
    data = {"source": "generated", "sha256": "e" * 64, "split_sizes": {"test": 50}}
    flaw = READER.reading(cell("T2-K0_x", (50.0,), data=data)).flaw
    assert (
        flaw
        == "NOT-COMPARABLE: data: generated eeeeeeeeeeee 50 here, generated dddddddddddd 100 in V0"
    )


def test_what_differs_in_nothing_but_its_knobs_may_win() -> None:
    """A cell of the same machine, rows and channels has no flaw."""
    assert READER.reading(cell("T2-K0_x", (50.0,), header=HEADER)).flaw == ""


DEADLY, HARMLESS = (0, 1), (1, 0)
OF_STUB = {"STUB_ROWS": "40", "STUB": "T2-K0_data_batch_size_64=kill"}


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the stub suite and go there."""
    stub_suite.write(tmp_path)
    with (tmp_path / "conftest.py").open("a") as conftest:
        conftest.write(stub_suite.ALL_APPLY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluator_of_two_knobs() -> CellEvaluator:
    """Return the evaluator of a search of the stub suite."""
    suite = SearchedSuite({"--green-cpu-watts": 5.0}, "T2", "mcc >= V0-0.05", "energy")
    space = suite.space("training.precision=bf16,data.batch_size=64")
    return CellEvaluator(suite, space)


def test_a_point_that_ends_its_session_is_flawed_alone(
    stub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its block are measured without it, beside a session of somebody else."""
    codes = []

    def run(command: list[str], *, env: dict[str, str], **_options: object) -> SimpleNamespace:
        own = {**OF_STUB, SESSION: env[SESSION]}
        ended = stub_suite.run_pytest(stub, *command[3:], **own)
        codes.append(ended.ret)
        if ended.ret == 0:
            stub_suite.run_pytest(stub, "-k", "[T2-V0", "--green-rounds=1", "--green-gate=none")
        return SimpleNamespace(returncode=ended.ret)

    monkeypatch.setattr(trial_sessions.subprocess, "run", run)
    evaluator = evaluator_of_two_knobs()
    block = evaluator.measure(BlockPlan(number=0, phase=SEARCH, points=(DEADLY, HARMLESS)))
    assert codes[2:] == [0, 0]
    assert block.readings[DEADLY].flaw == f"its session ended with {codes[1]}"
    assert block.readings[HARMLESS].flaw == ""
    assert block.readings[HARMLESS].value is not None
    assert block.baseline.value is not None


@pytest.mark.usefixtures("stub")
def test_a_v0_that_ends_its_session_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every session is killed, V0 runs alone at last, and nothing is concluded."""
    commands: list[list[str]] = []

    def run(command: list[str], **_options: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=-9)

    monkeypatch.setattr(trial_sessions.subprocess, "run", run)
    evaluator = evaluator_of_two_knobs()
    with pytest.raises(UsageError, match="pytest ended with -9, and nothing is concluded"):
        evaluator.measure(BlockPlan(number=0, phase=SEARCH, points=(DEADLY, HARMLESS)))
    together, *alone, v0 = commands
    assert [sum("--green-knob" in w for w in c) for c in (together, *alone, v0)] == [2, 1, 1, 0]
    assert "[T2-V0" in v0


def test_without_named_knobs_those_of_the_task_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a task of plain functions none of torch's are among them; one that is named is refused."""
    function_suite.write(tmp_path, function_suite.NEAREST)
    monkeypatch.chdir(tmp_path)
    suite = SearchedSuite({}, "T3", "accuracy >= V0-0.02", "energy")
    knobs = [axis.knob for axis in suite.space("").axes]
    assert "system.cpu_threads" in knobs
    assert "training.precision" not in knobs
    with pytest.raises(
        UsageError, match=r"--knobs training\.precision: .* by functions of its own"
    ):
        suite.space("training.precision=bf16")
