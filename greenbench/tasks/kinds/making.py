"""Makes the definition of a task from what its file says."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.data.models import checkpoints, packaged
from greenbench.data.models.heads import CAUSAL_LM, Head, HeadKind
from greenbench.data.places import local_path
from greenbench.tasks.kinds import classification, regression, switches, tagging, writing
from greenbench.tasks.task import Task, TaskOf
from greenbench.types import TaskSize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.kinds.description import TaskDescription
    from greenbench.types import Judged

Splits = Any
"""Train, valid and test of a kind: its own functions make them and read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOfTask:
    """What all tasks of a kind have in common."""

    head: Head
    scores: Mapping[str, bool]
    primary: tuple[str, ...]
    """The first one that has a value counts, if a file does not say."""
    does: str
    """What such a task does, in half a sentence."""
    load: Callable[..., Splits]
    judge: Callable[..., Judged]
    baselines: Callable[[Splits], DummyBaselines]
    takes: tuple[str, ...] = ("columns", "split")
    longest_answer: int = 0
    """Tokens that its model may write, if a file does not say."""
    learning_rate: float = 5e-5
    """For a model of usual size."""


AS_MANY_AS_THE_DATA_HAVE = 0
KINDS: Mapping[HeadKind, KindOfTask] = {
    "text-classification": KindOfTask(
        head=Head("text-classification", labels=AS_MANY_AS_THE_DATA_HAVE),
        scores=classification.SCORES,
        primary=(classification.PRIMARY,),
        does="gives each text one of several labels",
        load=classification.load,
        judge=classification.judge,
        baselines=classification.baselines,
        takes=("columns", "split", "balance"),
    ),
    "regression": KindOfTask(
        head=Head("regression"),
        scores=regression.SCORES,
        primary=(regression.PRIMARY,),
        does="estimates a number for each text",
        load=regression.load,
        judge=regression.judge,
        baselines=regression.baselines,
    ),
    "token-classification": KindOfTask(
        head=Head("token-classification", labels=AS_MANY_AS_THE_DATA_HAVE),
        scores=tagging.SCORES,
        primary=tagging.PRIMARY,
        does="gives each word a tag",
        load=tagging.load,
        judge=tagging.judge,
        baselines=tagging.baselines,
    ),
    "causal-lm": KindOfTask(
        head=CAUSAL_LM,
        scores=writing.SCORES,
        primary=(writing.PRIMARY,),
        does="answers each prompt with a text",
        load=writing.load,
        judge=writing.judge,
        baselines=writing.baselines,
        longest_answer=64,
        learning_rate=2e-5,
    ),
}
ROWS: Mapping[str, tuple[int | None, int | None, int | None]] = {
    "tiny": (960, 128, 480),
    "small": (4800, 600, 600),
    "full": (None, None, None),
}
"""Most rows of train, valid and test that a profile takes, if a file does not say."""
EPOCHS = {"tiny": 4, "small": 2, "full": 3}
TOKENS = {"tiny": 128, "small": 192, "full": 512}
SHIPPED_RATE = 3e-3
"""Learning rate of the small models that come with greenbench."""
SPLITS = ("train", "valid", "test")


def make(described: TaskDescription) -> Task:
    """Return the definition; raises UsageError for a score that the kind does not give."""
    kind = KINDS[described.kind]  # type: ignore[index]  # the reader has checked it
    primary = (described.score,) if described.score else kind.primary
    if primary[0] not in kind.scores:
        raise described.error(
            f"score is {described.score!r}, which {described.kind} does not give; it gives "
            f"{', '.join(kind.scores)}"
        )
    load = functools.partial(kind.load, described)
    judge = functools.partial(_judge, kind.judge, primary[0])
    lacks = functools.partial(switches.lacking, described.kind, described.name)
    sizes = {}
    for profile in ROWS:
        sizes[profile] = _size(described, kind, profile)
    learning_rate_for = functools.partial(_learning_rate, described, kind)
    does = described.description or kind.does
    task: Task = TaskOf(
        name=described.name,
        kind=described.kind,
        origin=described.where,
        description=does,
        scores=kind.scores,
        primary=primary,
        sizes=sizes,
        head=kind.head,
        load=load,
        judge=judge,
        baselines=kind.baselines,
        takes=kind.takes,
        rule=described.data.split,
        root=described.root,
        lacks=lacks,
        learning_rate_for=learning_rate_for,
    )
    return task


def _judge(
    judge: Callable[..., Judged],
    primary: str,
    splits: Splits,
    outputs: Sequence[object],
    _deciding: Sequence[object],
    baselines: DummyBaselines,
) -> Judged:
    return judge(splits, outputs, baselines, primary)


def _size(described: TaskDescription, kind: KindOfTask, profile: str) -> TaskSize:
    stated: dict[str, Any] = dict(described.profiles.get(profile, {}))
    model = str(stated.pop("model", described.model))
    limits = []
    for split, most in zip(SPLITS, ROWS[profile], strict=True):
        limits.append(stated.pop(split, most))
    train, valid, test = limits
    sizes = (train, valid, test)
    source = described.local
    stated["learning_rate"] = _learning_rate(described, kind, profile, model)
    stated.setdefault("epochs", EPOCHS[profile])
    stated.setdefault("max_tokens", TOKENS[profile])
    if stated.setdefault("max_new_tokens", kind.longest_answer) and not kind.longest_answer:
        where = f"profiles.{profile}.max_new_tokens"
        raise described.error(f"{where}: {described.kind} writes no text; leave it out")
    name, revision = _found(model, described)
    return TaskSize(
        model=name,
        model_revision=revision,
        data=source or described.data.source,
        sizes=sizes,
        local_sizes=sizes,
        one_probability=False,
        **stated,
    )


def _learning_rate(described: TaskDescription, kind: KindOfTask, profile: str, model: str) -> float:
    """Return what the file says of a profile, else what suits the model."""
    usual = SHIPPED_RATE if model in checkpoints.shipped() else kind.learning_rate
    stated = described.profiles.get(profile, {})
    return float(stated.get("learning_rate", usual))


def _found(model: str, described: TaskDescription) -> tuple[str, str | None]:
    """Return a model's name or path, and its revision on the hub."""
    if model in checkpoints.shipped() or model in packaged.PACKAGED:
        return model, None
    beside = described.root / local_path(model)
    if beside.is_dir():
        return str(beside), None
    name, _, revision = model.partition("@")
    return name, revision or checkpoints.REVISIONS.get(name)
