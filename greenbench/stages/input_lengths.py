"""Where inputs are cut: where profile or knob say, or where a model has no more positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import TaskSize


def room(model: Checkpoint, size: TaskSize) -> int | None:
    """Return the tokens of an input that ``model`` has positions for; None without a limit.

    What it writes, or learns to write, follows the input. Raises UsageError if nothing is left.
    """
    most = model.most_tokens
    if most is None:
        return None
    left = most - size.max_new_tokens
    if left <= 0:
        raise UsageError(
            f"{model.source}: it has positions for {most} tokens, and the profile has it write "
            f"{size.max_new_tokens}; take a model for longer texts, or --green-size "
            "TASK=max_new_tokens:N"
        )
    return left


def usual(model: Checkpoint, size: TaskSize) -> int:
    """Return where inputs are cut without the knob ``data.max_length``."""
    left = room(model, size)
    return size.max_tokens if left is None else min(size.max_tokens, left)


def asked(model: Checkpoint, size: TaskSize, length: int | None) -> int:
    """Return where inputs are cut with the knob, None for its default.

    Raises UsageError if the model has fewer positions.
    """
    left = room(model, size)
    if length is None:
        return usual(model, size)
    if left is not None and length > left:
        raise UsageError(
            f"data.max_length: {length} was requested, and {model.source} has positions for {left} "
            f"tokens of an input; set at most {left}"
        )
    return length


def doubts(cut_at: int, size: TaskSize) -> tuple[str, ...]:
    """Warn if a model has fewer positions than the profile's inputs have tokens."""
    if cut_at >= size.max_tokens:
        return ()
    positions = f"the model has positions for {cut_at} tokens of an input"
    return (f"{positions}, and the profile cuts at {size.max_tokens}: what lies between is lost",)
