"""What a run would do and cost: models, data, steps, tokens, memory, time and joules.

It is printed before anything is loaded. It reads files at most and uses neither torch nor the
network; what cannot be known without them is said to be unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.report import weights
from greenbench.report.cost import plural, predicted, rounds_of, with_most_rounds
from greenbench.results.forecast import forecast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.protocols import ModelHandle
    from greenbench.results.forecast import Forecast, ForecastKey
    from greenbench.results.reading import RunRecord
    from greenbench.tasks.dataset import TaskDataset
    from greenbench.types import Cell, Facts, TaskSize

FP32 = 4
TRAINED = 4 * FP32
"""Bytes that training holds for each parameter: weight, gradient and AdamW's two moments (FP32)."""
LOGITS = 3 * FP32
"""Bytes for each logit of a language model: the logit, its log-probability and its gradient."""


class SplitSizes(NamedTuple):
    """Numbers of examples; None before the data are here."""

    train: int | None = None
    valid: int | None = None
    test: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """What is known of one task before it runs."""

    task: str
    size: TaskSize
    data: TaskDataset
    model: ModelHandle
    cells: tuple[Cell, ...]

    @property
    def facts(self) -> Facts:
        """The facts of data that are on this machine; empty for generated data and a hub's."""
        return {} if isinstance(self.data.source, str) else self.data.facts

    @property
    def splits(self) -> SplitSizes:
        """The numbers of examples in each split."""
        if self.data.source == "generated":
            return SplitSizes(*(self.data.sizes or self.data.task.generated_sizes))
        sizes = self.facts.get("split_sizes", {})
        return SplitSizes(sizes.get("train"), sizes.get("valid"), sizes.get("test"))

    @property
    def parameters(self) -> int | None:
        """The model's parameters, by the header of its weights, else by the profile.

        None if the weights cannot be read; the run says why when it checks them.
        """
        folder = local_folder(self.model)
        if folder is None:
            return self.size.parameters
        return weights.parameters(folder)

    @property
    def vocabulary(self) -> int | None:
        """The tokens that the model knows, by its configuration, else by the profile."""
        folder = local_folder(self.model)
        if folder is None:
            return self.size.vocabulary
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
            size = config["vocab_size"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return size if isinstance(size, int) else None


def lines(
    plans: Sequence[TaskPlan], runs: Sequence[RunRecord], keys: Mapping[str, ForecastKey]
) -> list[str]:
    """Return the plan, line by line. ``runs`` are earlier results, ``keys`` what must match."""
    texts = []
    cells: list[Cell] = []
    for plan in plans:
        texts += _task_lines(plan)
        for cell in plan.cells:
            texts.append(f"    {_cell_line(cell, plan, forecast([cell], runs, keys))}")
        cells += plan.cells
    return [*texts, _total_line(cells, runs, keys)]


def local_folder(model: ModelHandle) -> Path | None:
    """Return the folder of a checkpoint that is on this machine; None if none is."""
    return model.local_folder if isinstance(model, Checkpoint) else None


def _function_lines(plan: TaskPlan) -> list[str]:
    """Return the plan of a task of the suite's own functions: what they are asked for."""
    wanted = [("all" if count is None else str(count)) for count in plan.data.sizes or (None,) * 3]
    texts = [f"load is asked for {' / '.join(wanted)} rows of train / valid / test"]
    return [f"{plan.task}: functions of {plan.model.source}", *(f"    {text}" for text in texts)]


def _task_lines(plan: TaskPlan) -> list[str]:
    model = plan.model
    if not isinstance(model, Checkpoint):
        return _function_lines(plan)
    parameters = plan.parameters
    count = "unknown" if parameters is None else f"{parameters:,}"
    epochs = plural(plan.size.epochs, "epoch")
    texts = [f"data {_data(plan)}", *_split(plan)]
    texts.append(f"{epochs}, learning rate {plan.size.learning_rate:g}, {_tokens(plan)}")
    texts.append(_memory(plan, parameters))
    title = f"{plan.task}: model {model.model} = {_model(model)}, {count} parameters"
    return [title, *(f"    {text}" for text in texts)]


def _cell_line(cell: Cell, plan: TaskPlan, prediction: Forecast | None) -> str:
    """Return rounds, optimizer steps and the earlier cost of a cell."""
    train = plan.splits.train
    batch = cell.options.data.batch_size
    if train is not None and train < batch and plan.data.task.torch:
        return f"{cell.id}: cannot run: {train} training examples do not fill one batch of {batch}"
    cost = "no earlier result"
    if prediction is not None:
        cost = f"by earlier results {predicted(prediction)}"
    steps = f" of {_steps(cell, plan)} steps" if plan.data.task.torch else ""
    return f"{cell.id}: {rounds_of([cell])}{steps}; {cost}"


def _steps(cell: Cell, plan: TaskPlan) -> str:
    """Return the optimizer steps of a round: whole batches of an epoch, times epochs."""
    if not cell.options.training.finetune:
        return "0"
    train = plan.splits.train
    if train is None:
        return "unknown"
    return str(train // cell.options.data.batch_size * plan.size.epochs)


def _total_line(
    cells: Sequence[Cell], runs: Sequence[RunRecord], keys: Mapping[str, ForecastKey]
) -> str:
    prediction = forecast(cells, runs, keys)
    count = "1 cell" if len(cells) == 1 else f"all {len(cells)} cells"
    if prediction is None:
        return f"{count}: time and joules unknown, no earlier result of this host, profile and data"
    missing = prediction.asked - prediction.known
    rest = f"; {missing} of them never ran here" if missing else ""
    cost = predicted(prediction)
    at_most = forecast(with_most_rounds(cells), runs, keys)
    if at_most is not None and at_most.seconds > prediction.seconds:
        cost += f", at most {predicted(at_most)}"
    return f"{count}: by earlier results {cost}, set-up and scoring not included{rest}"


# --- model and data -------------------------------------------------------------------------------


def _model(model: Checkpoint) -> str:
    return f"{model.source} at revision {model.revision}" if model.revision else model.source


def _data(plan: TaskPlan) -> str:
    splits = plan.splits
    source, _, revision = str(plan.data.source).partition("@")
    if not isinstance(plan.data.source, str):
        source, revision = str(plan.data.source), ""
    text = f"{source} at revision {revision}" if revision else source
    direction = plan.facts.get("direction") or plan.data.direction
    if direction:
        text += f", {direction}"
    if splits.train is None:
        return f"{text}: sizes unknown before it is here"
    return f"{text}: {splits.train} / {splits.valid} / {splits.test} train / valid / test"


def _split(plan: TaskPlan) -> list[str]:
    """Return how local data are split, and the warnings about it."""
    if not plan.facts:
        return []
    return [f"split: {plan.facts['split_rule']}", *plan.data.task.data_doubts(plan.facts)]


def _tokens(plan: TaskPlan) -> str:
    """Return the tokens that a round takes at most."""
    size, splits = plan.size, plan.splits
    longest = size.max_tokens + size.max_new_tokens
    if splits.train is None or splits.test is None:
        return f"at most {longest} tokens an example"
    trained = splits.train * longest * size.epochs
    read = splits.test * size.max_tokens
    text = f"trains on at most {trained:,} tokens, reads at most {read:,}"
    if size.max_new_tokens:
        text += f", writes at most {splits.test * size.max_new_tokens:,}"
    return text


# --- memory ---------------------------------------------------------------------------------------


def _memory(plan: TaskPlan, parameters: int | None) -> str:
    """Return what training holds at least; activations come on top and depend on the kernels."""
    if parameters is None:
        return "memory unknown: the weights are not here"
    text = f"memory: weights, gradients and AdamW {_gib(parameters * TRAINED)}"
    logits = _logits(plan)
    if logits:
        text += f", logits of a micro-batch up to {_gib(logits)}"
    return f"{text}; activations come on top"


def _logits(plan: TaskPlan) -> int:
    """Return the bytes of the logits of the largest micro-batch; 0 for a classifier."""
    vocabulary = plan.vocabulary
    if not plan.size.max_new_tokens or not vocabulary:
        return 0
    largest = 0
    for cell in plan.cells:
        options = cell.options
        micro = options.data.batch_size // options.training.accumulation_steps
        largest = max(largest, micro)
    tokens = plan.size.max_tokens + plan.size.max_new_tokens
    return largest * tokens * vocabulary * LOGITS


def _gib(size: float) -> str:
    return f"{size / 2**30:.2g} GiB"
