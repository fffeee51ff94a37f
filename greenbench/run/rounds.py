"""Runs something measurable round by round through pytest-benchmark.

One round is one whole run with its own seed. Set-up, scoring and teardown stay outside
pytest-benchmark's timer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from greenbench.types import Round

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.energy import Meter
    from greenbench.types import Window

WHOLE = "whole"
"""The window around a round, and the only one of a plain function that opens none."""


class Target(Protocol):
    """What can be measured: a pipeline, or a plain function in a wrapper."""

    def prepare(self, seed: int) -> None:
        """Get ready, before the timer."""

    def run(self) -> None:
        """Do the work that is timed."""

    def finish(self, whole: Window, windows: tuple[Window, ...]) -> Round:
        """Score, after the timer; ``windows`` are those opened within ``whole``."""


class Benchmark(Protocol):
    """What rounds need of pytest-benchmark's fixture."""

    enabled: bool

    def pedantic(
        self,
        target: Callable[[], object],
        *,
        setup: Callable[[], object],
        teardown: Callable[[], object],
        rounds: int,
        iterations: int,
    ) -> Any:
        """Call ``target`` between ``setup`` and ``teardown``, ``rounds`` times."""


class FunctionTarget:
    """A plain function. Windows that it opens count; without any, the whole call is one window."""

    def __init__(self, function: Callable[[], object]) -> None:
        """Keep the function."""
        self._function = function
        self._seed = 0

    def prepare(self, seed: int) -> None:
        """Note the seed; a plain function brings its own set-up."""
        self._seed = seed

    def run(self) -> None:
        """Call the function."""
        self._function()

    def finish(self, whole: Window, windows: tuple[Window, ...]) -> Round:
        """Return a round of the function's own windows, or else of the one around it."""
        return Round(seed=self._seed, whole=whole, windows=windows or (whole,))


class Rounds:
    """Hands pytest-benchmark the set-up, target and teardown of each round; collects the rounds."""

    def __init__(
        self,
        target: Target,
        meter: Meter,
        *,
        first_seed: int,
        numbers: Sequence[int],
        count: int | str,
        say: Callable[[str], None],
        heed: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the rounds ``numbers`` of ``count``; round i, from 0, has ``first_seed + i``.

        ``heed`` is called before each round, and raises what keeps it from beginning.
        """
        self._target = target
        self._meter = meter
        self._first_seed = first_seed
        self._numbers = numbers
        self._count = count
        self._say = say
        self._heed = heed
        self._started = 0
        self.finished: list[Round] = []

    def run(self, benchmark: Benchmark) -> None:
        """Run all rounds; with benchmarks disabled, run one that is scored and not kept."""
        benchmark.pedantic(
            self._run,
            setup=self._setup,
            teardown=self._teardown,
            rounds=len(self._numbers),
            iterations=1,
        )
        if not benchmark.enabled:  # pytest-benchmark leaves out the teardown then
            self._teardown()

    def _setup(self) -> None:
        self._heed()
        # A profiled call after the last round repeats that one.
        number = self._numbers[min(self._started, len(self._numbers) - 1)]
        self._started += 1
        self._say(f"preparing round {number + 1} of {self._count}")
        self._target.prepare(self._first_seed + number)
        self._meter.take()  # windows that somebody opened before are not this round's
        self._meter.watch.begin()

    def _run(self) -> None:
        with self._meter.window(WHOLE):
            self._target.run()

    def _teardown(self) -> None:
        *inner, whole = self._meter.take()
        if len(self.finished) >= len(self._numbers):  # a profiled call after the last round is none
            return
        observation = self._meter.watch.end()
        one_round = self._target.finish(whole, tuple(inner))
        # A pipeline observes the machine itself, while its device settings hold.
        machine = one_round.machine or observation.record
        doubts = (*one_round.doubts, *observation.doubts)
        self.finished.append(replace(one_round, machine=machine, doubts=doubts))
