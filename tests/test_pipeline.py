"""One cell: the order of the stages, their windows, and what stays outside."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from greenbench.machine.energy import open_meter
from greenbench.machine.watch import MachineObservation
from greenbench.options import Options
from greenbench.pipeline import NO_PEAK, Pipeline
from greenbench.types import Applied, Cell, Energy, Judged, Metric, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())
APPLIED = Applied(stage="data", knob="tokenizer", asked="python", got="python", how="fake")
CELL = Cell(task="T2", variant="V0_baseline", options=Options(), profile="tiny", seed=3, rounds=1)


class Stages:
    """The calls of ``greenbench.protocols.Stages``, which note their names and do nothing else."""

    def __init__(
        self,
        calls: list[str],
        *,
        finetunes: bool = True,
        converts: bool = True,
        shortens: bool = False,
        heals: bool = False,
        compiles: bool = False,
    ) -> None:
        self.calls = calls
        self.finetunes, self.converts = finetunes, converts
        self.shortens, self.heals = shortens, heals
        self.compiles = compiles

    def check(self) -> None:
        self.calls.append("check")

    def quiet(self) -> contextlib.nullcontext:
        return contextlib.nullcontext()

    def reset(self, seed: int) -> None:
        self.calls.append(f"reset {seed}")

    def synchronize(self) -> None:
        self.calls.append("synchronize")

    def data(self, train: Any, test: Any, model: Any, seed: int, *, valid: Any) -> str:
        assert (train, test, valid) == ([1], [2], [3])
        assert (model.source, seed) == ("fake", CELL.seed)
        self.calls.append("data")
        return "batches"

    def architecture(self, model: Any) -> str:
        assert model.source == "fake"
        self.calls.append("architecture")
        return "net"

    def compilation(self, net: Any, batches: Any) -> str:
        assert batches == "batches"
        self.calls.append("compilation")
        return net

    def training(self, net: Any, batches: Any) -> str:
        assert (net, batches) == ("net", "batches")
        self.calls.append("training")
        return "trained net"

    def shortening(self, net: Any, batches: Any) -> str:
        assert batches == "batches"
        self.calls.append("shortening")
        return f"short {net}"

    def healing(self, net: Any, batches: Any) -> str:
        assert batches == "batches"
        self.calls.append("healing")
        return f"healed {net}"

    def conversion(self, net: Any) -> str:
        self.calls.append("conversion")
        return f"converted {net}"

    def inference(self, net: Any, batches: Any) -> str:
        assert batches == "batches"
        self.calls.append("inference")
        return f"outputs of {net}"

    def answers(self, net: Any, batches: Any, examples: Any) -> str:
        assert batches == "batches"
        self.calls.append("answers")
        return f"answers of {net} to {examples}"

    def applied(self) -> tuple[Applied, ...]:
        self.calls.append("applied")
        return (APPLIED,)

    def doubts(self) -> tuple[str, ...]:
        return ("a doubt",)

    def work(self, net: Any, batches: Any) -> dict[str, int]:
        assert ("net" in net, batches) == (True, "batches")
        return {"parameters": 1}

    def yardstick(self) -> Callable[[float], int]:
        return lambda _seconds: 7

    def memory_yardstick(self) -> Callable[[float], int]:
        return lambda _seconds: 12


class Data:
    """Data of one example in each split; judging notes what it is given."""

    train, valid, test = [1], [3], [2]
    facts: ClassVar = {"source": "fake"}

    def __init__(self, calls: list[str], deciding: tuple = ()) -> None:
        self.calls, self.deciding = calls, deciding

    def judge(self, outputs: Any, deciding: Any) -> Judged:
        self.calls.append(f"judge {outputs} by {deciding}")
        return Judged(
            quality={"mcc": Metric(value=0.5, n=1)}, failures={"timeout": 1}, doubts=("another",)
        )


class FakeMeter:
    """A meter whose windows note when they open and close."""

    shortest_s = 0.5

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        observation = MachineObservation(record={"cpu": 1}, doubts=("a busy machine",))
        self.watch = SimpleNamespace(begin=lambda: None, end=lambda: observation)

    @contextlib.contextmanager
    def window(self, stage: str, *, synchronize: Callable[[], None]) -> Iterator[None]:
        synchronize()
        self.calls.append(f"open {stage}")
        yield
        self.calls.append(f"close {stage}")

    def take(self) -> tuple[Window, ...]:
        return (WHOLE,)

    def repeated(
        self, stage: str, one_pass: Callable[[], Any], _synchronize: Callable[[], None]
    ) -> Window:
        one_pass()
        self.calls.append(f"repeated {stage}")
        return Window(stage=stage, seconds=0.1, energy=Energy(), passes=2)


class Power:
    """A system stage that notes when it is entered and left."""

    doubts = ("a doubt of power's",)

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def reserve(self) -> None:
        self.calls.append("reserve")

    def release(self) -> None:
        self.calls.append("release")

    def proofs(self, machine: Any) -> tuple[Applied, ...]:
        return (
            Applied(stage="system", knob="cpu_threads", asked=None, got=dict(machine), how="fake"),
        )

    def __enter__(self) -> None:
        self.calls.append("power on")

    def __exit__(self, *_: object) -> None:
        self.calls.append("power off")


class Parts:
    """A pipeline's parts, which all note their calls in one list."""

    def __init__(self, *, deciding: tuple = (), **switches: bool) -> None:
        self.calls: list[str] = []
        self.stages = Stages(self.calls, **switches)
        self.data = Data(self.calls, deciding)
        self.meter: Any = FakeMeter(self.calls)
        self.power = Power(self.calls)

    def pipeline(self) -> Pipeline:
        model = SimpleNamespace(source="fake", folder="folder")
        return Pipeline(CELL, self.data, model, self.stages, self.meter, self.power)


def test_five_stages_in_order_with_conversion_after_training() -> None:
    """Each stage has a synchronised window of its own, and all of them lie in the system stage."""
    parts = Parts()
    parts.pipeline().run()
    assert [call for call in parts.calls if call.startswith("open")] == [
        "open data",
        "open architecture",
        "open training",
        "open architecture",
        "open inference",
    ]
    assert (parts.calls[0], parts.calls[-1]) == ("power on", "power off")
    for stage in ("data", "training", "inference"):
        i = parts.calls.index(f"open {stage}")
        around = ["synchronize", f"open {stage}", stage, f"close {stage}"]
        assert parts.calls[i - 1 : i + 3] == around
    assert parts.calls.index("conversion") > parts.calls.index("training")


def test_a_model_is_shortened_after_training_and_before_its_conversion() -> None:
    """What inference runs has been through all of them, in this order."""
    parts = Parts(shortens=True)
    cell = parts.pipeline()
    cell.run()
    cell.finish(WHOLE, ())
    assert "judge outputs of converted short trained net by ()" in parts.calls


def test_healing_is_measured_as_training_between_shortening_and_conversion() -> None:
    """A shortened model is trained further in a second window of training."""
    parts = Parts(shortens=True, heals=True)
    parts.pipeline().run()
    opened = [call for call in parts.calls if call.startswith("open")]
    assert opened[3:6] == ["open architecture", "open training", "open architecture"]
    start = parts.calls.index("healing")
    assert parts.calls[start - 1 : start + 2] == ["open training", "healing", "close training"]
    assert parts.calls.index("shortening") < start < parts.calls.index("conversion")


def test_training_is_compiled_in_a_window_of_its_own() -> None:
    """It is one of the architecture stage, between loading and training."""
    parts = Parts(compiles=True)
    parts.pipeline().run()
    opened = [call for call in parts.calls if call.startswith("open")]
    assert opened[1:4] == ["open architecture", "open architecture", "open training"]
    start = parts.calls.index("compilation")
    assert parts.calls[start - 1 : start + 2] == [
        "open architecture",
        "compilation",
        "close architecture",
    ]


def test_the_deciding_examples_are_answered_outside_every_window() -> None:
    """Judging gets the answers to them, by the net that inference used."""
    parts = Parts(deciding=(3,), converts=False)
    cell = parts.pipeline()
    cell.run()
    assert "answers" not in parts.calls
    cell.finish(WHOLE, ())
    assert "judge outputs of trained net by answers of trained net to (3,)" in parts.calls


def test_stages_that_are_off_open_no_window() -> None:
    """Without fine-tuning and conversion there are no windows of them."""
    parts = Parts(finetunes=False, converts=False)
    parts.pipeline().run()
    assert [call for call in parts.calls if call.startswith("open")] == [
        "open data",
        "open architecture",
        "open inference",
    ]


def test_scoring_comes_after_every_window() -> None:
    """Judging is not part of inference: ``run`` scores nothing."""
    parts = Parts()
    cell = parts.pipeline()
    cell.prepare(3)
    cell.run()
    assert not [call for call in parts.calls if call.startswith("judge")]
    done = cell.finish(WHOLE, ())
    judging = "judge outputs of converted trained net by ()"
    assert parts.calls.index(judging) > parts.calls.index("close inference")
    assert parts.calls.count(judging) == 1
    assert (done.seed, done.judged.quality["mcc"].value, done.applied[:-1]) == (3, 0.5, (APPLIED,))
    assert done.applied[-1].got == done.machine == {"cpu": 1}  # as the system stage had it
    assert (done.judged.failures, done.work["parameters"]) == ({"timeout": 1}, 1)
    told = [doubt for doubt in done.doubts if doubt != NO_PEAK]
    assert told == ["a busy machine", "a doubt", "a doubt of power's", "another"]


def test_preparing_checks_and_resets_with_the_round_s_seed() -> None:
    """Each round starts as new, before the device is reserved."""
    parts = Parts()
    for seed in (3, 4):
        parts.pipeline().prepare(seed)
    assert parts.calls == ["check", "reset 3", "reserve", "check", "reset 4", "reserve"]


def test_a_failing_stage_leaves_no_window_open() -> None:
    """After an exception the real meter has no open window, and the next run measures as usual."""

    def fail(*_: Any) -> None:
        raise ValueError("stage")

    with open_meter(()) as meter:
        parts = Parts(converts=False)
        parts.meter = meter
        training, parts.stages.training = parts.stages.training, fail
        cell = parts.pipeline()
        with pytest.raises(ValueError, match="stage"):
            cell.run()
        assert parts.calls[-1] == "power off"
        meter.take()
        parts.stages.training = training
        cell.run()
        stages = [window.stage for window in meter.take()]
        assert stages == ["data", "architecture", "training", "inference"]


def test_short_stages_are_repeated_after_the_timer_and_before_scoring() -> None:
    """Data and inference that were too short run again in the system stage; training does not."""
    parts = Parts()
    cell = parts.pipeline()
    cell.prepare(3)
    cell.run()
    parts.calls.clear()
    done = cell.finish(WHOLE, short("data", "architecture", "training", "inference"))
    assert [window.stage for window in done.repeats] == ["data", "inference"]
    assert [call for call in parts.calls if call.startswith(("power", "repeated"))] == [
        "power on",
        "repeated data",
        "power off",
        "power on",
        "repeated inference",
        "power off",
    ]
    assert parts.calls[-1].startswith("judge outputs of")
    assert "training" not in parts.calls
    assert parts.calls[0] == "applied"  # proofs are of the timed run, not of what runs again


class WritingStages(Stages):
    """Stages of a model that answers in texts."""

    writes = True

    def prefill(self, net: str, batches: str) -> None:
        self.calls.append(f"prefill {net} {batches}")


def test_reading_prompts_is_measured_apart_after_the_timer() -> None:
    """However long inference was, one more pass over the prompts has a window of its own."""
    parts = Parts()
    parts.stages = WritingStages(parts.calls)
    cell = parts.pipeline()
    cell.prepare(3)
    cell.run()
    parts.calls.clear()
    done = cell.finish(WHOLE, ())
    assert [window.stage for window in done.repeats] == ["prefill"]
    assert "prefill converted trained net batches" in parts.calls
    assert parts.calls.count("applied") == 1  # no knob's joules are those of this pass


def test_a_knob_that_does_not_act_in_the_repeats_is_reported() -> None:
    """The joules of a short stage are those of its repeats, so its knobs must act there too."""
    parts = Parts()
    cell = parts.pipeline()
    cell.prepare(3)
    cell.run()
    readings = iter((APPLIED, replace(APPLIED, got="another")))
    parts.stages.applied = lambda: (next(readings),)
    done = cell.finish(WHOLE, short("data"))
    assert done.applied[0].got == APPLIED.got
    assert done.applied[0].note == "when a short stage was repeated: read back another"


def short(*stages: str) -> tuple[Window, ...]:
    """Return windows that are too short to be measured."""
    return tuple(Window(stage=stage, seconds=0.1, energy=Energy()) for stage in stages)


def test_a_stage_that_fails_when_repeated_costs_no_round() -> None:
    """The round is measured and scored, and the reason why it was not repeated is a warning."""
    parts = Parts()
    cell = parts.pipeline()
    cell.prepare(3)
    cell.run()

    def fail(*_: Any) -> None:
        raise MemoryError("full")

    parts.stages.inference = fail
    done = cell.finish(WHOLE, short("data", "inference"))
    assert [window.stage for window in done.repeats] == ["data"]
    assert done.judged.quality["mcc"].value == 0.5
    assert "inference could not be repeated to be measured longer: MemoryError: full" in done.doubts


def test_stages_that_are_long_enough_run_once() -> None:
    """A window that is not shorter than the counters need is not repeated."""
    parts = Parts()
    cell = parts.pipeline()
    cell.run()
    parts.calls.clear()
    long = Window(stage="data", seconds=0.6, energy=Energy())
    assert cell.finish(WHOLE, (long,)).repeats == ()
    assert "data" not in parts.calls


def test_the_reference_kernels_have_windows_of_their_own() -> None:
    """Operations or bytes and the window are returned; nothing is left for the first round."""
    parts = Parts()
    pipeline = parts.pipeline()
    assert pipeline.run_kernel(parts.stages.yardstick, 0.1) == (7, WHOLE)
    assert pipeline.run_kernel(parts.stages.memory_yardstick, 0.1) == (12, WHOLE)
    assert parts.calls.count("open yardstick") == 2
