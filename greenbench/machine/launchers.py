"""What launchers of distributed programs leave in the environment, and libraries obey.

A cell is one process, or starts its other ones itself, and its variant says how it computes.
``torchrun``, ``accelerate launch``, ``mpirun``, ``srun``, ``flux run`` and PALS set variables by
which Accelerate and transformers would make it a part of a group that never comes together, or
compute in another precision, on another device, or with other steps than the variant says.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = frozenset(
    {
        "FLUX_JOB_SIZE",
        "FLUX_TASK_LOCAL_ID",
        "FLUX_TASK_RANK",
        "FORK_LAUNCHED",
        "GROUP_RANK",
        "GROUP_WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
        "NODE_RANK",
        "RANK",
        "ROLE_NAME",
        "ROLE_RANK",
        "ROLE_WORLD_SIZE",
        "WORLD_SIZE",
        "XLA_DOWNCAST_BF16",
        "XLA_USE_BF16",
    }
)
PREFIXES = (
    "ACCELERATE_",
    "DEEPSPEED_",
    "FP8_",
    "FSDP_",
    "MEGATRON_LM_",
    "MPI_LOCAL",
    "MV2_COMM_WORLD_",
    "OMPI_COMM_WORLD_",
    "PALS_",
    "PARALLELISM_CONFIG_",
    "PMIX_",
    "PMI_",
    "TORCHELASTIC_",
)
"""Beginnings of further names."""
SIZES = (
    "WORLD_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "FLUX_JOB_SIZE",
    "PALS_LOCAL_SIZE",
    "SLURM_STEP_NUM_TASKS",
)
"""Variables that hold how many processes a launcher has started.

``SLURM_NTASKS`` is none of them: a batch script has it too, which is one process.
"""
RANKS = ("PMIX_RANK", "PALS_RANKID", "FLUX_TASK_RANK")
"""Variables that hold which of several processes this one is, from 0; PMIx states no number."""
LAUNCHER = "a launcher (torchrun, accelerate launch, mpirun, srun, flux run or PALS)"


def is_launchers(name: str) -> bool:
    """Whether a variable of this name is a launcher's."""
    return name in NAMES or name.startswith(PREFIXES)


def found() -> tuple[str, ...]:
    """Return the names of the launchers' variables in the environment, sorted."""
    return tuple(sorted(filter(is_launchers, os.environ)))


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Take the launchers' variables out of the environment in a context, and put them back.

    What libraries set of them within is gone afterwards.
    """
    kept = {name: os.environ.pop(name) for name in found()}
    try:
        yield
    finally:
        for name in found():
            del os.environ[name]
        os.environ.update(kept)


def check() -> None:
    """Raise UsageError if a launcher has started several sessions like this one."""
    for name in SIZES:
        size = os.environ.get(name, "")
        if size.isdecimal() and int(size) > 1:
            raise UsageError(
                f"{name}={size}: {LAUNCHER} started {size} sessions, and each would measure the "
                f"others' load; start pytest once and without it, or unset {name}"
            )
    for name in RANKS:
        rank = os.environ.get(name, "")
        if rank.isdecimal() and int(rank) > 0:
            raise UsageError(
                f"{name}={rank}: {LAUNCHER} started several sessions, this one as number "
                f"{int(rank) + 1}, and each would measure the others' load; start pytest once and "
                f"without it, or unset {name}"
            )


def report(say: Callable[[str], None]) -> None:
    """Say which variables the cells do not see, if there are any."""
    names = found()
    if names:
        say(
            f"ignored {', '.join(names)}, which launchers of several processes set: a cell "
            "starts its processes itself, and computes as its variant says"
        )
