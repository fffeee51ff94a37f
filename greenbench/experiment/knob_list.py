"""Every knob with what it takes and what it does, as ``greenbench.options`` declares it.

The text below a field of ``Options`` is what is said of the knob, so that a new one is listed
without a line here.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench import options
from greenbench.experiment.knobs import value_of
from greenbench.knobs.kinds import knob_type
from greenbench.options import BASELINE, STAGES, KnobValue, Options, baseline_of, knobs, own_knobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.options import OwnKnob


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobDescription:
    """What is known of a knob without running anything."""

    stage: str
    name: str
    values: str
    """What it takes, in words."""
    baseline: KnobValue
    meaning: str
    """What it does; empty if its declaration says nothing."""
    own: bool = False
    """Whether the suite declares it, for its own code."""
    proved: bool = True
    """Whether it is read back after it is set."""

    @property
    def knob(self) -> str:
        """Return its name with the stage's, ``data.batch_size``."""
        return f"{self.stage}.{self.name}"


def described_knobs(suite: Options = BASELINE) -> tuple[KnobDescription, ...]:
    """Return every knob, stage by stage, in the order in which they are declared.

    Those that a suite declares are among them if ``suite`` are options of it.
    """
    baseline = baseline_of(suite)
    meanings = _meanings()
    own = {knob.knob: knob for knob in own_knobs(suite)}
    found = []
    for stage in STAGES:
        owner = type(getattr(baseline, stage)).__name__
        for name in knobs(stage, baseline):
            meaning = meanings.get((owner, name), "")
            found.append(_description(f"{stage}.{name}", baseline, own, meaning))
    return tuple(found)


def _description(
    knob: str, baseline: Options, own: Mapping[str, OwnKnob], meaning: str
) -> KnobDescription:
    stage, _, name = knob.partition(".")
    declared = own.get(knob)
    takes = knob_type(knob, baseline)
    return KnobDescription(
        stage=stage,
        name=name,
        values=str(takes),
        baseline=value_of(baseline, knob),
        meaning=meaning if declared is None else declared.meaning,
        own=declared is not None,
        proved=declared is None or declared.proved,
    )


def _meanings() -> dict[tuple[str, str], str]:
    """Return the text below each field, by class and field, on one line."""
    meanings = {}
    for node in ast.parse(inspect.getsource(options)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        name = ""
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name = statement.target.id
            elif name and isinstance(statement, ast.Expr):
                meanings[node.name, name] = _text(statement.value)
    return meanings


def _text(node: ast.expr) -> str:
    """Return a docstring on one line, without the marks of code."""
    text = node.value if isinstance(node, ast.Constant) else ""
    return " ".join(str(text).replace("``", "").split())
