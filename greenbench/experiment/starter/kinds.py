"""What a first suite of each kind measures: its task, and two variants that mostly save."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from greenbench.gates.default_limits import limit
from greenbench.gates.expression import SAVED

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION: Final = "function"
"""The kind whose code is the user's own, and needs no torch."""
ALIASES: Final[Mapping[str, str]] = MappingProxyType({"seq2seq": "causal-lm"})
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


LEAN_DATA: Final = StarterVariant(
    name="V1_lean_data",
    title="Lean data stage",
    stage="data",
    cell="**Rust tokenizer, batches by length**",
    config="data:\n  tokenizer: rust\n  batching: bucketed\n",
    text="""The tokenizer of V0 is written in Python; this one, in Rust, gives the same ids.
Examples of similar length come into one batch (`batching: bucketed`), so that less padding is
computed. Predictions stay as they are: what is saved costs no quality.""",
)
FROZEN: Final = StarterVariant(
    name="V2_frozen",
    title="Half of the layers frozen",
    stage="training",
    cell="**half of the layers frozen**",
    config="training:\n  frozen_layers: 0.5\n",
    text="""The lower half of the pretrained layers is not trained (`frozen_layers: 0.5`): their
backward passes and the state of their optimizer are saved. The score may fall; by how much is what
to look at.""",
)
TORCH_BASELINE: Final = MappingProxyType(
    {
        "data": "Python tokenizer, batches of 32",
        "architecture": "FP32 weights",
        "training": "AdamW, FP32",
        "system": "the machine's own",
        "inference": "all layers",
    }
)


def _torch_kind(
    name: str,
    description: str,
    columns: dict[str, str],
    score: str,
    model: str = "modernbert_tiny",
) -> StarterKind:
    return StarterKind(
        name=name,
        task="tickets",
        description=description,
        columns=columns,
        score=score,
        limit=limit(score, SAVED, higher=True),
        model=model,
        baseline=TORCH_BASELINE,
        variants=(LEAN_DATA, FROZEN),
    )


OWN_FUNCTIONS: Final = StarterKind(
    name=FUNCTION,
    task="points",
    description="own code that tells which group a point belongs to",
    columns={},
    score="accuracy",
    limit=limit("accuracy", SAVED, higher=True),
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
KINDS: Final[Mapping[str, StarterKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            _torch_kind(
                "text-classification",
                "which label a text has",
                {"text": "text", "label": "label"},
                score="accuracy",
            ),
            _torch_kind(
                "regression",
                "which number belongs to a text",
                {"text": "text", "value": "value"},
                score="r2",
            ),
            _torch_kind(
                "causal-lm",
                "what a language model answers to a text",
                {"prompt": "prompt", "answer": "answer"},
                score="bleu",
                model="llama_tiny",
            ),
            _torch_kind(
                "token-classification",
                "which tag each word has",
                {"tokens": "tokens", "tags": "tags"},
                score="f1",
            ),
            OWN_FUNCTIONS,
        )
    }
)
"""By the name of the kind."""
