"""Rounds through pytest-benchmark, and what they add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from greenbench.errors import UsageError
from greenbench.machine.energy import open_meter
from greenbench.run import cell_result
from greenbench.run import rounds as measuring
from greenbench.types import Applied, Energy, Round, Window

AROUND = cell_result.Circumstances(say=lambda _text: None)
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


def measured(function: Any, rounds: int = 1) -> cell_result.Outcome:
    """Measure ``function`` with a meter of its own."""
    with open_meter(()) as meter:
        return measuring.measured(
            function, Bench(), meter, name="own", rounds=rounds, around=AROUND
        )


def proof(note: str = "") -> Applied:
    """Return a proof that holds, or one that does not."""
    return Applied(stage="system", knob="k", asked=1, got=None, how="h", note=note)


def test_a_plain_function_is_one_whole_window() -> None:
    """Seconds are the caller's clock, joules the window's."""
    outcome = measured(lambda: sum(range(300_000)), rounds=2)
    assert [w.stage for r in outcome.result.rounds for w in r.windows] == ["whole", "whole"]
    assert all(r.whole is r.windows[0] for r in outcome.result.rounds)
    assert all(r.whole.seconds > 0 for r in outcome.result.rounds)
    assert (outcome.result.status, outcome.error) == ("ok", None)


def test_a_round_s_joules_are_its_own_window_s_and_not_a_sum() -> None:
    """What lies between a function's windows is in the round; windows opened before it are not."""
    with open_meter((), cpu_watts=5.0) as meter:

        def work() -> None:
            with meter.window("first"):
                sum(range(200_000))
            sum(range(2_000_000))

        with meter.window("earlier"):
            pass
        outcome = measuring.measured(work, Bench(), meter, name="own", rounds=1, around=AROUND)
    (one,) = outcome.result.rounds
    assert [w.stage for w in one.windows] == ["first"]
    assert one.whole.seconds > 2 * one.windows[0].seconds
    assert outcome.record["rounds"][0]["energy"]["total_j"] == one.whole.energy.total_j
    assert "whole" not in outcome.record["rounds"][0]


def test_rounds_before_a_failure_are_kept() -> None:
    """The third round fails; two are in the record, and the exception is handed on."""
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("third\nmore")

    outcome = measured(work, rounds=5)
    assert (len(outcome.result.rounds), outcome.result.status) == (2, "failed")
    assert outcome.record["error"] == "ValueError: third"
    assert isinstance(outcome.error, ValueError)


def test_our_own_errors_are_told_as_their_sentence() -> None:
    """No class name before a sentence that was written to be read."""
    assert cell_result.sentence(UsageError("give another file")) == "give another file"
    assert cell_result.sentence(KeyError()) == "KeyError: no message"


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
    assert cell_result.status_of(rounds, error) == status


@pytest.mark.parametrize("asked", ["measured", "cpu", "gpu"])
def test_energy_that_is_asked_for_and_not_measured_fails_before_anything_runs(asked: str) -> None:
    """An estimate is no measurement; no joule is spent on finding out."""
    ran: list[int] = []
    with open_meter((), cpu_watts=5) as meter:
        around = replace(AROUND, require=(asked,))
        outcome = measuring.measured(
            lambda: ran.append(1), Bench(), meter, name="own", rounds=2, around=around
        )
    assert ran == []
    assert outcome.result.status == "failed"
    assert f"--green-require {asked}: there is cpu estimated:" in str(outcome.error)


def test_a_cell_has_its_mean_joules_with_their_uncertainty() -> None:
    """Of the rounds, by channel, and above idle where that is known."""
    outcome = measured(lambda: sum(range(300_000)), rounds=3)
    total = outcome.result.energy["total_j"]
    assert total.n == 3
    assert total.causes["model"] > 0
    assert outcome.record["energy"]["total_j"]["uncertainty"] == total.uncertainty
    assert outcome.record["energy"]["gpu_j"]["reason"]
    assert outcome.record["rounds"][0]["machine"]["cpu"]["own_cores"] > 0
