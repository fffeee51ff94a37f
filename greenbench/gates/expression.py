"""Gates: what a person demands of the cells, written in one line, ``T2.mcc >= V0-0.02``.

    [TASK.][STAGE.]METRIC OP VALUE
    VALUE is NUMBER[%], [NUMBER*]REF, REF+NUMBER or REF-NUMBER; REF is a variant of the session, or ``saved``, the compared run.

A gate is data; whether it holds is decided in ``greenbench.gates``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["energy", "time", "memory", "work", "quality"]
Form = Literal["number", "ratio", "difference"]

SAVED = "saved"
STAGES = ("data", "architecture", "training", "inference")
OPERATORS = ("<=", ">=", "<", ">")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What can be gated: which kind of statistics it takes, in which unit it is, and whose it is."""

    kind: Kind
    unit: str = ""
    task: str | None = None
    """The task that alone has it."""
    staged: bool = False
    """Whether it is known of each stage too."""


def _energy() -> Metric:
    return Metric(kind="energy", unit="J", staged=True)


def _quality(task: str) -> Metric:
    return Metric(kind="quality", task=task)


METRICS: dict[str, Metric] = {
    "energy": _energy(),
    "energy_net": _energy(),
    "energy_gpu": _energy(),
    "energy_cpu": _energy(),
    "energy_dram": _energy(),
    "j_per_sample": Metric(kind="energy", unit="J"),
    "j_per_correct": Metric(kind="energy", unit="J"),
    "time": Metric(kind="time", unit="s", staged=True),
    "flops": Metric(kind="work", unit="FLOP", staged=True),
    "peak_memory": Metric(kind="memory", unit="B"),
    **{
        name: _quality("T1")
        for name in ("pass_at_1", "compile_rate", "exact_match", "bleu", "chrf", "codebleu")
    },
    **{
        name: _quality("T2")
        for name in (
            "mcc",
            "macro_f1",
            "f1",
            "precision",
            "recall",
            "roc_auc",
            "pr_auc",
            "accuracy",
            "weighted_f1",
            "brier",
        )
    },
}
"""Names are promises: baselines and CI files depend on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One demand. ``number`` is the threshold, the factor or the offset, by ``form``."""

    text: str
    metric: str
    operator: str
    form: Form
    number: float
    task: str | None = None
    stage: str | None = None
    reference: str | None = None
    """``saved``, or a variant's name; None where the threshold is a number."""

    @property
    def upper(self) -> bool:
        """Whether less is demanded, not more."""
        return self.operator.startswith("<")

    @property
    def about(self) -> Metric:
        """What is known of its metric."""
        return METRICS[self.metric]

    def applies(self, task: str) -> bool:
        """Whether cells of ``task`` have to meet it."""
        return self.task in {None, task} and self.about.task in {None, task}


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*(?:-[A-Za-z_][\w=]*)*)|(?P<operator><=|>=|<|>)|(?P<sign>[.*+-]))"
)


class _Reader:
    """The words of a gate, one after the other; what is not as it should be is pointed at."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def take(self, *kinds: str, wanted: str) -> str:
        """Return the next word if it is of one of ``kinds``, or refuse what stands there."""
        found = _TOKEN.match(self.text, self.place)
        if found is None or found.lastgroup not in kinds:
            raise self.refusal(self._next(), f"write {wanted}")
        self.place = found.end()
        return found[0].strip()

    def sees(self, signs: str) -> bool:
        """Whether one of ``signs`` comes next."""
        found = _TOKEN.match(self.text, self.place)
        return found is not None and found.lastgroup == "sign" and found[0].strip() in signs

    def _next(self) -> int:
        return self.place + len(self.text[self.place :]) - len(self.text[self.place :].lstrip())

    def end(self) -> None:
        """Refuse what is left over."""
        if self.text[self.place :].strip():
            raise self.refusal(self._next(), "nothing more belongs there")

    def refusal(self, place: int, why: str) -> UsageError:
        """Return the error, with a caret below the character at ``place``."""
        return UsageError(
            f"--green-gate: {why}, at character {place + 1}:\n    {self.text}\n    {' ' * place}^\n"
            "a gate is [TASK.][STAGE.]METRIC OP VALUE, e.g. energy <= 0.60*V0, T2.mcc >= V0-0.02, training.time <= 1.1*saved; "
            f"metrics: {', '.join(METRICS)}"
        )


def parse(text: str, tasks: Sequence[str] = ()) -> Gate:
    """Return the gate that ``text`` writes; raises UsageError, which points at the character. ``tasks`` are the known ones."""
    reader = _Reader(text)
    task, stage, metric = _subject(reader, tasks)
    operator = reader.take("operator", wanted=f"one of {' '.join(OPERATORS)}")
    form, number, reference = _value(reader)
    reader.end()
    return Gate(
        text=" ".join(text.split()),
        task=task,
        stage=stage,
        metric=metric,
        operator=operator,
        form=form,
        number=number,
        reference=reference,
    )


def _subject(reader: _Reader, tasks: Sequence[str]) -> tuple[str | None, str | None, str]:
    places, words = [], []
    while True:
        places.append(reader._next())  # noqa: SLF001  the same file's
        words.append(reader.take("name", wanted="a metric"))
        if not reader.sees("."):
            break
        reader.take("sign", wanted="a dot")
    *front, metric = words
    if metric not in METRICS:
        raise reader.refusal(places[-1], f"there is no metric {metric!r}")
    stage = front.pop() if front and front[-1] in STAGES else None
    if stage and not METRICS[metric].staged:
        raise reader.refusal(places[-2], f"{metric} is not known by stage")
    task = front.pop() if front else None
    if front or (task and tasks and task not in tasks):
        raise reader.refusal(
            places[0],
            f"{words[0]!r} is neither a task ({', '.join(tasks)}) nor a stage ({', '.join(STAGES)})",
        )
    if task and METRICS[metric].task not in {None, task}:
        raise reader.refusal(places[-1], f"{metric} is a metric of {METRICS[metric].task}")
    return task, stage, metric


def _value(reader: _Reader) -> tuple[Form, float, str | None]:
    word = reader.take("number", "name", wanted="a number, a variant or 'saved'")
    if word[0].isdigit() or word[0] == ".":
        number = _number(word)
        if not reader.sees("*"):
            return "number", number, None
        if number <= 0:
            raise reader.refusal(reader.place - len(word), "a factor has to be above zero")
        reader.take("sign", wanted="*")
        return "ratio", number, reader.take("name", wanted="a variant or 'saved'")
    if not reader.sees("+-"):
        return "ratio", 1.0, word
    sign = reader.take("sign", wanted="+ or -")
    place = reader._next()  # noqa: SLF001
    offset = reader.take("number", wanted="a number")
    if offset.endswith("%"):
        raise reader.refusal(
            place,
            f"a percentage of what? write a factor, {word}*..., as e.g. 1.05*{word}, or a plain difference",
        )
    return "difference", _number(offset) * (1 if sign == "+" else -1), word


def _number(word: str) -> float:
    return float(word.rstrip("%")) / (100 if word.endswith("%") else 1)


ALLOWED = ("host", "device", "driver", "power_limit", "profile", "data", "model", "scope", "new")
"""Differences that keep two cells from being compared; ``new`` is a cell that the compared run has not."""
