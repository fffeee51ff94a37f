"""A job's file is read back, and its sides are judged again: ``greenbench compare FILE``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.cli import main
from tests.gates import made

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOISE = (1.0, 0.99, 1.01, 1.0, 0.98, 1.02, 1.0, 1.01)


def session(side: str, block: int, joules: float, of_set: int) -> dict[str, Any]:
    """Return a session of one cell, as a job's file has it."""
    one_round = made.one_round(block, joules, block=block, position=0)
    record, header, _ = made.raw_cell("T2-V0_x", rounds=[one_round], quality={})
    return {
        "side": side,
        "set": of_set,
        "block": block,
        "position": 2 * block + (side == "head"),
        "seconds": 1.0,
        "failed": False,
        "saved_run": {
            "benchmarks": [{"extra_info": {"greenbench": record}, "stats": {}}],
            "greenbench": header,
        },
    }


def write_job(file: Path, *sets: Sequence[float], **more: Any) -> Path:
    """Write a job whose base takes 100 J, and its change so many times that in each set."""
    sessions, block = [], 0
    for number, factors in enumerate(sets, 1):
        for factor in factors:
            sessions.append(session("base", block, 100.0, number))
            sessions.append(session("head", block, 100.0 * factor, number))
            block += 1
    job = {
        "schema": 1,
        "base": {"ref": "main", "commit": "1234abcd5678"},
        "head": {"commit": "9999abcd5678", "dirty": True},
        "notes": [],
        "sessions": sessions,
        **more,
    }
    file.write_text(json.dumps(job))
    return file


def compared(
    capsys: pytest.CaptureFixture[str], *arguments: Any, gate: str = "energy <= saved"
) -> tuple[int, Any, str]:
    """Run the command; return its exit code, its only comparison and its errors."""
    code = main(["compare", *map(str, arguments), "--json", f"--gate={gate}"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out)[0] if printed.out else None, printed.err


def test_the_change_is_compared_with_its_base(tmp_path: Path, capsys: Any) -> None:
    """Block by block; both sides have the names that the job gave them."""
    file = write_job(tmp_path / "ci.json", NOISE, notes=["the base ran with another interpreter"])
    code, comparison, _ = compared(capsys, file)
    assert code == 0
    assert comparison["run"] == "9999abcd5 with uncommitted changes"
    assert comparison["baseline"] == "main (1234abcd5)"
    assert comparison["note"] == "the base ran with another interpreter"
    (verdict,) = comparison["verdicts"]
    assert verdict["reference"] == "T2-V0_x of main (1234abcd5)"
    assert verdict["how"].startswith("8 blocks")


@pytest.mark.parametrize(
    ("second", "outcome", "reason"),
    [
        ([], "REGRESSED", "no second set of blocks was measured, which would confirm it or not"),
        ([NOISE], "INCONCLUSIVE", "an alarm that a second set of blocks did not confirm"),
        ([[1.3 * n for n in NOISE]], "REGRESSED", "confirmed by a second set of blocks"),
    ],
)
def test_an_alarm_is_confirmed_by_the_second_set_if_there_is_one(
    tmp_path: Path, capsys: Any, second: Any, outcome: str, reason: str
) -> None:
    """As in the job itself, also with a gate that the job did not have."""
    file = write_job(tmp_path / "ci.json", [1.3 * n for n in NOISE], *second)
    code, comparison, _ = compared(capsys, file)
    (verdict,) = comparison["verdicts"]
    assert (verdict["outcome"], code) == (outcome, int(outcome == "REGRESSED"))
    assert reason in verdict["reason"]


def test_a_job_whose_test_failed_does_not_pass(tmp_path: Path, capsys: Any) -> None:
    """Whatever the rounds before it were."""
    file = write_job(tmp_path / "ci.json", NOISE)
    job = json.loads(file.read_text())
    job["sessions"][-1] |= {"failed": True, "saved_run": None}
    file.write_text(json.dumps(job))
    code, comparison, _ = compared(capsys, file)
    assert (code, comparison["failed"]) == (1, True)
    assert comparison["verdicts"][0]["reason"].endswith("it left a record in 7 of 8 sessions")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": 2}, "a job written with schema 2, and this greenbench reads up to 1"),
        ({"sessions": []}, "found no sessions, expected those of both sides"),
        ({"sessions": [{"side": "left", "set": 1}]}, "sessions[0]: found side 'left', expected"),
        ({"base": None}, "base.ref: found None, expected a text"),
        ({"sessions": [session("head", 0, 1.0, 1)] * 2}, "T2-V0_x of head: found seed 0 twice"),
    ],
)
def test_a_malformed_job_is_refused(
    tmp_path: Path, capsys: Any, change: dict[str, Any], sentence: str
) -> None:
    """In one sentence that names the file."""
    file = write_job(tmp_path / "ci.json", NOISE[:2], **change)
    code, _, errors = compared(capsys, file)
    assert code == 2
    assert errors.startswith(f"{file}")
    assert sentence in errors
    assert len(errors.splitlines()) == 1


def test_a_job_is_no_baseline_of_another_run(tmp_path: Path, capsys: Any) -> None:
    """The sentence says how its sides are compared."""
    file = write_job(tmp_path / "ci.json", NOISE[:2])
    code, _, errors = compared(capsys, file, file)
    assert code == 2
    assert f"both sides; give it alone (greenbench compare {file})" in errors
