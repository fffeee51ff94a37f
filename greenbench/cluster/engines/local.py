"""Processes of this machine, started by submitit: nothing else has to be installed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cluster.run_folder import new_attempt, runs_here
from greenbench.cluster.status import EngineQueue
from greenbench.cluster.worker import BlockWorker
from greenbench.extras import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.cluster.plan import RunPlan
    from greenbench.cluster.run_folder import RunFolder

SETTINGS = ("workers", "gpus")
PREEMPTION = "USR1"
"""The signal before a job is taken off a machine (Slurm's ``--signal``)."""
LONGEST_MIN = 60 * 24 * 30
"""A month: no worker of one's own machine is to be ended by a clock."""


def check() -> None:
    """Raise UnavailableError without submitit."""
    require("cluster", "greenbench submit local", ("submitit",))


def submit(run: RunFolder, names: Sequence[str]) -> None:
    """Start workers that share the jobs ``names``; they outlive this process."""
    check()
    os.environ["SUBMITIT_PREEMPT_SIGNAL"] = PREEMPTION
    import submitit

    began = new_attempt()  # a job may start before its submission is noted
    workers, gpus = _counts(run.plan, len(names))
    executor = submitit.LocalExecutor(folder=run.path.resolve() / "submitit")
    executor.update_parameters(timeout_min=LONGEST_MIN, stderr_to_stdout=True)
    for number in range(workers):
        own = ",".join(map(str, range(number * gpus, (number + 1) * gpus))) if gpus else None
        worker = BlockWorker(run.path.resolve(), takes_turns=not gpus, gpus=own)
        share = names[number::workers]
        job = executor.submit(worker, *share)
        for name in share:
            run.note("submitted", name, {"engine": "local", "id": job.job_id}, began)


def script(plan: RunPlan, path: Path) -> list[str]:
    """Say which processes would be started."""
    workers, gpus = _counts(plan, len(plan.jobs))
    how = f"each on {gpus} GPUs of its own" if gpus else "which take turns, block by block"
    return [f"would start {workers} workers on this machine, {how}; the run's folder: {path}"]


def _counts(plan: RunPlan, jobs: int) -> tuple[int, int]:
    """Return how many workers there are, and how many GPUs each has of its own."""
    return min(int(plan.settings["workers"]), jobs), int(plan.settings.get("gpus") or 0)


def queue(run: RunFolder) -> EngineQueue | None:
    """Return the workers whose processes still run, by the id that submitit gave them."""
    queued = {}
    for events in run.events("submitted").values():
        for event in events:
            engine_id = str(event.facts["id"])
            if _is_worker(int(engine_id), run):
                queued[engine_id] = "waits for its worker"
    return EngineQueue(queued)


def _is_worker(pid: int, run: RunFolder) -> bool:
    """Whether a process is a worker of this run, and not another one that got its pid."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return os.fsencode(run.path.resolve() / "submitit") in words
    return False


def cancel(run: RunFolder) -> None:
    """Let each worker end its session, as Ctrl-C does, and itself."""
    for events in run.events("started").values():
        for event in events:
            if runs_here(event.facts):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(event.facts["pid"], signal.SIGINT)
