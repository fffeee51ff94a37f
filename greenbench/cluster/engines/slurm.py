"""Slurm, through submitit: one array of jobs, each one block."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from greenbench.cluster.run_folder import new_attempt
from greenbench.cluster.status import EngineQueue
from greenbench.cluster.worker import BlockWorker
from greenbench.errors import UnavailableError
from greenbench.extras import require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenbench.cluster.plan import RunPlan
    from greenbench.cluster.run_folder import RunFolder
    from greenbench.results.record import Json

SETTINGS = (
    *("partition", "account", "qos", "constraint", "nodelist"),
    *("gpus", "cpus", "exclusive", "time", "parallel"),
)
PREEMPTION = "USR1"
"""What Slurm sends before it takes a job off its node, and submitit answers by a checkpoint."""
NOTICE_S = 90
"""How long before the end."""
GONE = "Invalid job id"
"""What squeue says of a job that ended a while ago."""
PROGRAMS = ("sbatch", "squeue", "scancel", "srun")


def check() -> None:
    """Raise UnavailableError without submitit, or away from a Slurm cluster."""
    require("cluster", "greenbench submit slurm", ("submitit",))
    for program in PROGRAMS:
        if shutil.which(program) is None:
            raise UnavailableError(
                f"greenbench submit slurm: {program} is not on the PATH; type this on a login node "
                "of the cluster"
            )


def submit(run: RunFolder, names: Sequence[str]) -> None:
    """Submit an array with a job for each of ``names``; the run's folder is on shared disks."""
    check()
    executor = _executor(run.plan, run.path)
    began = new_attempt()  # a job may start before its submission is noted
    jobs = executor.map_array(BlockWorker(run.path.resolve()), names)
    for name, job in zip(names, jobs, strict=True):
        run.note("submitted", name, {"engine": "slurm", "id": job.job_id}, began)


def script(plan: RunPlan, path: Path) -> list[str]:
    """Return the sbatch script, line by line."""
    executor = _executor(plan, path)
    if len(plan.jobs) > 1:
        executor.parameters["map_count"] = len(plan.jobs)
    command = executor._submitit_command_str  # noqa: SLF001  submitit shows its script nowhere else
    text: str = executor._make_submission_file_text(command, "")  # noqa: SLF001
    return text.splitlines()


def _executor(plan: RunPlan, path: Path) -> Any:
    os.environ["SUBMITIT_PREEMPT_SIGNAL"] = PREEMPTION
    import submitit

    executor = submitit.SlurmExecutor(folder=path.resolve() / "submitit")
    executor.update_parameters(**_parameters(plan))
    return executor


def _parameters(plan: RunPlan) -> Json:
    settings = plan.settings
    parameters: Json = {
        "job_name": f"greenbench-{plan.run}",
        "time": settings["time"],
        "array_parallelism": settings["parallel"],
        "signal_delay_s": NOTICE_S,
        "stderr_to_stdout": True,
        "wckey": "greenbench",
    }
    for name in ("partition", "account", "qos", "constraint", "nodelist"):
        if settings.get(name):
            parameters[name] = settings[name]
    if settings.get("gpus"):
        parameters["gpus_per_node"] = settings["gpus"]
    if settings.get("cpus"):
        parameters["cpus_per_task"] = settings["cpus"]
    if settings.get("exclusive"):
        parameters["exclusive"] = True
    return parameters


def queue(run: RunFolder) -> EngineQueue | None:
    """Return the state of the jobs that Slurm still has, by their ids."""
    return EngineQueue(_queued(run))


def _queued(run: RunFolder) -> dict[str, str]:
    ids: dict[str, None] = {}
    arrays: dict[str, None] = {}
    for events in run.events("submitted").values():
        for event in events:
            name = str(event.facts["id"])
            ids[name] = None
            arrays[name.partition("_")[0]] = None
    if not ids:
        return {}
    asked = ["squeue", "--noheader", "--array", "--format=%i %T %r", f"--jobs={','.join(arrays)}"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode and GONE not in done.stderr:
        raise UnavailableError(f"squeue does not answer ({done.stderr.strip()}); try again later")
    queued = {}
    for line in done.stdout.splitlines():
        name, _, state = line.strip().partition(" ")
        if name in ids:
            queued[name] = state.strip()
    return queued


def cancel(run: RunFolder) -> None:
    """Take the jobs off the queue; Slurm ends those that run."""
    ids = sorted(_queued(run))
    if ids:
        subprocess.run(["scancel", *ids], check=True)  # noqa: S603, S607  Slurm's own program
