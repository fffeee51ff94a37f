"""The process of a rank that is not the first: started before anything is measured.

    python -m greenbench.stages.ranks.child FD PARENT

FD is its end of a socket, over which orders and answers are pickled; PARENT is the pid of the
process that started it. It ends when that one does, however it does.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import re
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, cast

from greenbench.machine.memory import peak_memory_bytes, reset_peak_memory
from greenbench.stages.ranks.messages import DONE, FAILED, LOST, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.options import ArchitectureOptions
    from greenbench.stages.ranks.rank import Rank
    from greenbench.stages.ranks.report import RankReport, TrainingJob
    from greenbench.stages.training_log import TrainingLog

SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of linux/prctl.h."""
OF_OTHERS = re.compile(
    r"connection (closed|reset)|timed out|broken pipe|gloo|nccl|process group", re.IGNORECASE
)
"""What an error says that another rank has caused."""


class OtherRank:
    """What this process holds between two orders. Its public methods are the orders."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._rank: Rank | None = None
        self._net: nn.Module | None = None
        self._peak_is_ours = False

    def join(self, rank: Rank, port: int, limit_s: float) -> None:
        """Form the group with the others, who meet at a store of the first rank."""
        from datetime import timedelta

        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        from greenbench.stages.ranks.rank import HOST

        store = TCPStore(HOST, port, is_master=False, timeout=timedelta(seconds=limit_s))
        rank.join(store, limit_s)
        self._rank = rank

    def reset(self, seed: int) -> None:
        """Be as new; random numbers differ from rank to rank, as those of dropout have to."""
        from greenbench.stages import isolation

        self._net = None
        isolation.reset(seed + self.rank.number, self.rank.device)
        self._peak_is_ours = reset_peak_memory()

    def load(self, model: Checkpoint) -> None:
        """Load the model; training takes over the first rank's weights."""
        self._net = model.load().to(self.rank.device)

    def leave_out(self, gone: tuple[int, ...]) -> None:
        """Take layers out of the loaded model, as the first rank does."""
        from greenbench.stages import layers

        layers.leave_out(self._net, gone)

    def attend(self, name: str) -> None:
        """Set the loaded model's attention."""
        cast("PreTrainedModel", self._net).set_attn_implementation(name)

    def adapt(self, options: ArchitectureOptions) -> None:
        """Add adapters to the loaded model; training takes over the first rank's numbers."""
        from greenbench.stages import adapters

        adapters.inject(self._net, options, self.rank.device)

    def train(self, job: TrainingJob) -> RankReport:
        """Train its part, and say what that was."""
        from greenbench.stages import training

        net, self._net = self._net, None
        if net is None:
            raise RuntimeError("no model was loaded")
        before = time.process_time()
        log = training.train(net, job, self.rank)
        report = self._report(log, time.process_time() - before)
        del net
        gc.collect()
        return report

    @property
    def rank(self) -> Rank:
        """Which rank this is."""
        if self._rank is None:
            raise RuntimeError("the rank has not joined the others")
        return self._rank

    def _report(self, log: TrainingLog, cpu_seconds: float) -> RankReport:
        import torch

        from greenbench.stages.ranks.report import RankReport

        tokens = [int(count) for count in log.tokens]
        losses = [float(loss) for loss in log.losses]
        norms = [float(norm) for norm in log.norms_after.values()]
        peak, gpu_peak = None, None
        if self._peak_is_ours:
            peak = peak_memory_bytes()
        if self.rank.device.type == "cuda":
            gpu_peak = torch.cuda.max_memory_allocated()
        return RankReport(
            rank=self.rank.number,
            pid=os.getpid(),
            cpu_seconds=cpu_seconds,
            examples=log.examples,
            step_examples=tuple(log.step_examples),
            tokens=tuple(tokens),
            shapes=tuple(log.shapes),
            losses=tuple(losses),
            precisions=log.precisions.counts,
            norms=tuple(norms),
            peak_memory_bytes=peak,
            peak_gpu_memory_bytes=gpu_peak,
        )


def serve(orders: Connection) -> int:
    """Carry out orders until the first rank has ended, or one fails; return the exit status."""
    from greenbench.stages import isolation, libraries

    libraries.load()
    rank = OtherRank()
    send(orders, (DONE, None))
    with isolation.quiet():
        while True:
            try:
                message = orders.recv_bytes()
            except EOFError:
                return 0
            try:
                send(orders, (DONE, _carried_out(rank, message)))
            except Exception as error:  # noqa: BLE001  the first rank tells it
                send(orders, _failure(error))
                return 1  # what it held with the others is closed, so that they fail too


def _carried_out(rank: OtherRank, message: bytes) -> object:
    name, arguments = pickle.loads(message)  # noqa: S301  the process that started this one wrote it
    order: Callable[..., object] = getattr(rank, name)
    return order(*arguments)


def _failure(error: Exception) -> tuple[str, str]:
    first_line = str(error).partition("\n")[0]
    text = f"{type(error).__name__}: {first_line}"
    return (LOST if OF_OTHERS.search(text) else FAILED), text


def main() -> None:
    """Serve the process that has started this one."""
    descriptor, parent = map(int, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first rank, which decides
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before that
        return
    with Connection(descriptor) as orders:
        status = serve(orders)
    os._exit(status)  # threads of a broken group may wait for ever


if __name__ == "__main__":
    main()
