"""Measures jobs of a run, one after the other: what every engine starts on a machine.

A worker is a process of its own that ends with its last job. The block that it measures when it is
killed is lost, and nothing else: whole blocks were moved into the run's folder before.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cluster.cross_checks import NodeCounter
from greenbench.cluster.run_folder import RunFolder, own_process
from greenbench.cluster.software import software_of
from greenbench.errors import GreenbenchError
from greenbench.machine.allocation import Allocation
from greenbench.machine.control.state_folder import own_folder
from greenbench.results import loading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.cluster.plan import Job

SHOWN_LINES = 12
"""Lines of a session's output that a failure repeats."""
GRACE_S = 60.0
"""How long a round may go on after its job was told to end; then its session is killed."""
POLL_S = 0.1
TURN = "turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPlace:
    """Where a worker runs, as its engine has it."""

    name: str
    """Of the allocation: ``slurm 4711 on node7``."""
    host: str
    shared: str = ""
    """Why the machine is not the worker's alone; empty if it is."""


def place_here(engine: str) -> WorkPlace:
    """Return where this process runs, by what its engine says of it."""
    host = socket.gethostname()
    job = os.environ.get("SLURM_JOB_ID")
    if engine != "slurm" or job is None:
        return WorkPlace(name=f"{engine} {os.getpid()} on {host}", host=host)
    host = os.environ.get("SLURMD_NODENAME", host)
    given, there = int(os.environ.get("SLURM_CPUS_ON_NODE", "0")), os.cpu_count() or 0
    shared = ""
    if given < there:
        shared = (
            f"Slurm gave the job {given} of the {there} CPUs of {host}, so others may run beside "
            "it (--exclusive asks for the whole node)"
        )
    return WorkPlace(name=f"slurm {job} on {host}", host=host, shared=shared)


class BlockWorker:
    """Measures jobs; called with their names, by submitit or by ``python -m``."""

    def __init__(
        self,
        folder: Path,
        *,
        root: Path | None = None,
        host: str = "",
        takes_turns: bool = False,
        gpus: str | None = None,
    ) -> None:
        """Take the run's ``folder``; nothing is read before the worker is called.

        ``root`` is the checkout, by default the plan's, and ``host`` the name of the machine, by
        default its own. Workers of one machine take turns, block by block, or each has ``gpus`` of
        its own (as ``CUDA_VISIBLE_DEVICES``).
        """
        self._folder, self._root, self._host = folder, root, host
        self._takes_turns, self._gpus = takes_turns, gpus

    def __call__(self, *names: str) -> int:
        """Measure the jobs that nobody delivered yet; return how many gave no block."""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        run = RunFolder(self._folder)
        place = self._place(run)
        failures = 0
        for name in names:
            with self._turn():  # another worker may deliver the block while this one waits
                if run.cancelled:
                    break
                if name not in run.deliveries():
                    failures += not self._attempt(run, run.plan.job(name), place)
        return failures

    def checkpoint(self, *names: str) -> object:
        """Answer submitit's preemption signal: end the round, and go on elsewhere or later.

        Whole blocks are delivered, and are not measured again; of the running one nothing is kept,
        as its cells would be of two allocations.
        """
        from submitit.helpers import DelayedSubmission

        _end_session()
        return DelayedSubmission(self, *names)

    def _place(self, run: RunFolder) -> WorkPlace:
        place = place_here(run.plan.engine)
        if self._host:
            place = replace(place, host=self._host, name=place.name.replace(place.host, self._host))
        if self._gpus is not None:
            together = "several workers of the run measure on this machine at once"
            place = replace(place, shared=f"{together}, each on GPUs of its own")
        return place

    def _attempt(self, run: RunFolder, job: Job, place: WorkPlace) -> bool:
        """Measure a block and deliver it, or note why there is none."""
        run.note("started", job.name, {**own_process(), "place": place.name})
        counter = NodeCounter()
        with tempfile.TemporaryDirectory(prefix="greenbench-job-") as local:
            folder = Path(local)
            problem, output = self._measured(run, job, place, folder)
            if problem:
                facts = {"place": place.name, "reason": problem, "output": output}
                run.note("failed", job.name, facts)
                return False
            facts = {"place": place.name, "host": place.host, "shared": place.shared}
            facts.update(counter.facts())
            if "SLURM_JOB_ID" in os.environ:
                facts["slurm_job"] = os.environ["SLURM_JOB_ID"]
            run.deliver(job.name, folder / "results", facts)
        return True

    def _measured(
        self, run: RunFolder, job: Job, place: WorkPlace, folder: Path
    ) -> tuple[str, Sequence[str]]:
        """Run the session of a block; return why it is none, and the end of its output."""
        root = self._root or Path(run.plan.root)
        different = run.plan.software.differences(software_of(root))
        if different:
            return "; ".join(different), ()
        allocation = Allocation(
            run=run.plan.identity,
            job=job.name,
            place=place.name,
            host=place.host,
            shared=place.shared,
        )
        cells = folder / "cells.json"
        cells.write_text(json.dumps(job.cells), "utf-8")
        environment = {**os.environ, **allocation.variable(), "GREENBENCH_JOB_CELLS": str(cells)}
        _set_gpus(environment, self._gpus)
        command = [sys.executable, *_session(run, job, root, folder)]
        log = folder / "log"
        status = _run(command, root, environment, log)
        lacking = _lacking(job, folder / "results")
        if lacking:
            output = log.read_text("utf-8", errors="replace").splitlines()[-SHOWN_LINES:]
            return f"pytest ended with {status}, and {lacking}", output
        return "", ()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other worker of this machine measures, of any run, where they take turns.

        The run's folder may be shared by hosts that measure at once; that of leases is not.
        """
        if not self._takes_turns:
            yield
            return
        name = f"{TURN}-{socket.gethostname()}"
        with (own_folder() / name).open("a") as file:  # the kernel releases it however we end
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _session(run: RunFolder, job: Job, root: Path, folder: Path) -> list[str]:
    """Return the arguments of Python for the session of a block."""
    arguments = list(run.plan.arguments)
    if (root / "bench").is_dir():
        arguments.insert(0, "bench")
    ours = ["-p", "no:cacheprovider", "-p", "greenbench.plugin.job_cells"]
    ours += ["--green-gate=none", "--green-interleave=blocks"]
    ours += [f"--green-rounds={run.plan.rounds}", f"--green-block={job.block}"]
    ours += [f"--green-results={folder / 'results'}"]
    return ["-m", "pytest", *arguments, *ours]


def _set_gpus(environment: dict[str, str], gpus: str | None) -> None:
    """Show a session its own GPUs; submitit hides all from workers that asked for none."""
    name = "CUDA_VISIBLE_DEVICES"
    if gpus is not None:
        environment[name] = gpus
    elif environment.get(name) == "" and environment.get("SUBMITIT_EXECUTOR") == "local":
        del environment[name]


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> int:
    """Run a session to its end; end it too if this process is to end. Return its exit code."""
    with log.open("wb") as output:
        session = subprocess.Popen(  # noqa: S603  the plan's own call
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # signals reach it by _end_session alone
        )
        _RUNNING.append(session.pid)
        try:
            return session.wait()
        except BaseException:
            _end_session()
            raise
        finally:
            _RUNNING.clear()


_RUNNING: list[int] = []
"""The process of the session that runs, for the handler of a signal."""


def _end_session() -> None:
    """Let the running session end after its round, at once after ``GRACE_S``, and by force then.

    The handler of a signal interrupts ``Popen.wait``, whose lock it must not touch: so the process
    is watched, and reaped by nobody here.
    """
    for pid in _RUNNING:
        for number, seconds in (
            (signal.SIGINT, GRACE_S),
            (signal.SIGTERM, 10.0),
            (signal.SIGKILL, 10.0),
        ):
            if _has_ended(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
            until = time.monotonic() + seconds
            while not _has_ended(pid) and time.monotonic() < until:
                time.sleep(POLL_S)


def _has_ended(pid: int) -> bool:
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # reaped already
        return True
    return found is not None


def _lacking(job: Job, results: Path) -> str:
    """Say which cells of a job left no whole record; empty if none."""
    found, problems = loading.load_folder(results)
    if problems:
        return problems[0]
    recorded = {cell.id for run in found for cell in run.cells}
    lacking = [name for name in job.cells if name not in recorded]
    if not lacking:
        return ""
    if len(lacking) == len(job.cells):
        return "no cell was measured"
    return f"{len(lacking)} of {len(job.cells)} cells left no record, such as {lacking[0]}"


def main(arguments: Sequence[str]) -> int:
    """Run a worker as a program: the run's folder, the checkout, the host's name, jobs."""
    folder, root, host, *names = arguments
    try:
        worker = BlockWorker(Path(folder), root=Path(root), host=host, takes_turns=True)
        return min(1, worker(*names))
    except GreenbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
