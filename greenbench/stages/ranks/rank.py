"""The place of a process among those that train together, and how Accelerate learns of it.

Data-parallel training (Li et al., PyTorch Distributed, VLDB 2020): every rank has the whole model,
takes its part of every micro-batch, and steps with the gradient that all of them average.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
LIMIT_S = 600.0
"""How long a rank waits for the others, at most: they share one machine and equal parts."""
GROUP_VARIABLES = {
    "GLOO_SOCKET_IFNAME": "lo",  # the host's own name may lead nowhere
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "2",  # raise what failed, instead of ending the process
}
LAUNCHED = (
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "OMP_NUM_THREADS",
    "RANK",
    "WORLD_SIZE",
)
"""Variables that Accelerate reads of a launcher, or sets."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One process of those that train a cell together; alone if there is one device."""

    number: int
    devices: tuple[str, ...]
    """The torch device of each rank."""

    @property
    def count(self) -> int:
        """Ranks in all."""
        return len(self.devices)

    @property
    def device(self) -> torch.device:
        """Where this rank computes."""
        return torch.device(self.devices[self.number])

    def total(self, number: torch.Tensor) -> torch.Tensor:
        """Return the sum of what all ranks give; each has to call it as often as the others."""
        if self.count > 1:
            torch.distributed.all_reduce(number)
        return number

    def join(self, store: Any, limit_s: float = LIMIT_S) -> None:
        """Form the group with the other ranks; returns when all are there."""
        backend = "gloo" if self.device.type == "cpu" else "nccl"
        with _variables(GROUP_VARIABLES):
            torch.distributed.init_process_group(
                backend,
                store=store,
                rank=self.number,
                world_size=self.count,
                timeout=timedelta(seconds=limit_s),
            )

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Let Accelerate find in the environment, as from a launcher, which rank this is.

        It takes ``LOCAL_RANK`` for the number of the GPU.
        """
        if self.count == 1:
            yield
            return
        place = self.number if self.device.index is None else self.device.index
        names = {
            "LOCAL_RANK": place,
            "LOCAL_WORLD_SIZE": self.count,
            "OMP_NUM_THREADS": torch.get_num_threads(),  # else Accelerate chooses a number
            "RANK": self.number,
            "WORLD_SIZE": self.count,
        }
        with _variables({name: str(value) for name, value in names.items()}):
            yield

    @contextlib.contextmanager
    def threads(self, number: int | None) -> Iterator[None]:
        """Let torch use so many threads in the context; None changes nothing."""
        before = torch.get_num_threads()
        if number is not None:
            torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @property
    def own_threads(self) -> int | None:
        """This rank's part of the threads that torch uses; None if the ranks are on GPUs."""
        if self.count == 1 or self.device.type != "cpu":
            return None
        return max(1, torch.get_num_threads() // self.count)


ALONE = Rank(0, ("cpu",))


@contextlib.contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment in a context, and undo what is done to them within."""
    touched = (*LAUNCHED, *values)
    before = {name: os.environ.get(name) for name in touched}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
