"""The values at which ``greenbench knobs --measure`` tries each knob, one table for all.

A knob that the table does not name, such as one of a suite's own, is tried at what its declaration
allows (``knob_values``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.knob_list import described_knobs
from greenbench.experiment.knob_rules import contradiction
from greenbench.experiment.knob_trials import KnobTrial, knob_trial
from greenbench.experiment.knob_values import derived_values
from greenbench.experiment.texts import did_you_mean
from greenbench.options import BASELINE, STAGES, Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.experiment.knob_list import KnobDescription

VALUES: Mapping[str, tuple[str, ...]] = {
    "data.batch_size": ("8", "64", "128"),
    "data.max_length": ("96",),
    "data.workers": ("1",),
    "architecture.quantizer": ("torchao",),
    "architecture.int8_threshold": ("0",),
    "architecture.prune_layers": ("0.33",),
    "architecture.prune_choice": ("influence",),
    "architecture.adapter": ("lora", "qlora training.precision=bf16"),
    "architecture.lora_rank": ("4",),
    "training.frozen_layers": ("0.5",),
    "training.target_score": ("0.7",),
    "training.score_every": ("5",),
    "training.accumulation_steps": ("4",),
    "system.gpu_power_fraction": ("0.7",),
    "system.gpu_clock_fraction": ("0.8",),
    "system.gpu_memory_clock_fraction": ("0.8",),
    "system.cpu_power_fraction": ("0.7",),
    "system.cpu_clock_fraction": ("0.7",),
    "system.cpu_governor": ("powersave",),
    "system.cpu_threads": ("1",),
    "system.processes": ("2",),
    "system.numa_node": ("0",),
    "inference.skip_layers": ("0.17",),
    "inference.layer_choice": ("deepest",),
    "inference.healing": ("0.2",),
    "inference.engine": ("compile", "onnx", "onnx architecture.weight_format=int8", "vllm"),
    "inference.batch_size": ("8", "128"),
    "inference.exit_confidence": ("0.9",),
    "inference.exit_layers": ("2",),
    "inference.draft": ("prompt",),
}
"""By knob; values as ``--set`` takes them, with what else is set beside one."""
BESIDE: Mapping[str, str] = {
    "architecture.quantizer": "architecture.weight_format=int8",
    "architecture.int8_threshold": "architecture.weight_format=int8",
    "architecture.prune_choice": "architecture.prune_layers=0.33",
    "architecture.lora_rank": "architecture.adapter=lora",
    "training.score_every": "training.target_score=0.7",
    "inference.layer_choice": "inference.skip_layers=0.17",
    "inference.healing": "inference.skip_layers=0.17",
    "inference.exit_layers": "inference.exit_confidence=0.9",
    "inference.draft": "inference.batch_size=1",
}
"""What a knob needs beside it to do anything."""
NOT_TRIED: Mapping[str, str] = {
    "training.finetune": "false leaves out what the other cells train for",
    "data.padding": "fixed rows are at least as wide as the baseline's",
    "architecture.lora_alpha": "it changes what is learnt, and no operation",
    "architecture.lora_targets": "its values are names of one model's layers",
    "system.gpu_power_w": "gpu_power_fraction sets the same limit",
    "system.cpu_affinity": "cpu_threads is tried at one processor",
}
"""Knobs that are left out everywhere, and why."""
LONG: Mapping[str, str] = {
    "training.compile": "compiling takes minutes on a CPU; --only training.compile measures it",
}
"""Knobs that are measured only if they are named, and why."""
SERIES: Mapping[str, tuple[str, ...]] = {
    "architecture.weight_format": (
        "inference.batch_size=8",
        "inference.batch_size=128",
        "architecture.weight_format=int8 inference.batch_size=8",
        "architecture.weight_format=int8 inference.batch_size=128",
    ),
}
"""What is tried besides of a knob that is named, as ``--green-knob`` takes it: where it pays hangs
on these."""
BLOCKS = 2
"""How often each is measured before those that seem to pay are measured again."""
NO_VALUE = "no value to try follows from its default, bounds or choices; --green-knob measures one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Untried:
    """A knob, at a value or at all, that is not measured, and why."""

    knob: str
    """``stage.name``, with a value if others are tried."""
    reason: str


def candidates(
    only: Sequence[str] = (), suite: Options = BASELINE
) -> tuple[list[KnobTrial], list[Untried]]:
    """Return what is tried of each knob, and what is not; ``suite`` are options of the suite.

    ``only`` names stages, and knobs with or without their stage. Raises UsageError for an unknown
    one.
    """
    trials: list[KnobTrial] = []
    untried: list[Untried] = []
    for knob in [description.knob for description in chosen(only, suite)]:
        if knob in NOT_TRIED:
            untried.append(Untried(knob=knob, reason=NOT_TRIED[knob]))
            continue
        values = VALUES.get(knob) or derived_values(knob, suite).values
        if not values:
            untried.append(Untried(knob=knob, reason=NO_VALUE))
        for value in values:
            trial = knob_trial(f"{BESIDE.get(knob, '')} {knob}={value}".strip(), suite)
            problem = contradiction(trial.options)
            if problem:
                untried.append(Untried(knob=trial.text, reason=problem))
            else:
                trials.append(trial)
    return [*trials, *_series(only, trials, suite)], untried


def _series(only: Sequence[str], tried: Sequence[KnobTrial], suite: Options) -> list[KnobTrial]:
    """Return what is tried besides of the knobs that ``only`` names, if it is not ``tried`` yet."""
    found: dict[Options, KnobTrial] = {}
    for knob, texts in SERIES.items():
        for text in texts if _is_named(knob, only) else ():
            trial = knob_trial(text, suite)
            found[trial.options] = trial
    for trial in tried:
        found.pop(trial.options, None)
    return list(found.values())


def _is_named(knob: str, only: Sequence[str]) -> bool:
    """Whether ``only`` names the knob itself, with or without its stage."""
    return knob in only or knob.partition(".")[2] in only


def affordable(
    trials: Sequence[KnobTrial], only: Sequence[str]
) -> tuple[list[KnobTrial], list[Untried]]:
    """Divide ``trials`` into those to measure and those that take too long.

    None of a knob that ``only`` names takes too long.
    """
    kept, left_out = [], []
    for trial in trials:
        knob = trial.settings[-1][0]
        if knob in LONG and not _is_named(knob, only):
            left_out.append(Untried(knob=trial.text, reason=LONG[knob]))
        else:
            kept.append(trial)
    return kept, left_out


def chosen(only: Sequence[str], suite: Options = BASELINE) -> Iterator[KnobDescription]:
    """Yield the knobs that ``only`` names, all if it names none. Raises UsageError.

    Those that a suite declares are among them if ``suite`` are options of it.
    """
    known = described_knobs(suite)
    names = {*STAGES}
    for knob in known:
        names |= {knob.name, knob.knob}
    for name in only:
        if name not in names:
            hint = did_you_mean(name, sorted(names))
            raise UsageError(f"--only: {name!r} is neither a stage nor a knob{hint}")
    for knob in known:
        if not only or not {knob.stage, knob.name, knob.knob}.isdisjoint(only):
            yield knob


def origins_of_values(
    trials: Sequence[KnobTrial], suite: Options = BASELINE
) -> tuple[tuple[str, str], ...]:
    """Return how the numbers that are tried were found, by knob, where no table has them."""
    found = {}
    for trial in trials:
        knob = trial.settings[-1][0]
        how = "" if knob in VALUES else derived_values(knob, suite).how
        if how:
            found[knob] = how
    return tuple(found.items())
