"""Sessions with ``--green-reuse``: what they train, what they take over, what they say of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from stub_suite import ALL_APPLY, run_here

import greenbench
from greenbench.cli import main
from greenbench.reuse.store import WEIGHTS, TrainingCache, digest

if TYPE_CHECKING:
    from pathlib import Path

V0, V1, V3 = "T2-V0_baseline", "T2-V1_fast", "T2-V3_skip"
ROW = "| Capped |"
CONFTEST = """

class StubKeeper:
    def circumstances(self):
        return {}

    def snapshot(self, net):
        pass

    def forget(self):
        pass

    def facts(self):
        return {"log": {}, "peaks": {}}

    def write(self, file):
        file.write_bytes(b"net")

    def read(self, contents):
        return contents

    def load(self, net, contents, facts):
        assert contents == b"net"


StubToggles.kept_training = lambda self: StubKeeper()


@pytest.fixture
def model(cell):
    folder = HERE / "variants" / "V0_baseline"
    return SimpleNamespace(source="modernbert_tiny", folder=folder, facts={"sha256": "0" * 64})
"""
REUSE = ("--green-reuse", "--green-rounds=3", "--green-cpu-watts=5", "--green-device=cpu")


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


def training(one_round: dict[str, Any]) -> dict[str, Any]:
    """Return the window of a round's training."""
    (window,) = [w for w in one_round["windows"] if w["stage"] == "training"]
    found: dict[str, Any] = window
    return found


def test_a_block_trains_once_what_is_the_same(reusing: pytest.Pytester) -> None:
    """V0 and V3 share a training a block, with its joules; V1 has its own. All are compared."""
    output = run_here(reusing, *REUSE, "-k", "V0 or V1_ or V3", "--benchmark-json=run.json")
    output.assert_outcomes(passed=9)
    rounds = cells(reusing)
    assert [training(r)["state"] for r in rounds[V1]] == ["cold"] * 3
    for ours, others in zip(rounds[V0], rounds[V3], strict=True):
        windows = training(ours), training(others)
        assert sorted(w["state"] for w in windows) == ["cold", "reused"]
        assert windows[0]["total_j"] == windows[1]["total_j"]
        taken = ours if windows[0]["state"] == "reused" else others
        added = windows[0]["seconds"] + taken["training"]["measured_seconds"]
        assert taken["seconds"] == pytest.approx(added)
        added = windows[0]["total_j"] + taken["training"]["measured_j"]
        assert taken["energy"]["total_j"] == pytest.approx(added)
    output.stdout.fnmatch_lines(
        ["- measured * recorded before *: 3 trainings taken over from cells that train alike, *"]
    )
    assert "NOT-COMPARABLE" not in output.stdout.str()


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
    output.stdout.fnmatch_lines(["*trainings reused*"])
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

    All are analysed; ``--green-fresh`` trains every cell.
    """
    monkeypatch.setenv("STUB_RIGHT", f"{V3}=0.8,T2-V7_both=0.7")
    config = "training:\n  precision: bf16\ninference:\n  skip_layers: 0.5\n"
    add_variant(reusing, "V7_both", "bf16 | -", config)
    with (reusing.path / "conftest.py").open("a") as file:
        file.write(ALL_APPLY)
    asked = ("--green-factorial=training,inference", "--green-rounds=2", *REUSE[2:])
    for _ in range(2):  # the second session finds trainings of the first, and takes none
        run_here(reusing, *asked, "--benchmark-json=run.json").assert_outcomes(passed=8)
        rounds = cells(reusing)
        assert_shared(rounds[V0], rounds[V3])
        assert_shared(rounds[V1], rounds["T2-V7_both"])
    (task,) = greenbench.analyse(reusing.path / "results").tasks
    assert (task.blocks, task.left_out) == (4, ())
    run_here(reusing, *asked, "--green-fresh", "--benchmark-json=run.json")
    states = {training(one)["state"] for rounds in cells(reusing).values() for one in rounds}
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
    assert "0 trainings, 0 B of at most 4" in capsys.readouterr().out
    store = TrainingCache()
    for number in range(2):
        key = digest({"number": number})
        store.keep(key, {"key": {"number": number}}, lambda file: file.write_bytes(b"x") and None)
    assert main(["cache", "verify"]) == 0
    (store.folder / key / WEIGHTS).write_bytes(b"y")
    assert main(["cache", "verify"]) == 1
    shown = capsys.readouterr().out
    assert f"{key[:12]}  damaged, and removed" in shown
    assert main(["cache", "clear"]) == 0
    assert "1 training removed" in capsys.readouterr().out
    assert store.entries() == []
