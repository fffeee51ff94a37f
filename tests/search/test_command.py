"""``greenbench search`` on a suite without torch: sessions, journal, answer, what is refused."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import stub_suite

from greenbench.cli import main
from greenbench.run import trial_sessions
from greenbench.run.session_results import SESSION

if TYPE_CHECKING:
    from pathlib import Path

SEARCH = ("search", "T2", "--quality=mcc >= V0-0.05", "--budget=13", "--green-cpu-watts=5")
KNOBS = "--knobs=training.precision=bf16,data.batch_size=64"
PLANTED = {
    "STUB_JOULES": "T2-V1_fast=0.6,T2-K0_data_batch_size_64=0.9,"
    "T2-K0_training_precision_bf16_data_batch_size_64=0.5",
    "STUB_RIGHT": "T2-V1_fast=1",
    "STUB_ROWS": "40",
}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Write the stub suite, run its sessions in forked processes, and return their commands."""
    stub_suite.write(tmp_path)
    with (tmp_path / "conftest.py").open("a") as conftest:
        conftest.write(stub_suite.ALL_APPLY)
    commands: list[list[str]] = []

    def run(command: list[str], *, env: dict[str, str], **_options: object) -> SimpleNamespace:
        commands.append(command)
        ended = stub_suite.run_pytest(tmp_path, *command[3:], **PLANTED, **{SESSION: env[SESSION]})
        assert ended.ret == 0, "\n".join(ended.outlines + ended.errlines)
        return SimpleNamespace(returncode=ended.ret)

    monkeypatch.setattr(trial_sessions.subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    return commands


@pytest.mark.slow
def test_what_is_found_is_confirmed_kept_and_made(
    suite: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blocks are scored on validation rows, then on test rows; the same command goes on."""
    assert main([*SEARCH, KNOBS, "--write"]) == 0
    printed = capsys.readouterr()
    scored = [next(w for w in command if "scored" in w) for command in suite]
    assert scored[0] == "--green-scored=valid"
    assert set(scored[-3:]) == {"--green-scored=test"}
    answer = " ".join(printed.out.split())
    assert "takes 0.5" in answer
    assert "blocks on test rows and seeds that the search had not seen" in answer
    assert (
        "greenbench new V11_found --from V0 --set training.precision=bf16 --set data.batch_size=64"
        in answer
    )
    config = (tmp_path / "variants" / "V11_found" / "config.yaml").read_text()
    assert "precision: bf16" in config
    measured = len(suite)
    assert main([*SEARCH, KNOBS, "--json"]) == 0
    assert len(suite) == measured  # everything was in the journal
    found = json.loads(capsys.readouterr().out)
    assert found["finalists"][0]["confirmed"]
    assert found["joules"] > 0
    module = tmp_path / "tasks" / "own.py"
    module.parent.mkdir(exist_ok=True)
    module.write_text("CHANGED = True\n")
    assert main([*SEARCH, KNOBS]) == 2
    assert "another code of greenbench or of the suite" in capsys.readouterr().err
    module.unlink()
    assert main([*SEARCH, "--knobs=data.batch_size=64"]) == 2
    assert "is of a search with another knobs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", "T9", "--quality=mcc >= V0"), "there is no task 'T9'"),
        (("search", "T2", "--quality=energy <= V0"), "energy is no score of T2"),
        (("search", "T2", "--quality=mcc >= saved"), "it refers to saved; only V0 runs beside"),
        ((*SEARCH, KNOBS, "--minimise=flops"), "--minimise flops: it is no joules or seconds"),
        ((*SEARCH, "--knobs=batch=3"), "--knobs: 'batch' is no knob"),
        ((*SEARCH, KNOBS, "--budget=7kWh"), "--budget: found '7kWh'"),
    ],
)
def test_a_wrong_call_measures_nothing(
    suite: list[list[str]],
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It ends in one sentence that says what was found."""
    assert main(list(arguments)) == 2
    assert message in capsys.readouterr().err
    assert suite == []


def test_list_valued_session_options_are_passed_on_to_the_sessions(
    suite: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--green-size`` is a list; a session that refuses its options ends the search."""
    commands: list[list[str]] = []

    def refuse(command: list[str], **_options: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=4)

    monkeypatch.setattr(trial_sessions.subprocess, "run", refuse)
    size = "--green-size=T2=train:40"
    assert main([*SEARCH, KNOBS, size]) == 2
    assert "pytest ended with 4" in capsys.readouterr().err
    assert size in commands[0]
    assert suite == []
