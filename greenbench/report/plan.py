"""What a run would do and cost, told before anything is loaded: models, data, steps, tokens, memory, time and joules.

It reads files at most: neither torch nor the network is asked. What cannot be known without them is said to be unknown.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.report import numbers
from greenbench.results.forecast import Forecast, forecast
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.results.forecast import ForecastKey
    from greenbench.results.reading import RunRecord
    from greenbench.tasks.dataset import TaskDataset
    from greenbench.types import Cell, TaskSize

FP32 = 4
TRAINED = 4 * FP32
"""Bytes that training holds for each parameter: weight, gradient and AdamW's two moments, all in FP32."""
LOGITS = 3 * FP32
"""Bytes for each logit of a language model: the logit, its log-probability and its gradient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is known of one task before it runs."""

    task: str
    size: TaskSize
    data: TaskDataset
    model: Checkpoint
    cells: tuple[Cell, ...]


def lines(
    ahead: Sequence[Ahead], runs: Sequence[RunRecord], likes: Mapping[str, ForecastKey]
) -> list[str]:
    """Return the plan, line by line. ``runs`` are earlier results."""
    told = [line for one in ahead for line in _task(one, runs, likes)]
    asked = [cell for one in ahead for cell in one.cells]
    return [*told, *_total(asked, runs, likes)]


def _task(one: Ahead, runs: Sequence[RunRecord], likes: Mapping[str, ForecastKey]) -> list[str]:
    train, _, test = _sides(one)
    parameters = _parameters(one)
    epochs = f"{one.size.epochs} epoch{'s' * (one.size.epochs != 1)}"
    head = [
        f"{one.task}: model {one.model.model} = {_model(one)}, {_count(parameters)} parameters",
        f"    data {_data(one)}",
        f"    {epochs}, learning rate {one.size.learning_rate:g}, {_tokens(one, train, test)}",
        f"    {_memory(one, parameters)}",
    ]
    return [*head, *(f"    {_cell(cell, one, train, runs, likes)}" for cell in one.cells)]


def _cell(
    cell: Cell,
    one: Ahead,
    train: int | None,
    runs: Sequence[RunRecord],
    likes: Mapping[str, ForecastKey],
) -> str:
    """One line for a cell: rounds, optimizer steps, and what it took before."""
    known = forecast([cell], runs, likes)
    steps = (
        "unknown" if train is None else str(train // cell.options.data.batch_size * one.size.epochs)
    )
    steps = steps if cell.options.training.finetune else "0"
    if train is not None and train < cell.options.data.batch_size:
        return f"{cell.id}: cannot run: {train} training examples do not fill one batch of {cell.options.data.batch_size}"
    cost = "no earlier result" if known is None else f"by earlier results {_cost(known)}"
    return f"{cell.id}: {cell.rounds} round{'s' * (cell.rounds != 1)} of {steps} steps; {cost}"


def _cost(known: Forecast) -> str:
    joules = (
        ""
        if known.joules is None
        else f", {numbers.unit(known.joules, 'J')} ({', '.join(known.sources)})"
    )
    return f"{numbers.unit(known.seconds, 's')}{joules}"


def _total(
    asked: Sequence[Cell], runs: Sequence[RunRecord], likes: Mapping[str, ForecastKey]
) -> list[str]:
    known = forecast(asked, runs, likes)
    if known is None:
        return [
            f"all {len(asked)} cells: no earlier result of this host, profile, model and data tells time and joules"
        ]
    missing = known.asked - known.known
    rest = f"; {missing} cells were never run here" if missing else ""
    return [
        f"all {len(asked)} cells: by earlier results {_cost(known)}, set-up and judging not counted{rest}"
    ]


# --- model and data -----------------------------------------------------------------------------------------------------


def _model(one: Ahead) -> str:
    return (
        f"{one.model.source} at revision {one.model.revision}"
        if one.model.revision
        else one.model.source
    )


def _data(one: Ahead) -> str:
    train, valid, test = _sides(one)
    sizes = (
        "sizes unknown until it is there"
        if train is None
        else f"{train} / {valid} / {test} train / valid / test"
    )
    direction = f", {d}" if (d := _facts(one).get("direction") or one.data.direction) else ""
    source, at, revision = (
        one.data.source.partition("@")
        if isinstance(one.data.source, str)
        else (one.data.source, "", "")
    )
    return f"{source}{f' at revision {revision}' if at else ''}{direction}: {sizes}"


def _facts(one: Ahead) -> Mapping[str, Any]:
    """Return the facts of data that lie here; nothing of generated ones, whose sizes are known, or of a hub's."""
    return {} if isinstance(one.data.source, str) else one.data.facts


def _sides(one: Ahead) -> tuple[int | None, int | None, int | None]:
    if one.data.source == "generated":
        train, valid, test = one.data.sizes or TASKS[one.task].generated_sizes
        return train, valid, test
    sizes = _facts(one).get("split_sizes", {})
    return sizes.get("train"), sizes.get("valid"), sizes.get("test")


def _tokens(one: Ahead, train: int | None, test: int | None) -> str:
    """Say how many tokens a round may take at the most."""
    size = one.size
    longest = size.max_tokens + size.max_new_tokens
    if train is None or test is None:
        return f"at most {longest} tokens an example"
    written = f", writes at most {test * size.max_new_tokens:,}" if size.max_new_tokens else ""
    return f"trains on at most {train * longest * size.epochs:,} tokens, reads at most {test * size.max_tokens:,}{written}"


# --- memory -------------------------------------------------------------------------------------------------------------


def _parameters(one: Ahead) -> int | None:
    """Count the parameters from the weights' header where the weights lie here, else take the profile's word.

    A folder that cannot be read is told when the run checks it.
    """
    folder = one.model.local_folder
    if folder is None:
        return one.size.parameters
    try:
        return sum(map(counted, sorted(folder.glob("*.safetensors")))) or None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def counted(file: Path) -> int:
    """Return how many numbers a safetensors file holds, from its header alone; raises ValueError where it is none."""
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8).ljust(8, b"\xff"))
        if length > file.stat().st_size:
            raise ValueError(f"{file}: not a whole safetensors file")
        header: dict[str, Any] = json.loads(opened.read(length))
    return sum(
        math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"
    )


def _memory(one: Ahead, parameters: int | None) -> str:
    """Say what training holds at least; activations come on top and depend on the kernels."""
    if parameters is None:
        return "memory unknown: the weights are not here"
    logits = _logits(one)
    more = f", logits of a micro-batch up to {_gib(logits)}" if logits else ""
    return f"memory: weights, gradients and AdamW {_gib(parameters * TRAINED)}{more}; activations come on top"


def _logits(one: Ahead) -> int:
    """Bytes for the logits of the largest micro-batch of a language model; 0 for a classifier."""
    vocabulary = _vocabulary(one)
    if not one.size.max_new_tokens or not vocabulary:
        return 0
    micro = max(
        (c.options.data.batch_size // c.options.training.accumulation_steps for c in one.cells),
        default=0,
    )
    return micro * (one.size.max_tokens + one.size.max_new_tokens) * vocabulary * LOGITS


def _vocabulary(one: Ahead) -> int | None:
    """Return the tokens that the model knows: by its configuration where that lies here, else by the profile's word."""
    folder = one.model.local_folder
    try:
        read = (
            one.size.vocabulary
            if folder is None
            else json.loads((folder / "config.json").read_text("utf-8"))["vocab_size"]
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return read if isinstance(read, int) else None


def _gib(size: float) -> str:
    return f"{size / 2**30:.2g} GiB"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
