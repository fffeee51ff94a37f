"""Every knob with what it takes and what it does, as ``greenbench.options`` declares it.

The text below a field of ``Options`` is what is said of the knob, so that a new one is listed
without a line here.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass

from greenbench import options
from greenbench.experiment.knobs import knob_type, value_of
from greenbench.options import STAGES, KnobValue, Options, knobs


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobDescription:
    """What is known of a knob without running anything."""

    stage: str
    name: str
    values: str
    """What it takes, in words."""
    baseline: KnobValue
    meaning: str
    """What it does; empty if ``Options`` says nothing."""

    @property
    def knob(self) -> str:
        """Return its name with the stage's, ``data.batch_size``."""
        return f"{self.stage}.{self.name}"


def described_knobs() -> tuple[KnobDescription, ...]:
    """Return every knob, stage by stage, in the order in which they are declared."""
    meanings = _meanings()
    found = []
    for stage in STAGES:
        owner = type(getattr(Options(), stage)).__name__
        for name in knobs(stage):
            knob = f"{stage}.{name}"
            found.append(
                KnobDescription(
                    stage=stage,
                    name=name,
                    values=str(knob_type(knob)),
                    baseline=value_of(Options(), knob),
                    meaning=meanings.get((owner, name), ""),
                )
            )
    return tuple(found)


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
