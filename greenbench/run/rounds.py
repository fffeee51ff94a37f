"""Runs something measurable round by round through pytest-benchmark, and sums up what the rounds showed.

One round is one whole run with its own seed. Set-up, scoring and teardown stay outside pytest-benchmark's timer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from greenbench.errors import UnavailableError
from greenbench.pipeline import Pipeline
from greenbench.run.cell_result import Circumstances, Outcome, _about, _outcome, _seen, sentence
from greenbench.run.doubts import lacking
from greenbench.run.yardstick import reading
from greenbench.types import Energy, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
        """Score, after the timer; ``whole`` is the round's own window, ``windows`` those opened within."""


class Plain:
    """A plain function as a target. Windows that it opens count; without any, the whole call is one window."""

    def __init__(self, function: Callable[[], object]) -> None:
        """Hold it."""
        self._function, self._seed = function, 0

    def prepare(self, seed: int) -> None:
        """Note the seed; a plain function brings its own set-up."""
        self._seed = seed

    def run(self) -> None:
        """Call the function."""
        self._function()

    def finish(self, whole: Window, windows: tuple[Window, ...]) -> Round:
        """Keep the function's own windows, or else the one around it."""
        return Round(seed=self._seed, whole=whole, windows=windows or (whole,))


class Rounds:
    """The rounds of one target: hands pytest-benchmark its set-up, target and teardown, and collects the results."""

    def __init__(
        self, target: Target, energy: Meter, *, seed: int, rounds: int, say: Callable[[str], None]
    ) -> None:
        """Round i runs with ``seed + i``."""
        self._target, self._energy, self._seed, self._asked = target, energy, seed, rounds
        self._say, self._started = say, 0
        self.done: list[Round] = []

    def run(self, benchmark: Any) -> None:
        """Run all rounds; with benchmarks disabled, run one that is scored and not kept."""
        benchmark.pedantic(
            self._run, setup=self._setup, teardown=self._teardown, rounds=self._asked, iterations=1
        )
        if not benchmark.enabled:  # pytest-benchmark leaves out the teardown then
            self._teardown()

    def _setup(self) -> None:
        self._say(f"preparing round {self._started + 1} of {self._asked}")
        self._target.prepare(self._seed + self._started)
        self._started += 1
        self._energy.take()  # windows that somebody opened before are not this round's
        self._energy.watch.begin()

    def _run(self) -> None:
        with self._energy.window(WHOLE):
            self._target.run()

    def _teardown(self) -> None:
        *inner, whole = self._energy.take()
        if len(self.done) >= self._asked:  # a profiled call after the last round is not one of them
            return
        seen = self._energy.watch.end()
        done = self._target.finish(whole, tuple(inner))
        machine = (
            done.machine or seen.record
        )  # a pipeline looks for itself, while its circumstances hold
        self.done.append(replace(done, machine=machine, doubts=(*done.doubts, *seen.doubts)))


def measured(
    target: Any, benchmark: Any, meter: Meter, *, name: str, rounds: int, around: Circumstances
) -> Outcome:
    """Run ``target``, a pipeline or a function without arguments, through ``benchmark`` (pytest-benchmark's fixture).

    A pipeline brings its own id, seed and number of rounds; ``name`` and ``rounds`` are a function's. An exception of the
    target ends the rounds and is returned; KeyboardInterrupt and the like go through.
    """
    pipeline = target if isinstance(target, Pipeline) else None
    about = _about(pipeline, name)
    seed, asked = (pipeline.cell.seed, pipeline.cell.rounds) if pipeline else (0, rounds)
    tell = lambda text: around.say(f"{about['id']}: {text}")  # noqa: E731  one use, one line
    if pipeline:
        pipeline.progress = tell
    run = Rounds(pipeline or Plain(target), meter, seed=seed, rounds=asked, say=tell)
    gauges: list[dict[str, Any]] = []
    try:
        _require(around.require, meter.sources)
        _gauge(gauges, pipeline, benchmark)
        run.run(benchmark)
        unsure = _gauge_again(gauges, pipeline, benchmark)
        for one in run.done:
            _require(around.require, one.whole.energy)
    except Exception as error:  # noqa: BLE001  told to the caller, who raises it once the record is kept
        return _outcome(about, run.done, pipeline, error, _seen(run.done, pipeline, gauges, around))
    finally:
        if pipeline:
            pipeline.power.release()
    seen = _seen(run.done, pipeline, gauges, around)
    return _outcome(about, run.done, pipeline, None, {**seen, "doubts": (*seen["doubts"], *unsure)})


def _require(asked: Sequence[str], energy: Mapping[str, str] | Energy) -> None:
    if problem := lacking(asked, energy):
        raise UnavailableError(problem)


def _gauge(gauges: list[dict[str, Any]], pipeline: Pipeline | None, benchmark: Any) -> None:
    if pipeline is not None and benchmark.enabled:
        gauges.append(reading(*pipeline.gauge()))


def _gauge_again(
    gauges: list[dict[str, Any]], pipeline: Pipeline | None, benchmark: Any
) -> tuple[str, ...]:
    """Run the kernel after the rounds; what keeps it from running is told, and fails no cell that is measured."""
    try:
        _gauge(gauges, pipeline, benchmark)
    except Exception as error:  # noqa: BLE001  whatever a device raises after the rounds
        return (f"the yardstick could not be run after the cell: {sentence(error)}",)
    return ()
