"""Each call of a measured function is a block, and the function is otherwise as it was."""

from __future__ import annotations

import asyncio
import inspect
import statistics
from typing import TYPE_CHECKING

import pytest

import greenbench
from greenbench.api import measured as module
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.simulators.powercap import Zone


def test_each_call_is_measured_and_the_mean_has_their_spread(package: Zone) -> None:
    """Results and exceptions go through; a call that raised counts too."""

    @greenbench.measured
    def step(joules: float) -> float:
        """Use some."""
        package.use(joules)
        if joules > 5:
            raise OverflowError
        return 2 * joules

    assert (step(3), step(joules=5)) == (6, 10)
    with pytest.raises(OverflowError):
        step(7)
    assert [m.joules["cpu"] for m in step.measurements] == pytest.approx([3, 5, 7], abs=1e-3)
    assert step.measurements[0].name.endswith("step")
    total = step.mean()["total_j"]
    assert (total.value, total.n) == (pytest.approx(5, abs=1e-3), 3)
    of_spread = 4.303 * statistics.stdev([3, 5, 7]) / 3**0.5  # Student's t, 2 degrees of freedom
    assert total.uncertainty >= 0.999 * of_spread
    assert step.mean()["seconds"].value > 0
    assert (step.__name__, step.__doc__) == ("step", "Use some.")


def test_a_method_stays_one(package: Zone) -> None:
    """It is bound to its instance, and named by its class."""

    class Model:
        @greenbench.measured(name="fit")
        def fit(self, joules: float) -> Model:
            package.use(joules)
            return self

    model = Model()
    assert model.fit(4) is model
    (measurement,) = Model.fit.measurements
    assert (measurement.name, measurement.total_j) == ("fit", pytest.approx(4, abs=1e-3))


def test_a_coroutine_function_is_measured_until_it_returns(package: Zone) -> None:
    """Not until it is called: what it uses after its first wait counts."""

    @greenbench.measured
    async def step() -> str:
        await asyncio.sleep(0)
        package.use(6)
        return "done"

    assert inspect.iscoroutinefunction(step)
    assert asyncio.run(step()) == "done"
    assert step.measurements[0].joules["cpu"] == pytest.approx(6, abs=1e-3)


def test_the_latest_calls_are_kept(package: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is called without end does not fill the memory."""
    monkeypatch.setattr(module, "KEPT", 2)
    step = greenbench.measured(package.use)
    for joules in (1, 2, 3):
        step(joules)
    assert [m.joules["cpu"] for m in step.measurements] == pytest.approx([2, 3], abs=1e-3)


def test_generators_are_refused_with_what_to_write_instead() -> None:
    """Their bodies run in pieces, and a block around them would hold their callers' joules."""

    def rows() -> Iterator[int]:
        yield 1

    async def batches() -> AsyncIterator[int]:
        yield 1

    for function in (rows, batches):
        with pytest.raises(UsageError, match=r"generator function.*with greenbench.measure"):
            greenbench.measured(function)


def test_what_is_no_function_is_refused() -> None:
    """A name in place of the function is the likely mistake; wrong options are found at once."""
    with pytest.raises(UsageError, match=r"found 'step', which is no function; use it as @"):
        greenbench.measured("step")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="found cpu_watts=-1"):
        greenbench.measured(cpu_watts=-1)(print)


def test_the_mean_of_no_call_is_refused() -> None:
    """There is nothing to state, and no zero."""
    with pytest.raises(UsageError, match="not called yet"):
        greenbench.measured(print).mean()
