"""Sessions that die and are continued by ``--green-resume``: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import stub_suite
from stub_suite import run_here

from greenbench.results.loading import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROUNDS = ("--green-rounds=3",)
PLACES = {
    "T2-V0_baseline": [(0, 0), (1, 5), (2, 6)],
    "T2-V1_fast": [(0, 1), (1, 4), (2, 7)],
    "T2-V10_capped": [(0, 2), (1, 3), (2, 8)],
}
"""Block and position of each round of an undisturbed session."""
SELECTED = "T2-V1_fast was selected and is not;*"
VARYING = ("rounds", "energy", "stages", "efficiency", "yardstick", "doubts", "work")
"""What a record has of times, joules and memory, which no two sessions share."""


def files(folder: Path) -> dict[str, dict]:
    """Return the results files of a suite, by their names; all of them are valid."""
    found = {}
    for path in sorted((folder / "results").glob("*.json")):
        load(path)
        found[path.name] = json.loads(path.read_text())
    return found


def cells(folder: Path) -> dict[str, dict]:
    """Return all records of a suite by their ids; none stands in two files."""
    records = [record for file in files(folder).values() for record in file["cells"]]
    by_id = {record["id"]: record for record in records}
    assert len(by_id) == len(records)
    return by_id


def places(record: dict) -> list[tuple[int, int]]:
    """Return block and position of each round."""
    return [(one_round["block"], one_round["position"]) for one_round in record["rounds"]]


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kill a session in its second block, once V10 has two rounds, V1 and V0 one."""
    folder = tmp_path_factory.mktemp("died")
    stub_suite.write(folder)
    stub_suite.run(folder, *ROUNDS, STUB="T2-V1_fast=kill", STUB_ROUND="1")
    assert [len(cell["rounds"]) for cell in cells(folder).values()] == [1, 2, 1]
    return folder


class Continued(NamedTuple):
    """A session that died and was continued."""

    folder: Path
    output: pytest.RunResult


@pytest.fixture(scope="module")
def continued(died: Path, tmp_path_factory: pytest.TempPathFactory) -> Continued:
    """Continue a copy of the session that died; carbon changes no measurement."""
    folder = tmp_path_factory.mktemp("continued")
    copy(died, folder)
    more = ("--benchmark-json=run.json", "--green-carbon=380")
    return Continued(folder, stub_suite.run(folder, *ROUNDS, "--green-resume", "-v", *more))


def copy(source: Path, target: Path) -> None:
    """Copy a suite with the times of its files."""
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copy2)


@pytest.fixture
def suite(died: Path, pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a copy of the session that died."""
    copy(died, pytester.path)
    return pytester


@pytest.fixture
def finished(continued: Continued, pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a copy of the session that was continued to its end."""
    copy(continued.folder, pytester.path)
    return pytester


def test_a_session_that_died_is_continued(died: Path, continued: Continued) -> None:
    """Whole blocks stay as they are, the half block is measured again, files keep their names."""
    before = files(died)
    first_rounds = {cell["id"]: cell["rounds"][0] for cell in cells(died).values()}
    folder, output = continued
    output.assert_outcomes(passed=6)
    text = " ".join(" ".join(output.outlines).split())
    assert text.count("3 rounds of 3 cells; measured again: 1 round of a block that was") == 2
    after = files(folder)
    assert list(after) == list(before)
    for name, file in after.items():
        session = file["session"]
        assert session["id"] == before[name]["session"]["id"]
        assert [note["rounds_taken_over"] for note in session["resumed"]] == [3]
        assert file["conclusion"]["in_a_hurry"] is False
        assert file["carbon"]["g_per_kwh"] == 380
        assert all("total_co2e_g" in cell["energy"] for cell in file["cells"])
    for cell in cells(folder).values():
        assert places(cell) == PLACES[cell["id"]]
        assert cell["rounds"][0] == first_rounds[cell["id"]]
        assert (cell["seeds"], cell["outcome"]) == ([0, 1, 2], "passed")
        assert len(cell["yardstick"]["runs"]) == 3
        assert not any("several times" in doubt for doubt in cell["doubts"])
    # pytest-benchmark has one row for each cell, under its usual id.
    rows = json.loads((folder / "run.json").read_text())["benchmarks"]
    assert [row["fullname"].split("[")[1] for row in rows] == [f"{cell}]" for cell in PLACES]
    for row in rows:
        record = row["extra_info"]["greenbench"]
        assert row["stats"]["rounds"] == 3
        assert row["stats"]["data"][0] == record["rounds"][0]["seconds"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"option": "--green-rounds=4"}, "--green-rounds was 3 and is 4;*"),
        ({"option": "--green-seed=1"}, "--green-seed was 0 and is 1*"),
        (
            {"option": "--deselect=bench/test_vulnerability.py::test_vulnerability[T2-V1_fast]"},
            SELECTED,
        ),
        ({"file": "variants/V1_fast/config.yaml", "text": "  finetune: false\n"}, "*finetune*"),
        ({"file": "bench/test_vulnerability.py", "text": "# changed\n"}, "files of greenbench or*"),
    ],
)
def test_other_conditions_are_refused_and_named(
    suite: pytest.Pytester, change: dict, sentence: str
) -> None:
    """One sentence says what differs; nothing is measured, and the files stay as they are."""
    before = files(suite.path)
    if "file" in change:
        with (suite.path / change["file"]).open("a") as file:
            file.write(change["text"])
    output = run_here(suite, *ROUNDS, "--green-resume", *[o for o in [change.get("option")] if o])
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines([f"*--green-resume: the session of * cannot be cont*: {sentence}"])
    assert files(suite.path) == before


def test_one_block_alone_is_not_continued(suite: pytest.Pytester) -> None:
    """The sentence says what to leave out."""
    output = run_here(suite, *ROUNDS, "--green-resume", "--green-block=2")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines(["*--green-block=2: a session of one block is not continued*"])


def test_changed_data_are_refused(suite: pytest.Pytester) -> None:
    """The data of the user are compared by their hash, not by their path."""
    rows = "".join(f"int f{i}(int a) {{ return a + {i}; }},{i % 2}\n" for i in range(80))
    (suite.path / "mine.csv").write_text(f"func,label\n{rows}")
    for path in (suite.path / "results").glob("*.json"):
        file = json.loads(path.read_text())
        file["session"]["conditions"]["options"]["data"] = {"T2": "mine.csv"}
        path.write_text(json.dumps(file))
    output = run_here(suite, *ROUNDS, "--green-resume", "--green-data=T2=mine.csv")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines(["*--green-resume: the data of T2 changed*sha256 was 000*"])


def test_a_finished_session_is_not_continued(finished: pytest.Pytester) -> None:
    """Once a session came to its end, the option measures everything, and says so."""
    output = run_here(finished, "--green-resume", "-k", "V0")
    output.assert_outcomes(passed=1)
    output.stdout.fnmatch_lines(["greenbench: --green-resume: no unfinished session in *"])
    assert len(files(finished.path)) == 4


def test_a_session_that_died_at_its_very_end_is_only_concluded(finished: pytest.Pytester) -> None:
    """Nothing runs; table and files are there, and the exit code is 0."""
    for path in (finished.path / "results").glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "conclusion": None}))
    output = run_here(finished, *ROUNDS, "--green-resume")
    assert output.ret == 0
    output.stdout.fnmatch_lines(["*9 rounds of 3 cells", "T2 V1 *", "wrote results/V1_fast_*"])
    assert all(file["conclusion"] for file in files(finished.path).values())


@pytest.mark.parametrize(
    ("fault", "reason", "measured"), [("assert", "failed", 1), ("raise", "ValueError: *", 0)]
)
def test_a_failed_cell_stays_failed(
    pytester: pytest.Pytester, fault: str, reason: str, measured: int
) -> None:
    """It is not measured again, and the exit code is that of an undisturbed session."""
    stub_suite.write(pytester.path)
    faults = f"T2-V1_fast={fault},T2-V10_capped=kill"
    stub_suite.run(pytester.path, *ROUNDS, STUB=faults, STUB_ROUND="1")
    output = run_here(pytester, *ROUNDS, "--green-resume", "--benchmark-json=run.json")
    assert output.ret == pytest.ExitCode.TESTS_FAILED
    output.assert_outcomes(passed=4)
    output.stdout.fnmatch_lines([f"! T2-V1_fast failed before --green-resume ({reason}*"])
    counts = {name: len(cell["rounds"]) for name, cell in cells(pytester.path).items()}
    assert counts == {"T2-V0_baseline": 3, "T2-V10_capped": 3, "T2-V1_fast": measured}
    assert len(json.loads((pytester.path / "run.json").read_text())["benchmarks"]) == 2 + measured


def test_cells_of_one_round_are_taken_over_one_by_one(pytester: pytest.Pytester) -> None:
    """There are no blocks then: whatever cell ended is kept."""
    stub_suite.write(pytester.path)
    stub_suite.run(pytester.path, STUB="T2-V10_capped=kill")
    run_here(pytester, "--green-resume").assert_outcomes(passed=1)
    assert [len(cell["rounds"]) for cell in cells(pytester.path).values()] == [1, 1, 1]


@pytest.mark.slow
def test_sessions_at_once_leave_each_other_alone(suite: pytest.Pytester) -> None:
    """One of two continues what died; a third and a fourth one write files of their own."""
    resuming = (*ROUNDS, "--green-resume")
    processes = [_beside(suite, resuming), _beside(suite, resuming)]
    while all(process.poll() is None for process in processes):
        time.sleep(0.05)  # until one is refused: a dead session of other rounds would be, too
    processes.append(_beside(suite, (*ROUNDS, "-n2")))
    processes.append(_beside(suite, ("--green-rounds=2", "--green-resume")))
    errors = [process.communicate()[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert (sorted(codes[:2]), codes[2:]) == ([0, 4], [0, 0])
    assert "still runs, as process" in (errors[codes.index(4)]).decode()
    rounds: dict[str, list[int]] = {}
    for file in files(suite.path).values():
        counts = rounds.setdefault(file["session"]["id"], [])
        counts += [len(cell["rounds"]) for cell in file["cells"]]
    assert sorted(rounds.values()) == [[2, 2, 2], [3, 3, 3], [3, 3, 3]]


def _beside(suite: pytest.Pytester, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a session that takes some seconds beside others."""
    return subprocess.Popen(
        [*stub_suite.PYTEST, "bench", *arguments],
        cwd=suite.path,
        env={**os.environ, "STUB_SCORING": "2"},
        stderr=subprocess.PIPE,
    )


# --- SIGKILL at random moments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kills", "workers"),
    [
        pytest.param(2, (), id="twice"),
        pytest.param(10, (), marks=pytest.mark.slow, id="10 times"),
        pytest.param(5, ("-n2",), marks=pytest.mark.slow, id="5 times, two workers"),
    ],
)
def test_a_session_survives_sigkill_at_random_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int, workers: tuple[str, ...]
) -> None:
    """Its files are always valid, whole blocks stay, and the last ones are an undisturbed run's.

    With workers it is the process that started them that is killed.
    """
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    monkeypatch.setenv("TMPDIR", str(meeting))
    # More blocks than can end before the last kill: a session that has ended is not continued.
    rounds = f"--green-rounds={2 * kills + 1}"
    stub_suite.write(tmp_path)
    whole = 0
    for _ in range(kills):
        _killed(tmp_path, [rounds, *workers])
        now = _whole_blocks(tmp_path)
        assert now >= whole
        whole = now
    assert whole or kills < 10  # of few kills all may come within the first block
    assert stub_suite.run(tmp_path, rounds, *workers, "--green-resume").ret == 0
    assert not list((tmp_path / "results").glob(".*"))
    assert not list(meeting.glob("greenbench-*"))
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    stub_suite.write(undisturbed)
    stub_suite.run(undisturbed, rounds)
    expected = cells(undisturbed)
    assert len(files(tmp_path)) == len(files(undisturbed))
    positions: set[int] = set()
    for name, cell in cells(tmp_path).items():
        if not workers:
            assert places(cell) == places(expected[name])
        positions.update(position for _, position in places(cell))
        assert [block for block, _ in places(cell)] == list(range(2 * kills + 1))
        assert _lasting(cell) == _lasting(expected[name])
    assert len(positions) == len(PLACES) * (2 * kills + 1)


def _whole_blocks(folder: Path) -> int:
    """Return how many of the first blocks all cells have."""
    blocks = [{block for block, _ in places(cell)} for cell in cells(folder).values()]
    whole = 0
    while len(blocks) == len(PLACES) and all(whole in numbers for numbers in blocks):
        whole += 1
    return whole


def _killed(folder: Path, options: Sequence[str]) -> None:
    """Continue the session, and kill it some rounds later, in the midst of one.

    Scoring takes so long that few further rounds end meanwhile.
    """
    command = [*stub_suite.PYTEST, "bench", "-v", *options, "--green-resume"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "STUB_SCORING": "0.2"}
    rounds = random.randint(0, 4)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            rounds -= "PASSED" in line
            if rounds <= 0 and "::test_" in line:
                break
        time.sleep(random.uniform(0, 0.3))
        process.kill()


def _lasting(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what two sessions share of a cell's record."""
    return {key: value for key, value in cell.items() if key not in VARYING}
