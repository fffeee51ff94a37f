"""What a first suite of each kind measures: its task, and two variants that mostly save."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION: Final = "function"
"""The kind whose code is the user's own, and needs no torch."""
ALIASES: Final[Mapping[str, str]] = MappingProxyType({})
"""Other names of kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterVariant:
    """A variant of a first suite."""

    name: str
    title: str
    stage: str
    """The stage that it changes."""
    cell: str
    """What its row says there."""
    config: str
    """Text of its ``config.yaml``."""
    text: str
    """What its README says: what is changed, and what to expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterKind:
    """A kind of task, as a first suite has it."""

    name: str
    task: str
    """How a task on made-up data is called."""
    description: str
    """Half a sentence: what a task of this kind does."""
    columns: Mapping[str, str]
    """Roles to columns of the made-up data."""
    score: str
    """The score that a gate holds against the base."""
    limit: str
    """What that score must hold: an operator, and the bound by the base's."""
    model: str
    """The shipped model; empty if the task brings its own."""
    baseline: Mapping[str, str]
    """What V0's row says of each stage."""
    variants: tuple[StarterVariant, ...]


OWN_FUNCTIONS: Final = StarterKind(
    name=FUNCTION,
    task="points",
    description="own code that tells which group a point belongs to",
    columns={},
    score="accuracy",
    limit=">= saved-0.02",
    model="",
    baseline={
        "data": "made-up points",
        "architecture": "softmax regression",
        "training": "40 epochs, batches of 25",
        "system": "the machine's own",
        "inference": "all test rows at once",
    },
    variants=(
        StarterVariant(
            name="V1_fewer_epochs",
            title="Fewer epochs",
            stage="training",
            cell="**10 epochs**",
            config="training:\n  epochs: 10\n",
            text="""A quarter of the passes over the training rows. The joules of training should
fall by as much; what the score loses is the price.""",
        ),
        StarterVariant(
            name="V2_larger_batches",
            title="Larger batches",
            stage="training",
            cell="**batches of 100**",
            config="training:\n  batch: 100\n",
            text="""A quarter of the steps, each over four times as many rows. The arithmetic is the
same and its overhead is not, so this should save; fewer steps may leave the score lower.""",
        ),
    ),
)
KINDS: Final[Mapping[str, StarterKind]] = MappingProxyType({FUNCTION: OWN_FUNCTIONS})
"""By the name of the kind."""
