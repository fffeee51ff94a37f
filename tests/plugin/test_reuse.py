"""Sessions with ``--green-reuse``: what they run, what they take over, what they say of it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from stub_suite import ALL_APPLY, run_here

import greenbench
from greenbench.cli import main
from greenbench.reuse.store import MADE, StageCache, digest

if TYPE_CHECKING:
    from pathlib import Path

V0, V1, V3 = "T2-V0_baseline", "T2-V1_fast", "T2-V3_skip"
ROW = "| Capped |"
CONFTEST = """

class StubKeeper:
    knobs = ("precision",)

    def __init__(self, run=None):
        self.run, self.made = run, b"net" if run is None else b"ids"

    def circumstances(self):
        return {}

    def begin(self):
        pass

    def snapshot(self, made):
        pass

    def forget(self):
        pass

    def facts(self):
        return {"log": {}, "peaks": {}}

    def write(self, file):
        file.write_bytes(self.made)

    def read(self, contents):
        assert contents == self.made
        return self.run and self.run()

    def load(self, inputs, read, facts):
        return inputs[0] if self.run is None else read


StubToggles.kept_training = lambda self: StubKeeper()
StubToggles.kept_data = lambda self, run: StubKeeper(run)


@pytest.fixture
def model(cell):
    folder = HERE / "variants" / "V0_baseline"
    return SimpleNamespace(source="modernbert_tiny", folder=folder, facts={"sha256": "0" * 64})
"""
REUSE = ("--green-reuse", "--green-rounds=2", "--green-cpu-watts=5", "--green-device=cpu")


@pytest.fixture
def reusing(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Give a suite whose V3 differs from V0 in inference alone, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(suite.path / "cache"))
    with (suite.path / "conftest.py").open("a") as file:
        file.write(CONFTEST)
    add_variant(suite, "V3_skip", "- | -", "inference:\n  skip_layers: 0.5\n")
    return suite


def add_variant(suite: pytest.Pytester, name: str, training: str, config: str) -> None:
    """Add a variant that skips layers, with its row; ``training`` are two of the row's columns."""
    matrix = suite.path / "experiment.md"
    row = f"| Skipping | `{name}` | - | - | {training} | layer skipping |\n"
    matrix.write_text(matrix.read_text().replace(ROW, row + ROW))
    folder = suite.path / "variants" / name
    folder.mkdir()
    (folder / "config.yaml").write_text(config)
    (folder / "README.md").write_text(f"# {name}\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)


def cells(suite: pytest.Pytester, name: str = "run.json") -> dict[str, list[dict[str, Any]]]:
    """Return the rounds of each cell of a saved run."""
    rows = json.loads((suite.path / name).read_text())["benchmarks"]
    records = [row["extra_info"]["greenbench"] for row in rows]
    return {record["id"]: record["rounds"] for record in records}


def window_of(stage: str, one_round: dict[str, Any]) -> dict[str, Any]:
    """Return a stage's window in a round."""
    (window,) = [w for w in one_round["windows"] if w["stage"] == stage]
    found: dict[str, Any] = window
    return found


training = partial(window_of, "training")
data_stage = partial(window_of, "data")


def test_a_block_runs_once_what_is_the_same(reusing: pytest.Pytester) -> None:
    """V0 and V3 share a training a block, with its joules; V1 has its own. All are compared.

    The data stage of a block is one of all three, with what it took by its repeats.
    """
    output = run_here(reusing, *REUSE, "-k", "V0 or V1_ or V3", "--benchmark-json=run.json")
    output.assert_outcomes(passed=6)
    rounds = cells(reusing)
    assert [training(r)["state"] for r in rounds[V1]] == ["cold"] * 2
    for ours, others in zip(rounds[V0], rounds[V3], strict=True):
        windows = training(ours), training(others)
        assert sorted(w["state"] for w in windows) == ["cold", "reused"]
        assert windows[0]["total_j"] == windows[1]["total_j"]
    for in_block in zip(rounds[V0], rounds[V1], rounds[V3], strict=True):
        windows = list(map(data_stage, in_block))
        assert sorted(w["state"] for w in windows) == ["cold", "reused", "reused"]
        repeats = [
            [w["total_j"] for w in one["repeats"] if w["stage"] == "data"] for one in in_block
        ]
        assert repeats[0] == repeats[1] == repeats[2]
        for one_round in in_block:
            assert_is_sum(one_round)
    shared = "2 trainings and 4 data stages taken over from cells that share them"
    output.stdout.fnmatch_lines([f"- measured * recorded before *: {shared}, *"])
    assert "NOT-COMPARABLE" not in output.stdout.str()


def assert_is_sum(one_round: dict[str, Any]) -> None:
    """Check that a round's seconds and joules are its own and those of what it took over."""
    taken = [w for w in one_round["windows"] if w["state"] == "reused"]
    for window in taken:
        origin = one_round[window["stage"]]
        seconds = origin["measured_seconds"] + sum(w["seconds"] for w in taken)
        joules = origin["measured_j"] + sum(w["total_j"] for w in taken)
        assert one_round["seconds"] == pytest.approx(seconds)
        assert one_round["energy"]["total_j"] == pytest.approx(joules)


def test_a_suite_that_keeps_trainings_alone_runs_its_data_stages(
    reusing: pytest.Pytester,
) -> None:
    """Its rounds state no origin of data; trainings are shared."""
    with (reusing.path / "conftest.py").open("a") as file:
        file.write("\n\ndel StubToggles.kept_data\n")
    run_here(reusing, *REUSE, "--green-rounds=1", "-k", "V0 or V3", "--benchmark-json=run.json")
    rounds = [one for of_cell in cells(reusing).values() for one in of_cell]
    assert sorted(training(one)["state"] for one in rounds) == ["cold", "reused"]
    assert [(data_stage(one)["state"], one["data"]) for one in rounds] == [("cold", {})] * 2


def test_trainings_of_an_earlier_session_pair_by_their_blocks(reusing: pytest.Pytester) -> None:
    """Two cells whose trainings are of one earlier session compare, with a fresh one neither does.

    Nor are they compared with another session: they are no measurement of this one.
    """
    run_here(reusing, *REUSE, "-k", "V0 or V1_", "--benchmark-json=first.json")
    gates = ("--green-gate=energy<=9*V0", "--benchmark-compare=first.json")
    output = run_here(reusing, *REUSE, "-k", "V0 or V1_", *gates, "--benchmark-json=run.json")
    assert all(
        training(r)["state"] == "reused" for rounds in cells(reusing).values() for r in rounds
    )
    assert "different blocks" not in output.stdout.str()
    output.stdout.fnmatch_lines(["*stages reused*"])
    gates = ("--green-gate=energy<=9*saved", "--benchmark-compare=first.json")
    output = run_here(reusing, *REUSE, "-k", "V0 or V1_", *gates)
    sentence = f"a training of {V1} was measured in an earlier session; leave out --green-reuse"
    output.stdout.fnmatch_lines([f"*{sentence}*"])
    with (reusing.path / "conftest.py").open("a") as file:
        file.write("# another suite\n")
    run_here(reusing, *REUSE, "-k", "V0")
    output = run_here(reusing, *REUSE, "-k", "V0 or V1_", "--green-gate=energy<=9*V0")
    sentence = "the trainings of round 0 were measured in different blocks"
    output.stdout.fnmatch_lines([f"*{sentence}; leave out --green-reuse*"])
    assert output.ret == 1


def test_a_factorial_experiment_trains_once_in_a_block(
    reusing: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells that train alike share the trainings of their block, not those of another session.

    So do cells that tokenise alike. All are analysed; ``--green-fresh`` repeats every stage.
    """
    monkeypatch.setenv("STUB_RIGHT", f"{V3}=0.8,T2-V7_both=0.7")
    config = "training:\n  precision: bf16\ninference:\n  skip_layers: 0.5\n"
    add_variant(reusing, "V7_both", "bf16 | -", config)
    with (reusing.path / "conftest.py").open("a") as file:
        file.write(ALL_APPLY)
    asked = ("--green-factorial=training,inference", *REUSE[1:])
    for _ in range(2):  # the second session finds trainings of the first, and takes none
        run_here(reusing, *asked, "--benchmark-json=run.json").assert_outcomes(passed=8)
        rounds = cells(reusing)
        assert_shared(rounds[V0], rounds[V3])
        assert_shared(rounds[V1], rounds["T2-V7_both"])
        for in_block in zip(*rounds.values(), strict=True):
            assert sorted(data_stage(one)["state"] for one in in_block) == ["cold", *["reused"] * 3]
            assert len({one["data"]["measured_in"] for one in in_block}) == 1
    (task,) = greenbench.analyse(reusing.path / "results").tasks
    assert (task.blocks, task.left_out) == (4, ())
    run_here(reusing, *asked, "--green-fresh", "--benchmark-json=run.json")
    rounds = cells(reusing)
    states = {w["state"] for of_cell in rounds.values() for one in of_cell for w in one["windows"]}
    assert states == {"cold"}


def assert_shared(rounds: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """Check that of each block's two rounds one has trained, and the other has its training."""
    for ours, theirs in zip(rounds, others, strict=True):
        assert sorted([training(ours)["state"], training(theirs)["state"]]) == ["cold", "reused"]
        assert ours["training"]["measured_in"] == theirs["training"]["measured_in"]
        assert training(ours)["total_j"] == training(theirs)["total_j"]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--green-fresh", "*--green-fresh: without --green-factorial or --green-knob every*"),
        ("-n2", "*--green-reuse: only the process*"),
        ("--green-block=1", "*with --green-block each*"),
    ],
)
def test_reuse_is_refused_where_it_cannot_be_honest(
    reusing: pytest.Pytester, option: str, sentence: str
) -> None:
    """Sessions of several processes, and those of single blocks, measure all trainings."""
    output = run_here(reusing, *REUSE, option)
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines([sentence])


def test_cache_lists_verifies_and_clears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``greenbench cache`` shows what is kept, removes what is damaged with exit code 1, or all."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["cache"]) == 0
    assert "0 kept stages, 0 B of at most 4" in capsys.readouterr().out
    store = StageCache()
    for stage in ("training", "data"):
        key = digest({"stage": stage})
        store.keep(key, {"key": {"stage": stage}}, lambda file: file.write_bytes(b"x") and None)
    assert main(["cache", "verify"]) == 0
    shown = capsys.readouterr().out
    assert f"{key[:12]}  data stage  " in shown
    assert "  training  " in shown
    (store.folder / key / MADE).write_bytes(b"y")
    assert main(["cache", "verify"]) == 1
    shown = capsys.readouterr().out
    assert f"{key[:12]}  damaged, and removed" in shown
    assert main(["cache", "clear"]) == 0
    assert "1 kept stage removed" in capsys.readouterr().out
    assert store.entries() == []
