"""Rounds of plain functions through pytest-benchmark, and what they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import UsageError
from greenbench.run.cell_result import sentence, status_of
from greenbench.run.measure import CellOutcome, measure_function
from greenbench.run.session import Session
from greenbench.types import Applied, Energy, Round, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())


class Bench:
    """Calls as pytest-benchmark's ``pedantic`` does; the plugin's own tests run the real one."""

    enabled = True

    def pedantic(
        self, target: Any, *, setup: Any, teardown: Any, rounds: int, iterations: int
    ) -> None:
        assert iterations == 1
        for _ in range(rounds):
            setup()
            target()
            teardown()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a session without a matrix, whose CPU draws 5 W a core."""
    options = {"--green-cpu-watts": "5", "--green-device": "cpu"}
    opened = Session(options.get, tmp_path, None, None)
    with opened.instruments:
        yield opened


def measured(session: Session, function: Callable[[], object], rounds: int = 1) -> CellOutcome:
    """Measure ``function`` with the session's meter."""
    return measure_function(
        function, Bench(), session, lambda _text: None, name="own", rounds=rounds
    )


def proof(note: str = "") -> Applied:
    """Return a proof that holds, or one that does not."""
    return Applied(stage="system", knob="k", asked=1, got=None, how="h", note=note)


def test_a_plain_function_is_one_whole_window(session: Session) -> None:
    """Seconds are the caller's clock, joules the window's."""
    outcome = measured(session, lambda: sum(range(300_000)), rounds=2)
    assert [w.stage for r in outcome.result.rounds for w in r.windows] == ["whole", "whole"]
    assert all(r.whole is r.windows[0] for r in outcome.result.rounds)
    assert all(r.whole.seconds > 0 for r in outcome.result.rounds)
    assert (outcome.result.status, outcome.error) == ("ok", None)


def test_a_round_s_joules_are_its_own_window_s_and_not_a_sum(session: Session) -> None:
    """What lies between a function's windows is in the round; windows opened before it are not."""
    meter = session.instruments.meter

    def work() -> None:
        with meter.window("first"):
            sum(range(200_000))
        sum(range(2_000_000))

    with meter.window("earlier"):
        pass
    outcome = measured(session, work)
    (one,) = outcome.result.rounds
    assert [w.stage for w in one.windows] == ["first"]
    assert one.whole.seconds > 2 * one.windows[0].seconds
    assert outcome.record["rounds"][0]["energy"]["total_j"] == one.whole.energy.total_j
    assert "whole" not in outcome.record["rounds"][0]


def test_rounds_before_a_failure_are_kept(session: Session) -> None:
    """The third round fails; two are in the record, and the exception is handed on."""
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("third\nmore")

    outcome = measured(session, work, rounds=5)
    assert (len(outcome.result.rounds), outcome.result.status) == (2, "failed")
    assert outcome.record["error"] == "ValueError: third"
    assert isinstance(outcome.error, ValueError)


def test_our_own_errors_are_told_as_their_sentence() -> None:
    """No class name before a sentence that was written to be read."""
    assert sentence(UsageError("give another file")) == "give another file"
    assert sentence(KeyError()) == "KeyError: no message"


@pytest.mark.parametrize(
    ("notes", "error", "status"),
    [
        ([""], None, "ok"),
        (["", "not applied"], None, "partial"),
        ([""], "boom", "failed"),
        ([], None, "failed"),
    ],
)
def test_status(notes: list[str], error: str | None, status: str) -> None:
    """An error fails, a knob that did not act makes partial, no round at all is no success."""
    rounds = tuple(Round(seed=0, whole=WHOLE, windows=(), applied=(proof(n),)) for n in notes)
    assert status_of(rounds, None if error is None else ValueError(error)) == status


@pytest.mark.parametrize("asked", ["measured", "cpu", "gpu"])
def test_required_energy_that_is_not_measured_fails_before_anything_runs(
    asked: str, tmp_path: Path
) -> None:
    """An estimate is no measurement, and that is known before the first round."""
    ran: list[int] = []
    options = {"--green-cpu-watts": "5", "--green-device": "cpu", "--green-require": asked}
    session = Session(options.get, tmp_path, None, None)
    with session.instruments:
        outcome = measured(session, lambda: ran.append(1), rounds=2)
    assert ran == []
    assert outcome.result.status == "failed"
    assert f"--green-require {asked}: there is cpu estimated:" in str(outcome.error)


def test_a_cell_has_its_mean_joules_with_their_uncertainty(session: Session) -> None:
    """Of the rounds, by channel, and above idle where that is known."""
    outcome = measured(session, lambda: sum(range(300_000)), rounds=3)
    total = outcome.result.energy["total_j"]
    assert total.n == 3
    assert total.causes["model"] > 0
    assert outcome.record["energy"]["total_j"]["uncertainty"] == total.uncertainty
    assert outcome.record["energy"]["gpu_j"]["reason"]
    assert outcome.record["rounds"][0]["machine"]["cpu"]["own_cores"] > 0
