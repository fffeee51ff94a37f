"""One cell: the order of the stages, their windows, and what stays outside."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from greenbench.machine.energy import open_meter
from greenbench.machine.watch import MachineObservation
from greenbench.options import Options
from greenbench.pipeline import NO_PEAK, Pipeline
from greenbench.types import Applied, Cell, Energy, Judged, Metric, Window

WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())
CELL = Cell(task="T2", variant="V0_baseline", options=Options(), profile="tiny", seed=3, rounds=1)


class Log:
    """Stands in for stages, data, system stage and meter, and notes in which order they are called."""

    def __init__(
        self, *, finetunes: bool = True, converts: bool = True, shortens: bool = False
    ) -> None:
        self.said: list[str] = []
        self.shortest_s = 0.5
        self.finetunes, self.converts, self.shortens = finetunes, converts, shortens
        self.applied_ = (
            Applied(stage="data", knob="tokenizer", asked="python", got="python", how="log"),
        )
        self.facts, self.train, self.valid, self.test = {"source": "log"}, [1], [3], [2]
        self.deciding = ()
        self.folder, self.source = "folder", "log"
        self.watch = SimpleNamespace(
            begin=lambda: None,
            end=lambda: MachineObservation(record={"cpu": 1}, doubts=("a busy machine",)),
        )

    def __getattr__(self, name: str) -> Any:
        def called(*_: Any, **__: Any) -> Any:
            self.said.append(name)
            return {
                "quiet": contextlib.nullcontext(),
                "work": {"parameters": 1},
                "doubts": ("a doubt",),
                "yardstick": lambda: 7,
            }.get(name, name)

        return called

    def applied(self) -> tuple[Applied, ...]:
        return self.applied_

    def judge(self, outputs: Any, deciding: Any) -> Judged:
        self.said.append(f"judge {outputs} by {deciding}")
        return Judged(
            quality={"mcc": Metric(value=0.5, n=1)}, failures={"timeout": 1}, doubts=("another",)
        )

    @contextlib.contextmanager
    def window(self, stage: str, *, synchronize: Any) -> Any:
        synchronize()
        self.said.append(f"open {stage}")
        yield
        self.said.append(f"close {stage}")

    def take(self) -> tuple:
        return (WHOLE,)

    def repeated(self, stage: str, one_pass: Any, _synchronize: Any) -> Window:
        one_pass()
        self.said.append(f"repeated {stage}")
        return Window(stage=stage, seconds=0.1, energy=Energy(), passes=2)


class Power:
    """A system stage that notes when it is entered and left."""

    doubts = ("a doubt of power's",)

    def __init__(self, log: Log) -> None:
        self._log = log

    def reserve(self) -> None:
        self._log.said.append("reserve")

    def release(self) -> None:
        self._log.said.append("release")

    def proofs(self, machine: Any) -> tuple[Applied, ...]:
        return (
            Applied(stage="system", knob="cpu_threads", asked=None, got=dict(machine), how="log"),
        )

    def __enter__(self) -> None:
        self._log.said.append("power on")

    def __exit__(self, *_: object) -> None:
        self._log.said.append("power off")


def pipeline(log: Log) -> Pipeline:
    """Return a pipeline whose every part is the log."""
    return Pipeline(CELL, log, log, log, log, Power(log))  # type: ignore[arg-type]


def test_five_stages_in_order_with_conversion_after_training() -> None:
    """The system stage lies around the others, each stage works inside its own window, synchronised at its edge."""
    log = Log()
    pipeline(log).run()
    windows = [s for s in log.said if s.startswith("open")]
    assert windows == [
        "open data",
        "open architecture",
        "open training",
        "open architecture",
        "open inference",
    ]
    assert (log.said[1], log.said[-1]) == ("power on", "power off")
    for stage in ("data", "training", "inference"):
        i = log.said.index(f"open {stage}")
        assert log.said[i - 1 : i + 3] == ["synchronize", f"open {stage}", stage, f"close {stage}"]
    assert log.said.index("conversion") > log.said.index("training")


def test_stages_that_are_off_open_no_window() -> None:
    """Without fine-tuning and conversion there is nothing to measure of them."""
    log = Log(finetunes=False, converts=False)
    pipeline(log).run()
    assert [s for s in log.said if s.startswith("open")] == [
        "open data",
        "open architecture",
        "open inference",
    ]


def test_scoring_comes_after_every_window() -> None:
    """Judging is not inference: nothing is scored inside ``run``."""
    log = Log()
    cell = pipeline(log)
    cell.prepare(3)
    cell.run()
    assert not [s for s in log.said if s.startswith("judge")]
    done = cell.finish(WHOLE, ())
    assert log.said.index("judge inference by ()") > log.said.index("close inference")
    assert log.said.count("judge inference by ()") == 1
    assert (done.seed, done.quality["mcc"].value, done.applied[:-1]) == (3, 0.5, log.applied_)
    assert (done.applied[-1].got, done.machine) == (
        {"cpu": 1},
        {"cpu": 1},
    )  # as seen while the system stage held
    assert done.failures == {"timeout": 1}
    told = [doubt for doubt in done.doubts if doubt != NO_PEAK]
    assert told == ["a busy machine", "a doubt", "a doubt of power's", "another"]


def test_preparing_resets_with_the_round_s_seed() -> None:
    """Each round starts as new, and what an earlier one left is dropped."""
    log = Log()
    seen: list[int] = []
    log.reset = seen.append
    for seed in (3, 4):
        pipeline(log).prepare(seed)
    assert seen == [3, 4]


def test_a_failing_stage_leaves_no_window_open() -> None:
    """After an exception the real meter has nothing open, and the next run measures as if nothing had been."""
    log = Log(converts=False)

    def fail(*_: Any) -> None:
        raise ValueError("stage")

    with open_meter(()) as meter:
        broken = SimpleNamespace(
            **{
                n: getattr(log, n)
                for n in ("quiet", "synchronize", "data", "architecture", "inference")
            }
        )
        broken.finetunes, broken.converts, broken.shortens, broken.training = (
            True,
            False,
            False,
            fail,
        )
        cell = Pipeline(CELL, log, log, broken, meter, Power(log))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="stage"):
            cell.run()
        assert log.said[-1] == "power off"
        meter.take()
        broken.training = log.training
        cell.run()
        assert [w.stage for w in meter.take()] == ["data", "architecture", "training", "inference"]


def test_short_stages_are_repeated_after_the_timer_and_before_scoring() -> None:
    """Data and inference that were shorter than the counters need run again, under the system stage; training does not."""
    log = Log()
    cell = pipeline(log)
    cell.prepare(3)
    cell.run()
    log.said.clear()
    short = [
        Window(stage=stage, seconds=0.1, energy=Energy())
        for stage in ("data", "architecture", "training", "inference")
    ]
    done = cell.finish(WHOLE, tuple(short))
    assert [w.stage for w in done.repeats] == ["data", "inference"]
    steps = (
        "power on",
        "repeated data",
        "power off",
        "power on",
        "repeated inference",
        "power off",
    )
    assert [s for s in log.said if s in steps] == list(steps)
    assert log.said.index("judge inference by ()") > log.said.index("repeated inference")
    assert "training" not in log.said


def test_a_stage_that_fails_when_repeated_costs_no_round() -> None:
    """The round is measured and scored; what kept the repeat from running is a doubt."""
    log = Log()
    cell = pipeline(log)
    cell.prepare(3)
    cell.run()

    def fail(*_: Any) -> None:
        raise MemoryError("full")

    log.inference = fail
    short = tuple(
        Window(stage=stage, seconds=0.1, energy=Energy()) for stage in ("data", "inference")
    )
    done = cell.finish(WHOLE, short)
    assert [w.stage for w in done.repeats] == ["data"]
    assert done.quality["mcc"].value == 0.5
    assert "inference could not be repeated to be measured longer: MemoryError: full" in done.doubts


def test_stages_that_are_long_enough_run_once() -> None:
    """Without counters the shortest window is 0, and nothing is repeated."""
    log = Log()
    cell = pipeline(log)
    cell.run()
    log.said.clear()
    assert cell.finish(WHOLE, (Window(stage="data", seconds=0.6, energy=Energy()),)).repeats == ()
    assert "data" not in log.said


def test_the_yardstick_has_a_window_of_its_own() -> None:
    """Its operations and its window, and nothing of it is left for the first round."""
    log = Log()
    assert pipeline(log).gauge() == (7, WHOLE)
    assert "open yardstick" in log.said
