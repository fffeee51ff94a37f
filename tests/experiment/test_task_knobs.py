"""Which variants make cells of which tasks, by the knobs that each task has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from greenbench.experiment.config import parse_config
from greenbench.experiment.knobs import with_knob
from greenbench.experiment.task_knobs import (
    absent_knobs,
    foreign_knob_problems,
    lacking,
    left_out,
    same_knob_problems,
    variants_of,
)
from greenbench.options import Options, OwnKnob, differences, extended
from greenbench.types import Variant

STEPS = OwnKnob(stage="training", name="steps", hint=int, default=8)
DEPTH = OwnKnob(stage="training", name="depth", hint=int, default=3)


def task(name: str, *own: OwnKnob, torch: bool = False) -> SimpleNamespace:
    """Return a task that has its own knobs and those of the system, or all with torch."""

    def lacks(knob: str) -> str:
        has = torch or knob.startswith("system.") or knob in [one.knob for one in own]
        return "" if has else f"its knobs are {[one.name for one in own]}"

    return SimpleNamespace(name=name, own_knobs=own, lacks=lacks)


TORCH, FIRST, SECOND = task("T2", torch=True), task("T3", STEPS), task("T4", DEPTH)
TASKS = [TORCH, FIRST, SECOND]
BASELINE = extended([STEPS, DEPTH])


def variant(name: str, sweep: dict[str, tuple] | None = None, **knobs: object) -> Variant:
    """Return a variant that sets knobs, named with two underscores for the point."""
    options = BASELINE
    for knob, value in knobs.items():
        options = with_knob(options, knob.replace("__", "."), value)
    return Variant(name=name, title="", options=options, folder=Path(), sweep=sweep or {})


V0 = variant("V0_baseline")
STEPPED = variant("V1_steps", training__steps=4)
THREADS = variant("V2_threads", system__cpu_threads=1)
BF16 = variant("V3_bf16", training__precision="bf16")
SWEPT = variant("V4_swept", sweep={"training.depth": (1, 2)})
KNOWN = [V0, STEPPED, THREADS, BF16, SWEPT]


def test_a_variant_makes_cells_of_the_tasks_that_have_its_knobs() -> None:
    """V0 and a knob of the system are everybody's; another task's knob is not."""
    cells = {one.name: [found.name for found in variants_of(one, KNOWN)] for one in TASKS}
    assert cells == {
        "T2": ["V0_baseline", "V2_threads", "V3_bf16"],
        "T3": ["V0_baseline", "V1_steps", "V2_threads"],
        "T4": ["V0_baseline", "V2_threads", "V4_swept"],
    }
    assert foreign_knob_problems(KNOWN, TASKS) == []
    assert "V3_bf16 makes no cell of T3, which has no training.precision" in left_out(FIRST, KNOWN)


def test_cells_have_no_knobs_of_other_tasks() -> None:
    """A task of torch has the plain options, and another one its own knobs alone."""
    assert variants_of(TORCH, KNOWN)[0].options == Options()
    stepped = variants_of(FIRST, KNOWN)[1].options
    assert [change.knob for change in differences(stepped)] == ["training.steps"]
    assert not hasattr(stepped.training, "depth")


def test_a_variant_that_a_task_could_run_in_part_is_refused() -> None:
    """Under its name something else would run there."""
    mixed = variant("V5_mixed", training__steps=4, training__precision="bf16")
    (problem,) = foreign_knob_problems([mixed], [FIRST])
    assert problem.startswith("V5_mixed sets training.steps and training.precision, and T3 has no ")
    assert problem.endswith("divide it into a variant for each kind of task")


def test_a_variant_that_no_task_can_run_is_refused() -> None:
    """It would make no cell at all; where another task can, it makes that one's."""
    (problem,) = foreign_knob_problems([BF16], [FIRST, SECOND])
    assert "V3_bf16 sets training.precision, which no task has; T3: its knobs are" in problem
    assert foreign_knob_problems([BF16], [TORCH, FIRST]) == []
    assert list(lacking(BF16, FIRST)) == ["training.precision"]


def test_a_misspelt_knob_is_answered_with_the_knobs_that_a_task_has() -> None:
    """A suite of functions is offered none of torch's, and one with a task in torch all of them."""
    absent = absent_knobs([FIRST, SECOND], BASELINE)
    text = "training: {step: 4, precision: true}\narchitecture: {}\n"
    found = parse_config(text, "config.yaml", BASELINE, absent).problems
    epochs, precision, architecture = found
    assert epochs.endswith("'step'; it has: steps, depth; did you mean 'steps'?")
    assert precision.startswith("config.yaml:1: training.precision cannot be true; allowed: ")
    assert "architecture names no knob; it has: none for the tasks of this suite;" in architecture
    assert not absent_knobs(TASKS, BASELINE)


def test_tasks_declare_a_shared_knob_alike() -> None:
    """V0 has one value of it."""
    other = OwnKnob(stage="training", name="steps", hint=int, default=9)
    assert same_knob_problems([FIRST, task("T5", STEPS)]) == []
    (problem,) = same_knob_problems([FIRST, task("T5", other)])
    assert problem.startswith("T3 and T5 declare training.steps differently, 8 and 9; V0 has one")
