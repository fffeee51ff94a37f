"""Which knobs a kind of task does not have, and what would work."""

from __future__ import annotations

WRITING = ("inference.cache", "inference.draft")
"""Knobs of a model that writes."""
EXITING = ("inference.exit_confidence", "inference.exit_layers")
"""Knobs of a model that gives a text one of several labels."""


def lacking(kind: str, task: str, knob: str) -> str:
    """Return why tasks of ``kind`` have no ``knob``, and what would work; empty if they have it."""
    about = f"{knob}: {task} ({kind})"
    if knob in WRITING and kind != "causal-lm":
        return f"{about} writes no text; leave it out, or use it for a task of kind causal-lm"
    if knob in EXITING and kind != "text-classification":
        return (
            f"{about} gives no text one of several labels, of which a head could be sure early; "
            "skip_layers leaves layers out for all rows"
        )
    return ""
