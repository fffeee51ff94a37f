"""What training leaves behind, kept for cells whose training would be the same.

That is the weights and buffers of the model, the states of the random generators that later stages
may draw from, and the log that proofs and counts of work are read from.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import torch

from greenbench.errors import UnavailableError
from greenbench.options import TrainingOptions
from greenbench.stages import adapters, keeping
from greenbench.stages.adapters import AdapterLog
from greenbench.stages.compiled_training import CompileLog
from greenbench.stages.early_stopping import ScoreLog
from greenbench.stages.tally import Tally
from greenbench.stages.training import sample_rows
from greenbench.stages.training_log import TrainingLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from greenbench.stages.cell_stages import CellStages

Tensors = dict[str, torch.Tensor]
WEIGHT, BUFFER, GENERATOR = "weight.", "buffer.", "generator."
TALLIES = (
    "accumulated",
    "batch_sizes",
    "precisions",
    "layers_ran",
    "layers_tracked",
    "layers_recomputed",
)
NORMS = ("norms_before", "norms_after", "frozen_before", "frozen_after")
NUMBERS = ("tokens", "losses")
LOGS = ("scored", "adapters", "compiled")
REMADE = ("rows", "others")
"""Fields of a log that are read from the loaded weights again, or that one device leaves empty."""


@dataclass(slots=True)
class TrainedState:
    """The state right after training; the weights themselves if no later stage changes them."""

    tensors: Tensors
    versions: dict[str, int]
    """How often each tensor was changed in place, as torch counts."""
    peaks: dict[str, int | None]
    """Highest memory so far, in bytes, by the name of its count of work."""


class KeptTraining:
    """Takes snapshots of a cell's trainings, writes them, and loads them again."""

    knobs = tuple(field.name for field in fields(TrainingOptions))
    """Their proofs are read while the model trains."""

    def __init__(self, stages: CellStages) -> None:
        """Serve the cell of ``stages``; raises UnavailableError if several devices train."""
        keeping.require_one_device(stages)
        self._stages = stages
        self._snapshot: TrainedState | None = None

    def circumstances(self) -> dict[str, Any]:
        """Return what decides a training beside the cell's options, as builtins."""
        return keeping.circumstances(self._stages)

    def begin(self) -> None:
        """Drop the snapshot of the round before."""
        self.forget()

    def snapshot(self, net: nn.Module) -> None:
        """Note the state right after training.

        Copied are the generators' states, and weights that healing will train further.
        """
        tensors = dict(_state(net))
        if self._stages.heals:
            tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        versions = {name: tensor._version for name, tensor in tensors.items()}  # noqa: SLF001
        tensors |= _generators(self._stages.device)
        peaks = keeping.memory_peaks(self._stages.device)
        self._snapshot = TrainedState(tensors, versions, peaks)

    def forget(self) -> None:
        """Drop the snapshot, and the weights with it."""
        self._snapshot = None

    def facts(self) -> dict[str, Any]:
        """Return the log and the peaks of the snapshot's training, as builtins."""
        log = self._stages.record.log
        if self._snapshot is None or log is None:
            raise RuntimeError("no training was noted")
        return {"log": _written(log), "peaks": self._snapshot.peaks}

    def write(self, file: Path) -> None:
        """Write the snapshot's tensors.

        Raises UnavailableError if a later stage changed one, or if the file cannot be written.
        """
        if self._snapshot is None:
            raise RuntimeError("no training was noted")
        for name, version in self._snapshot.versions.items():
            if self._snapshot.tensors[name]._version != version:  # noqa: SLF001
                raise UnavailableError(f"a stage after training changed {name}")
        copies = {}
        for name, tensor in self._snapshot.tensors.items():
            copies[name] = tensor.detach().cpu().clone().contiguous()
        keeping.save(copies, file)

    def read(self, contents: bytes) -> Tensors:
        """Return the tensors that were written."""
        from safetensors.torch import load

        tensors: Tensors = load(contents)
        return tensors

    def load(self, inputs: Sequence[Any], read: Tensors, facts: Mapping[str, Any]) -> nn.Module:
        """Return the model, the first of ``inputs``, as training left it.

        The generators go on from where they were after training. Raises UnavailableError if the
        model has other weights.
        """
        net: nn.Module = inputs[0]
        adapters.merge(net)  # untrained ones, of which a kept training has none
        tensors = dict(read)
        with torch.no_grad():
            for name, tensor in _state(net):
                kept = tensors.pop(name, None)
                if kept is None or kept.shape != tensor.shape or kept.dtype != tensor.dtype:
                    raise UnavailableError(f"a kept training lacks {name} as the model has it")
                tensor.copy_(kept)
        _restore_generators(tensors, self._stages.device)
        net.train()  # as training leaves it
        log = _read(facts["log"])
        log.rows = sample_rows(net)
        self._stages.record.log = log
        return net


def _state(net: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Return each weight and buffer once, whoever shares it."""
    state = [(f"{WEIGHT}{name}", weight.detach()) for name, weight in net.named_parameters()]
    return state + [(f"{BUFFER}{name}", buffer) for name, buffer in net.named_buffers()]


def _generators(device: torch.device) -> Tensors:
    """Return the states of all generators that ``isolation.reset`` seeds."""
    import numpy as np

    _, words, _ = random.getstate()
    of_numpy = np.random.get_state(legacy=False)  # noqa: NPY002  the global one
    state = of_numpy["state"]
    states = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(words),
        "numpy": torch.from_numpy(state["key"].astype(np.int64)),
        "numpy_place": torch.tensor([state["pos"], of_numpy["has_gauss"]]),
        "numpy_gauss": torch.tensor([of_numpy["gauss"]], dtype=torch.float64),
    }
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {f"{GENERATOR}{name}": state for name, state in states.items()}


def _restore_generators(tensors: Tensors, device: torch.device) -> None:
    import numpy as np

    states = {name.removeprefix(GENERATOR): tensor for name, tensor in tensors.items()}
    torch.set_rng_state(states["torch"])
    random.setstate((3, tuple(states["python"].tolist()), None))
    place, has_gauss = states["numpy_place"].tolist()
    key = states["numpy"].numpy().astype(np.uint32)
    np.random.set_state(  # noqa: NPY002  the global one
        ("MT19937", key, place, has_gauss, float(states["numpy_gauss"]))
    )
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def _written(log: TrainingLog) -> dict[str, Any]:
    """Return a log as builtins; its tensors are read here."""
    written: dict[str, Any] = {}
    for field in fields(log):
        value = getattr(log, field.name)
        if field.name in TALLIES:
            written[field.name] = [value.unit, list(map(list, value.counts.items()))]
        elif field.name in NORMS:
            written[field.name] = {name: float(norm) for name, norm in value.items()}
        elif field.name in NUMBERS:
            written[field.name] = list(map(float, value))
        elif field.name in LOGS:
            written[field.name] = asdict(value)
        elif field.name not in REMADE:
            written[field.name] = value
    return written


def _read(written: Mapping[str, Any]) -> TrainingLog:
    """Return the log that was written, but for what is remade."""
    values = dict(written)
    for name in TALLIES:
        unit, counts = values[name]
        tally: Tally[Any] = Tally(unit)
        tally.counts.update(dict(map(tuple, counts)))
        values[name] = tally
    values["tokens"] = list(map(int, values["tokens"]))
    values["shapes"] = list(map(tuple, values["shapes"]))
    values["before_step"] = tuple(values["before_step"])
    values["dtypes"] = tuple(values["dtypes"])
    values["adapters"] = AdapterLog(**values["adapters"])
    values["compiled"] = CompileLog(**values["compiled"])
    values["scored"] = ScoreLog(**values["scored"])
    values["scored"].shapes = list(map(tuple, values["scored"].shapes))
    return TrainingLog(**values)
