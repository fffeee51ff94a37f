"""What is asked of a cell, and what is known of it after its rounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from greenbench.options import KnobValue, Options
    from greenbench.types.energy import Quantity, Window

Facts: TypeAlias = "Mapping[str, Any]"
"""Plain builtins that go into the results file as they are."""
REUSABLE = {"training": "training", "data": "data stage"}
"""The stages that may be taken over, and what a sentence calls a run of each."""
PREFILL = "prefill"
"""The phase of inference in which a model that writes reads its inputs; a pass of its own after a
round is measured under this name."""
Status = Literal["ok", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The proof that a knob took effect: what was requested, and what was read back."""

    stage: str
    knob: str
    asked: object
    got: object
    how: str
    """Where ``got`` was read: ``class of the tokenizer``, ``autocast dtype in training``, ..."""
    note: str = ""
    """Why ``got`` differs from ``asked``, and what to do; empty if they agree."""
    before: object = None
    """The value before the knob was set, for knobs whose baseline is the machine's own value."""
    evidence: Facts = field(default_factory=dict)
    """Further readings for programs: bytes by module, losses, the layers that ran."""
    proved: bool = True
    """Whether anything reads the knob back; a suite's own knob may have no proof."""

    @property
    def holds(self) -> bool:
        """Whether the knob did what was requested."""
        return not self.note


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One score. ``low`` and ``high`` bound a 95 % interval where one was computed."""

    value: float | None
    n: int
    higher_is_better: bool = True
    low: float | None = None
    high: float | None = None
    constant: float | None = None
    """What the best constant answer reaches on the same rows; None if it was not computed."""
    decides: bool = False
    """Whether a model must beat the constant answer in this score."""
    reason: str = ""
    """Why ``value`` is None."""


MOST_ANSWERED = 200
"""Rows in words that results files keep of a cell: the first of the test split, the same of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRow:
    """A row of the test split in words, with the model's answer to it."""

    row: int
    """Its place in the test split, from 0."""
    source: str
    """What the model was given."""
    expected: str
    """The true answer; empty if the data have none."""
    output: str
    outcome: str
    """What came of the answer: ``passed``, ``does_not_compile``, ``equal``, ``wrong``, ..."""
    right: bool | None
    """None where a single answer is neither right nor wrong, like a number that is estimated."""
    cut: int = 0
    """Characters that were left out at the ends of the three texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a task says of a model's outputs."""

    quality: Mapping[str, Metric] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    """Why outputs failed (``timeout``) to how many did; empty where outputs cannot fail."""
    doubts: tuple[str, ...] = ()
    """Warnings: why the score should not be relied on."""
    correct: int | None = None
    """Outputs that are right; None for tasks that cannot tell for a single one."""
    references: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Scores of the dummy baselines on the same rows, and the model's lead: name, then metric."""
    outcomes: Facts = field(default_factory=dict)
    """The answer to each test example, compact (``stats.classification_answers``); empty if the
    task keeps none."""
    degenerate: tuple[str, ...] = ()
    """Why the outputs are no prediction at all: one answer for everything."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Compilers and interpreters that ran the outputs, with versions; empty if none were run."""
    answered: tuple[AnsweredRow, ...] = ()
    """The test rows in words. With ``--green-keep-outputs`` the first round of a cell keeps its
    first rows; all others are empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A row of ``experiment.md`` with its folder: which knobs are turned, and what may be swept."""

    name: str
    """The folder's name, ``V1_data``."""
    title: str
    options: Options
    folder: Path
    sweep: Mapping[str, tuple[KnobValue, ...]] = field(default_factory=dict)
    """Knob (``data.batch_size``) to the values it takes, one cell each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """How big one task is in a profile: what is loaded and how long it trains, for all variants."""

    model: str
    """A folder of ``greenbench/data/models``, or a hub id."""
    model_revision: str | None = None
    data: str | Path
    """``generated``, a hub id, or the path of a suite's own file or folder."""
    data_revision: str | None = None
    sizes: tuple[int | None, int | None, int | None] | None = None
    """Most generated examples in train, valid and test; None takes the generator's default."""
    local_sizes: tuple[int, int, int] | None = None
    """The same for data that the user gives; None takes all."""
    max_chars: int | None = None
    """Longest example, all its texts together, that is kept of the user's data; None keeps all."""
    epochs: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Fraction of the optimizer steps in which the learning rate rises to its peak; it falls
    linearly to 0 afterwards."""
    max_tokens: int
    """Tokens of an input that are kept."""
    class_weights: bool = False
    """Whether a classifier's loss weighs the classes evenly; ``--green-balance`` says so."""
    one_probability: bool = True
    """Whether a classifier of two classes answers with the probability of class 1 alone, for which
    the judging finds a threshold; else with that of each class."""
    max_new_tokens: int = 0
    """Tokens of a target that are kept in training, and that a generating model may write."""
    parameters: int | None = None
    """Number of the model's parameters, so that a plan can be made before it is fetched."""
    vocabulary: int | None = None
    """Size of its vocabulary, for the same purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How big a run is; each task says what that means for it."""

    name: str
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """What a results file says of a cell's task, so that its reader needs no suite."""

    kind: str = ""
    """``text-classification``, ``function``, ...; empty if the file does not say."""
    description: str = ""
    """What the task does, in half a sentence that follows its name."""
    primary: tuple[str, ...] = ()
    """The scores that may stand in the table: the first one that has a value does."""
    origin: str = ""
    """What defines the task: greenbench, a file of the suite, or a package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One variant on one task: what a single benchmark runs."""

    task: str
    variant: str
    options: Options
    """Resolved, the swept value put in."""
    profile: str
    seed: int
    rounds: int
    suffix: str = ""
    """``-b16`` for a swept batch size."""
    block: int | None = None
    """The block whose round is to be measured, from 0; None measures all rounds in a row."""
    most_rounds: int | None = None
    """With ``--green-until-sure`` it may have up to so many ``rounds``, if they settle nothing."""

    @property
    def last_round(self) -> str:
        """The number of its last round, in words: ``5``, or ``at most 8``."""
        return str(self.rounds) if self.most_rounds is None else f"at most {self.most_rounds}"

    @property
    def id(self) -> str:
        """The pytest id; saved baselines are matched by it."""
        return f"{self.task}-{self.variant}{self.suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One whole pipeline run with its own seed."""

    seed: int
    whole: Window
    """Around the pipeline alone: no set-up, no scoring. Its joules are read by themselves, not
    summed over the stages: a stage too short for a counter does not make the round unknown. Those
    of a stage that was taken over are added to it."""
    windows: tuple[Window, ...]
    """One for each stage, in the order they closed."""
    judged: Judged = Judged()
    """What the task says of the outputs."""
    repeats: tuple[Window, ...] = ()
    """Stages that were too short for the counters, run again after the timer until they were long
    enough; one pass each."""
    work: Mapping[str, int | None] = field(default_factory=dict)
    """Operations, tokens, samples and bytes; None where a count is unknown."""
    outputs_sha256: str | None = None
    """Of the model's outputs: equal if and only if every output is, to the last bit."""
    machine: Facts = field(default_factory=dict)
    """The state of the machine while the round ran."""
    origins: Mapping[str, Facts] = field(default_factory=dict)
    """Where stages may be taken over: in which block of which session each was measured."""
    applied: tuple[Applied, ...] = ()
    doubts: tuple[str, ...] = ()
    """Warnings about this round, those of ``judged`` among them."""
    block: int | None = None
    """The block that it belongs to: each has one round of every cell. None if rounds of a cell
    follow one another."""
    position: int | None = None
    """Its place in the order of all rounds of the session's blocks."""

    @property
    def reused(self) -> tuple[Window, ...]:
        """The windows that were not measured in this round, but in an earlier one."""
        return tuple(window for window in self.windows if window.state == "reused")

    @property
    def own_j(self) -> float | None:
        """Joules of the round without stages that it took over; None if they are unknown."""
        for origin in self.origins.values():
            if origin.get("reused"):
                joules: float | None = origin.get("measured_j")
                return joules
        return self.whole.energy.total_j

    @property
    def own_seconds(self) -> float:
        """Seconds of the round without stages that it took over."""
        for origin in self.origins.values():
            if origin.get("reused"):
                seconds: float = origin.get("measured_seconds", self.whole.seconds)
                return seconds
        return self.whole.seconds

    def measured_in(self, stage: str) -> object:
        """Return the block that ``stage`` was measured in; None if the round does not say."""
        origin = self.origins.get(stage, {})
        return origin.get("measured_in")

    def is_of_another_block(self, stage: str) -> bool:
        """Whether ``stage`` was taken over from another block or session."""
        origin = self.origins.get(stage, {})
        return bool(origin.get("elsewhere"))

    def stage_windows(self, stage: str) -> tuple[Window, ...]:
        """Return the windows whose joules count for ``stage``: its repeats if there are any."""
        repeated = tuple(w for w in self.repeats if w.stage == stage)
        return repeated or tuple(w for w in self.windows if w.stage == stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """All that is known about a cell after it ran."""

    id: str
    task: str
    variant: str
    model: str
    data: Facts
    checkpoint: Facts = field(default_factory=dict)
    """Which weights were started from: source, revision, SHA-256."""
    definition: TaskDefinition = TaskDefinition()
    """What its task is."""
    seeds: tuple[int, ...]
    status: Status
    rounds: tuple[Round, ...]
    quality: Mapping[str, Metric] = field(default_factory=dict)
    energy: Mapping[str, Quantity] = field(default_factory=dict)
    """Mean joules of a round: ``gpu_j``, ``cpu_j``, ``dram_j`` and ``total_j``, with ``..._net_j``
    for those net of idle."""
    stages: Mapping[str, Mapping[str, Quantity]] = field(default_factory=dict)
    """The same of each stage, by its repeats if there are any."""
    phases: Mapping[str, Mapping[str, Quantity]] = field(default_factory=dict)
    """The same of ``prefill`` and ``decode``, of which the inference of a model that writes
    consists."""
    efficiency: Mapping[str, Quantity] = field(default_factory=dict)
    """Joules by work done: ``j_per_sample``, ``j_per_correct``, ``j_per_1k_tokens_...``."""
    effect: str = ""
    """``NO-EFFECT`` if no knob that the variant sets did anything."""
    degenerate: tuple[str, ...] = ()
    """Why the model predicts nothing (``DEGENERATE``): a saving of such a cell is worthless."""
    without_effect: tuple[str, ...] = ()
    """Knobs that read back as the baseline's value, or not at all."""
    yardstick: Facts = field(default_factory=dict)
    """The reference kernels before and after the cell: operations, and bytes, per second."""
    doubts: tuple[str, ...] = ()
    error: str | None = None
