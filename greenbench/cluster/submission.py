"""Makes the plan of a run, and hands its jobs to an engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cluster.plan import PlannedCell, RunPlan, forecast_text, jobs_of, read_cell
from greenbench.cluster.run_folder import created
from greenbench.cluster.software import software_of
from greenbench.errors import UsageError
from greenbench.report.cost import plural

if TYPE_CHECKING:
    from greenbench.cluster.run_folder import RunFolder
    from greenbench.results.record import Json

OUR_OPTIONS = (
    *("--green-block", "--green-gate", "--green-strict", "--green-interleave", "--green-resume"),
    *("--green-until-sure", "--green-reuse", "--green-results", "--green-plan", "--green-report"),
    *("--benchmark-json", "--benchmark-compare", "--benchmark-disable", "--collect-only"),
    *("-n", "--numprocesses", "--maxprocesses", "--dist", "--tx", "-d"),
)
"""Options of pytest that a job sets itself, or that have no meaning in it."""
PROCESSES = re.compile(r"-n=?([0-9]+|auto|logical)")
"""xdist's ``-n`` with its value: a job's cells are measured one after the other."""
OTHER_COMMANDS = ("greenbench", "pytest", "ci", "run", "search")
"""Words that are no argument of pytest, unless a file has the name."""
SHOWN_LINES = 12
MARK = 8
"""Digits that tell runs of one name apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a person asks for."""

    root: Path
    """Where pytest runs: the suite's folder."""
    runs: Path
    """The folder that runs are made in."""
    name: str
    engine: str
    arguments: tuple[str, ...]
    """Of pytest."""
    cells_per_job: int | None = None
    settings: Json = field(default_factory=dict)


def plan_of(request: Submission) -> RunPlan:
    """Plan a run: collect the cells, and divide their blocks into jobs. Raises UsageError."""
    refuse_foreign(request)
    cells = _collected(request)
    jobs = jobs_of(cells, request.cells_per_job)
    last = jobs[-1]
    root = request.root.resolve()
    return RunPlan(
        run=request.name,
        mark=uuid.uuid4().hex[:MARK],
        engine=request.engine,
        root=str(root),
        arguments=request.arguments,
        rounds=last.block,
        software=software_of(root),
        jobs=jobs,
        cells=tuple(cells),
        settings=request.settings,
    )


def refuse_foreign(request: Submission) -> None:
    """Raise UsageError for arguments that a job sets itself, and for another command's."""
    first = request.arguments[0] if request.arguments else ""
    if first in OTHER_COMMANDS and not (request.root / first).exists():
        raise UsageError(
            f"greenbench submit: after -- stand arguments of pytest, and {first} is none. A job is "
            "one block of V0 and variants; `greenbench ci` measures a change beside its base on "
            "one machine: give it to your own sbatch or ssh, or here select cells, e.g. -- -k V1"
        )
    for argument in request.arguments:
        option = argument.partition("=")[0]
        if PROCESSES.fullmatch(argument):
            option = "-n"
        if option in OUR_OPTIONS:
            raise UsageError(
                f"greenbench submit: {option} is set for each job, or means nothing in one; leave "
                "it out after --, and judge what `greenbench fetch` brings by `greenbench compare`"
            )


def _collected(request: Submission) -> list[PlannedCell]:
    """Return the cells that pytest selects; raises UsageError if it cannot, or selects none."""
    arguments = list(request.arguments)
    if (request.root / "bench").is_dir():
        arguments.insert(0, "bench")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cells.json")
        command = [sys.executable, "-m", "pytest", *arguments, "--collect-only", "-qq"]
        command += ["-p", "no:cacheprovider", "-p", "greenbench.plugin.job_cells"]
        done = subprocess.run(  # noqa: S603  the user's own call
            command,
            cwd=request.root,
            env={**os.environ, "GREENBENCH_COLLECTED": str(file)},
            check=False,
            capture_output=True,
            text=True,
        )
        collected = json.loads(file.read_text("utf-8")) if file.exists() else None
    if collected is None:
        raise UsageError(_ended(done))
    if not collected:
        raise UsageError(
            "greenbench submit: pytest selects no cell; try the same arguments with `pytest bench "
            "--collect-only`"
        )
    cells = []
    for cell in collected:
        cells.append(read_cell(cell))
    return cells


def _ended(done: subprocess.CompletedProcess[str]) -> str:
    """Say how a session ended that collected nothing, with the end of its output."""
    shown = [f"greenbench submit: pytest ended with {done.returncode}:"]
    output = f"{done.stdout}\n{done.stderr}"
    lines = output.splitlines()
    for line in lines[-SHOWN_LINES:]:
        if line.strip():
            shown.append(f"    {line}")
    return "\n".join(shown)


def make_run(request: Submission, plan: RunPlan) -> RunFolder:
    """Make the folder of a run; raises UsageError if there is one of its name."""
    return created(request.runs / plan.run, plan)


def plan_lines(plan: RunPlan) -> list[str]:
    """Return what a run would do, cost, and have to go without, line by line."""
    tasks: dict[str, None] = {}
    for cell in plan.cells:
        tasks[cell.task] = None
    largest = 0
    for job in plan.jobs:
        largest = max(largest, len(job.cells))
    jobs = plural(len(plan.jobs), "job")
    cells = plural(len(plan.cells), "cell")
    shape = f"{cells} of {plural(len(tasks), 'task')}, {plural(plan.rounds, 'block')}"
    shape += f", at most {plural(largest, 'cell')} a job"
    lines = [
        f"run {plan.run}: {jobs} on {plan.engine}, each one block of V0 and variants ({shape})"
    ]
    lines.append(f"cost: {forecast_text(plan.cells)}")
    lines.append(f"software: {plan.software}; a machine where it differs is refused")
    lines += refusals(plan)
    return lines


def refusals(plan: RunPlan) -> list[str]:
    """Say what the machines will refuse, as far as the submitting one can know."""
    lines = []
    setting: list[str] = []
    knobs: dict[str, None] = {}
    for cell in plan.cells:
        if cell.sets:
            setting.append(cell.id)
            knobs.update(dict.fromkeys(cell.sets))
    if setting:
        names = ", ".join(knobs)
        cells = ", ".join(setting)
        lines.append(
            f"refused without root or zeusd (ZEUSD_SOCK_PATH): {names} of {cells}; such cells come "
            "back partial"
        )
    if plan.engine == "slurm" and not plan.settings.get("exclusive"):
        lines.append(
            "null on a node that is not exclusively the job's: joules of CPUs and memory "
            "(--exclusive asks for whole nodes)"
        )
    if plan.engine == "local" and plan.settings.get("gpus"):
        lines.append("null, as workers measure side by side: joules of CPUs and memory")
    lines.append(
        "where only root may read RAPL, joules of CPUs are estimates and those of memory null "
        "(`greenbench doctor` on the machine says so)"
    )
    return lines
