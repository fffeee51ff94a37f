"""``greenbench.measured``: every call of a function is a block of its own."""

from __future__ import annotations

import functools
import inspect
from collections import deque
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar, cast, overload

from greenbench.api.measure import measure
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from greenbench.api.block import CodeBlock
    from greenbench.api.measurement import Measurement
    from greenbench.types import Quantity

KEPT = 1000
"""Calls of a function whose measurements are kept, the latest ones."""
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class MeasuredFunction(Protocol[P, R_co]):
    """A function whose calls are measured. It is called, and bound as a method, as before."""

    measurements: deque[Measurement]
    """Those of its calls that have ended, at most the latest ``KEPT``."""
    mean: Callable[[], Mapping[str, Quantity]]
    """Returns the means over them, see ``mean_of``."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function, and measure it."""

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R_co]:
        """Bind it to an instance."""


@overload
def measured(function: Callable[P, R], /) -> MeasuredFunction[P, R]: ...
@overload
def measured(
    *,
    name: str | None = None,
    gpus: str = "auto",
    cpu_watts: float | None = None,
    sensors: Sequence[str] = (),
    rest_s: float = 0.0,
) -> Callable[[Callable[P, R]], MeasuredFunction[P, R]]: ...
def measured(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    gpus: str = "auto",
    cpu_watts: float | None = None,
    sensors: Sequence[str] = (),
    rest_s: float = 0.0,
) -> MeasuredFunction[P, R] | Callable[[Callable[P, R]], MeasuredFunction[P, R]]:
    """Measure each call of a function: ``@measured``, or ``@measured(name=...)``.

    Afterwards ``function.measurements`` holds a ``Measurement`` for each call, and
    ``function.mean()`` their means, with the spread between calls. ``name`` is the function's own
    unless it is given; the other options are those of ``measure``. Of a coroutine function each
    call is measured until it returns: what else runs while it waits is in its joules. Raises
    UsageError for generators, whose body runs in pieces between the caller's own steps, and for
    what is no function.
    """

    def decorate(target: Callable[P, R]) -> MeasuredFunction[P, R]:
        _check(target)
        shown = target.__qualname__ if name is None else name

        def block() -> CodeBlock:
            return measure(shown, gpus=gpus, cpu_watts=cpu_watts, sensors=sensors, rest_s=rest_s)

        block()  # wrong options are refused here, and not in the first call
        return _wrapped(target, block)

    return decorate if function is None else decorate(function)


def mean_of(measurements: deque[Measurement]) -> Mapping[str, Quantity]:
    """Return the mean ``seconds``, ``cpu_j``, ``total_j`` and the like, with their 95 % intervals.

    The interval holds the spread between calls. Raises UsageError before the first call's end.
    """
    from greenbench.stats.uncertainty import energies, over_rounds

    if not measurements:
        raise UsageError("mean(): the function was not called yet; call it first")
    seconds = [measurement.seconds for measurement in measurements]
    means = energies([measurement.energy for measurement in measurements])
    return {"seconds": over_rounds(seconds, [{} for _ in seconds]), **means}


def _check(target: object) -> None:
    if not inspect.isroutine(target):
        problem = f"measured: found {target!r}, which is no function"
        raise UsageError(f"{problem}; use it as @measured or @measured(name=...) above a function")
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        problem = f"measured: {target.__qualname__} is a generator function, whose body runs"
        instead = "put `with greenbench.measure(...)` around the loop that uses it"
        raise UsageError(f"{problem} in pieces between its caller's own steps; {instead}")


def _wrapped(target: Callable[P, R], block: Callable[[], CodeBlock]) -> MeasuredFunction[P, R]:
    measurements: deque[Measurement] = deque(maxlen=KEPT)

    @functools.wraps(target)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        one_block = block()
        try:
            with one_block:
                return target(*args, **kwargs)
        finally:
            _keep(one_block, measurements)

    @functools.wraps(target)
    async def call_async(*args: P.args, **kwargs: P.kwargs) -> object:
        one_block = block()
        try:
            with one_block:
                return await cast("Coroutine[object, object, object]", target(*args, **kwargs))
        finally:
            _keep(one_block, measurements)

    wrapper = call_async if inspect.iscoroutinefunction(target) else call
    function = cast("MeasuredFunction[P, R]", wrapper)
    function.measurements = measurements
    function.mean = functools.partial(mean_of, measurements)
    return function


def _keep(block: CodeBlock, measurements: deque[Measurement]) -> None:
    if block.measurement.ended:  # it did not begin if the meter could not be opened
        measurements.append(block.measurement)
