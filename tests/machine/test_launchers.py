"""Variables of launchers: hidden from libraries, reported, and refused if there are several."""

from __future__ import annotations

import contextlib
import os

import pytest

from greenbench.errors import UsageError
from greenbench.machine import launchers


@pytest.fixture(autouse=True)
def without_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a launcher of the tests has set."""
    for name in (*launchers.found(), *launchers.SIZES, *launchers.RANKS):
        monkeypatch.delenv(name, raising=False)


def test_variables_are_hidden_within_and_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other variables stay; what a library adds within is gone, also after an exception."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    monkeypatch.setenv("RANK", "3")
    before = dict(os.environ)
    rest = before.items() - {("ACCELERATE_MIXED_PRECISION", "fp16"), ("RANK", "3")}
    with contextlib.suppress(KeyError), launchers.hidden():
        assert launchers.found() == ()
        assert dict(os.environ).items() == rest
        os.environ["MASTER_PORT"] = "29500"
        raise KeyError
    assert dict(os.environ) == before


@pytest.mark.parametrize("name", launchers.SIZES)
def test_one_of_several_sessions_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable; a launcher that started a single session is none."""
    monkeypatch.setenv(name, "1")
    launchers.check()
    monkeypatch.setenv(name, "four")
    launchers.check()
    monkeypatch.setenv(name, "2")
    with pytest.raises(UsageError, match=rf"^{name}=2: .*2 sessions.*or unset {name}$"):
        launchers.check()


@pytest.mark.parametrize("name", launchers.RANKS)
def test_a_later_rank_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PMIx does not tell how many there are; the first rank may be alone, the second one is not."""
    monkeypatch.setenv(name, "0")
    launchers.check()
    monkeypatch.setenv(name, "1")
    with pytest.raises(UsageError, match=rf"^{name}=1: .*this one as number 2.*or unset {name}$"):
        launchers.check()


def test_a_batch_script_of_slurm_is_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows the tasks of the whole job, and is one process all the same; a step is several."""
    monkeypatch.setenv("SLURM_NTASKS", "8")
    launchers.check()
    assert launchers.found() == ()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "8")
    with pytest.raises(UsageError, match=r"^SLURM_STEP_NUM_TASKS=8: "):
        launchers.check()


def test_what_is_ignored_is_said_once_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names only: a value may be nobody's business."""
    said: list[str] = []
    launchers.report(said.append)
    assert said == []
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("FSDP_VERSION", "2")
    launchers.report(said.append)
    assert said == [
        (
            "ignored FSDP_VERSION, LOCAL_RANK, which launchers of several processes set: a cell "
            "starts its processes itself, and computes as its variant says"
        )
    ]
