"""Gates: what has to hold for the cells, written in one line, ``digits.accuracy >= V0-0.02``.

    [TASK.][STAGE.]METRIC OP VALUE
    VALUE is [-]NUMBER[%], [NUMBER*]REF, REF+NUMBER or REF-NUMBER; REF is a variant of the session,
    or ``saved``, the compared run.

A gate is data; ``greenbench.gates.judging`` decides whether it holds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from greenbench.errors import UsageError
from greenbench.gates.default_limits import limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["energy", "time", "memory", "work", "quality"]
Form = Literal["number", "ratio", "difference"]

SAVED = "saved"
STAGES = ("data", "architecture", "training", "inference")
OPERATORS = ("<=", ">=", "<", ">")
ALLOWED = (
    "host",
    "device",
    "driver",
    "power_limit",
    "profile",
    "data",
    "model",
    "scope",
    "tools",
    "variables",
    "same",
    "new",
)
"""Differences that keep two cells from being compared; ``new`` is a cell the compared run lacks.

``tools`` are the compilers and interpreters that ran a model's programs, ``variables`` those of the
environment by which libraries compute in another way.
"""
RUN_METRICS = ("pass_at_1", "compile_rate", "j_per_correct")
"""Metrics that come of running translations, and so depend on compilers and interpreters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMetric:
    """What can be gated: its kind of statistics, and its unit."""

    kind: Kind
    unit: str = ""
    staged: bool = False
    """Whether it is known of each stage too."""


_JOULES = GateMetric(kind="energy", unit="J", staged=True)
_JOULES_PER_OUTPUT = GateMetric(kind="energy", unit="J")
SCORE = GateMetric(kind="quality")
"""What every name is that is not measured: a score, which the tasks that have it define."""

METRICS: dict[str, GateMetric] = {
    "energy": _JOULES,
    "energy_net": _JOULES,
    "energy_gpu": _JOULES,
    "energy_cpu": _JOULES,
    "energy_dram": _JOULES,
    "energy_node": _JOULES,
    "j_per_sample": _JOULES_PER_OUTPUT,
    "j_per_correct": _JOULES_PER_OUTPUT,
    "time": GateMetric(kind="time", unit="s", staged=True),
    "flops": GateMetric(kind="work", unit="FLOP", staged=True),
    "peak_memory": GateMetric(kind="memory", unit="B"),
}
"""What is measured of every cell; any other name is a score. Names are promises: baselines and CI
files depend on them."""


def metric(name: str) -> GateMetric:
    """Return what is known of a metric: one that is measured, else a score."""
    return METRICS.get(name, SCORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition. ``number`` is the threshold, the factor or the offset, by ``form``."""

    text: str
    metric: str
    operator: str
    form: Form
    number: float
    task: str | None = None
    stage: str | None = None
    reference: str | None = None
    """``saved``, or a variant's name; None if the threshold is a number."""
    tasks: tuple[str, ...] | None = None
    """The tasks that have its score; None if all have it, or if it is not known which."""

    @property
    def upper(self) -> bool:
        """Whether the threshold is an upper bound."""
        return self.operator.startswith("<")

    @property
    def quantity(self) -> str:
        """The metric with its stage: ``training.energy``."""
        return f"{self.stage}.{self.metric}" if self.stage else self.metric

    @property
    def about(self) -> GateMetric:
        """What is known of its metric."""
        return metric(self.metric)

    def applies(self, task: str) -> bool:
        """Whether it is about cells of ``task``."""
        return self.task in {None, task} and (self.tasks is None or task in self.tasks)


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*(?:-[A-Za-z_][\w=]*)*)|(?P<operator><=|>=|<|>)|(?P<sign>[.*+-]))"
)


class GateReader:
    """Reads the tokens of a gate one after the other; an error points at a character."""

    def __init__(self, text: str, scores: Scores | None = None) -> None:
        """Start before the first token of ``text``; ``scores`` are those that errors name."""
        self.text = text
        self.place = 0
        self._scores = scores or {}

    @property
    def next_place(self) -> int:
        """The place of the next character that is no space."""
        rest = self.text[self.place :]
        return self.place + len(rest) - len(rest.lstrip())

    def take(self, *kinds: str, expected: str) -> str:
        """Return the next token if it is of one of ``kinds``; else raise UsageError."""
        token = _TOKEN.match(self.text, self.place)
        if token is None or token.lastgroup not in kinds:
            raise self.error(self.next_place, f"write {expected}")
        self.place = token.end()
        return token[0].strip()

    def number(self, word: str) -> float:
        """Return the value of ``word``, the last token; raises UsageError if it is infinite."""
        value = float(word.rstrip("%"))
        if math.isinf(value):
            raise self.error(self.place - len(word), f"{word} is larger than any number")
        return value / 100 if word.endswith("%") else value

    def sees(self, signs: str) -> bool:
        """Whether one of ``signs`` comes next."""
        token = _TOKEN.match(self.text, self.place)
        return token is not None and token.lastgroup == "sign" and token[0].strip() in signs

    def end(self) -> None:
        """Raise UsageError if anything is left."""
        if self.text[self.place :].strip():
            raise self.error(self.next_place, "nothing more belongs there")

    def error(self, place: int, problem: str) -> UsageError:
        """Return the error, with a caret below the character at ``place``."""
        metrics = ", ".join((*METRICS, *_names(self._scores)))
        return UsageError(
            f"--green-gate: {problem}, at character {place + 1}:\n"
            f"    {self.text}\n"
            f"    {' ' * place}^\n"
            "    a gate is [TASK.][STAGE.]METRIC OP VALUE, e.g. energy <= 0.60*V0, "
            f"{self._example()}training.time <= 1.1*saved; metrics: {metrics}"
        )

    def _example(self) -> str:
        """Return a gate on the first score of the first task, with a comma; nothing if none is."""
        for task, scores in self._scores.items():
            for name, higher in scores.items():
                return f"{task}.{name} {limit(name, 'V0', higher=higher)}, "
        return ""


Scores: TypeAlias = "Mapping[str, Mapping[str, bool]]"
"""The scores that each task has, and whether more of each is better."""


def parse(text: str, tasks: Sequence[str] = (), scores: Scores | None = None) -> Gate:
    """Return the gate that ``text`` expresses, about one of ``tasks`` if any are given.

    Without ``scores`` any name that is not measured is taken for a score. Raises UsageError, which
    points at the first wrong character.
    """
    reader = GateReader(text, scores)
    task, stage, metric_name = _parse_subject(reader, tasks, scores)
    operator = reader.take("operator", expected=f"one of {' '.join(OPERATORS)}")
    form, number, reference = _parse_value(reader)
    reader.end()
    words = text.split()
    owners = _owners(metric_name, scores)
    return Gate(
        text=" ".join(words),
        task=task,
        stage=stage,
        metric=metric_name,
        operator=operator,
        form=form,
        number=number,
        reference=reference,
        tasks=owners,
    )


def _names(scores: Scores | None) -> list[str]:
    """Return every score once."""
    names: dict[str, None] = {}
    for of_task in (scores or {}).values():
        names.update(dict.fromkeys(of_task))
    return list(names)


def _owners(name: str, scores: Scores | None) -> tuple[str, ...] | None:
    """Return the tasks that have a metric; None if all have it, or if that is not known."""
    if name in METRICS or scores is None:
        return None
    return tuple(task for task, of_task in scores.items() if name in of_task)


def _parse_subject(
    reader: GateReader, tasks: Sequence[str], scores: Scores | None
) -> tuple[str | None, str | None, str]:
    """Return task, stage and metric."""
    words, places = _parse_dotted_names(reader)
    *front, name = words
    owners = _owners(name, scores)
    stage = front.pop() if front and front[-1] in STAGES else None
    task = front.pop() if front else None
    is_known_task = task is None or task in (scores or {})
    if owners == () and is_known_task:
        raise reader.error(places[-1], f"there is no metric {name!r}")
    if stage and not metric(name).staged:
        raise reader.error(places[-2], f"{name} is not known by stage")
    if front or (task and tasks and task not in tasks):
        known = f"a task ({', '.join(tasks)}) nor a stage ({', '.join(STAGES)})"
        raise reader.error(places[0], f"{words[0]!r} is neither {known}")
    if task and owners and task not in owners:
        raise reader.error(places[-1], f"{name} is a metric of {' and '.join(owners)}")
    return task, stage, name


def _parse_dotted_names(reader: GateReader) -> tuple[list[str], list[int]]:
    """Return names with dots between, and their places."""
    places = [reader.next_place]
    names = [reader.take("name", expected="a metric")]
    while reader.sees("."):
        reader.take("sign", expected="a dot")
        places.append(reader.next_place)
        names.append(reader.take("name", expected="a metric"))
    return names, places


def _parse_value(reader: GateReader) -> tuple[Form, float, str | None]:
    """Return form, number and reference."""
    if reader.sees("+-"):
        sign = reader.take("sign", expected="+ or -")
        return "number", _signed(sign, reader), None
    word = reader.take("number", "name", expected="a number, a variant or 'saved'")
    if word[0].isdigit() or word[0] == ".":
        return _parse_factor(reader, word)
    if not reader.sees("+-"):
        return "ratio", 1.0, word
    sign = reader.take("sign", expected="+ or -")
    place = reader.next_place
    offset = _signed(sign, reader)
    if reader.text[: reader.place].endswith("%"):
        remedy = f"write a factor, {word}*..., as e.g. 1.05*{word}, or a plain difference"
        raise reader.error(place, f"a percentage of what? {remedy}")
    return "difference", offset, word


def _signed(sign: str, reader: GateReader) -> float:
    """Return the number that comes next, with the ``sign`` before it."""
    number = reader.number(reader.take("number", expected="a number"))
    return -number if sign == "-" else number


def _parse_factor(reader: GateReader, word: str) -> tuple[Form, float, str | None]:
    """Read what follows the number ``word``: nothing, or ``*`` and a reference."""
    number = reader.number(word)
    if not reader.sees("*"):
        return "number", number, None
    if number <= 0:
        raise reader.error(reader.place - len(word), "a factor has to be above zero")
    reader.take("sign", expected="*")
    return "ratio", number, reader.take("name", expected="a variant or 'saved'")
