"""The folder of a run: append-only, a file or a folder for each thing that happened to a job.

Any number of machines write into it at once without a lock. A name is taken once, what it names is
moved there when it is whole, and nothing is changed afterwards::

    plan.json                       what was submitted
    submitted/JOB.ATTEMPT.json      which engine has it, under which id
    started/JOB.ATTEMPT.json        which process of which host began it
    failed/JOB.ATTEMPT.json         why an attempt gave no block, with the end of its output
    delivered/JOB.ATTEMPT/          the results files of a whole block
    cancelled.json                  the person wants no further block
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greenbench.cluster.plan import read_plan
from greenbench.errors import UsageError
from greenbench.machine.control.journal import boot_id
from greenbench.machine.processes import since_boot_s
from greenbench.results.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from greenbench.cluster.plan import RunPlan
    from greenbench.results.record import Json

PLAN, CANCELLED = "plan.json", "cancelled.json"
EVENTS = ("submitted", "started", "failed")
DELIVERED = "delivered"
DELIVERY = "delivery.json"
"""In a delivered folder: where it was measured, and how large its files are."""
UNFINISHED = ".moving-"
"""Beginning of the name of what is not whole yet."""
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a job."""

    job: str
    attempt: str
    facts: Json


class RunFolder:
    """A run by its folder."""

    def __init__(self, path: Path) -> None:
        """Open the folder of a run; raises UsageError if it is none."""
        self.path = path
        try:
            self.plan: RunPlan = read_plan((path / PLAN).read_text("utf-8"))
        except FileNotFoundError as error:
            raise UsageError(
                f"{path}: no run is here (it has no {PLAN}); give the folder that `greenbench "
                "submit` named"
            ) from error
        except (ValueError, TypeError, LookupError) as error:
            raise UsageError(
                f"{path / PLAN}: damaged, or of another greenbench ({error}); submit the run again"
            ) from error

    # --- what is added ----------------------------------------------------------------------------

    def note(self, event: str, job: str, facts: Mapping[str, object], attempt: str = "") -> None:
        """Add an ``event`` of a job, by default one that happens now."""
        folder = self.path / event
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"{job}.{attempt or new_attempt()}.json", json.dumps(facts))

    def deliver(self, job: str, results: Path, facts: Mapping[str, object]) -> Path:
        """Move the whole ``results`` of a job here, from a local disk; return their folder.

        A reader sees all of it or nothing. Later deliveries of the same job stand beside it.
        """
        folder = self.path / DELIVERED
        folder.mkdir(exist_ok=True)
        attempt = new_attempt()
        moving = folder / f"{UNFINISHED}{job}.{attempt}"
        shutil.copytree(results, moving)
        write_delivery(moving, facts)
        for file in moving.iterdir():
            _sync(file)
        target = folder / f"{job}.{attempt}"
        moving.rename(target)
        _sync(folder)
        return target

    def cancel(self) -> None:
        """Let no worker begin another block."""
        write_atomically(self.path / CANCELLED, "{}")

    def go_on(self) -> None:
        """Let workers begin blocks again."""
        (self.path / CANCELLED).unlink(missing_ok=True)

    # --- what is there ----------------------------------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """Whether the person wants no further block."""
        return (self.path / CANCELLED).exists()

    def events(self, event: str) -> dict[str, list[Event]]:
        """Return what happened to each job, oldest first; names of other runs are passed over."""
        known = {job.name for job in self.plan.jobs}
        found: dict[str, list[Event]] = {}
        for path in sorted(_listed(self.path / event)):
            job, _, attempt = path.name.removesuffix(".json").partition(".")
            if job in known and path.suffix == ".json":
                facts = json.loads(path.read_text("utf-8"))
                found.setdefault(job, []).append(Event(job=job, attempt=attempt, facts=facts))
        return found

    def deliveries(self) -> dict[str, list[Path]]:
        """Return the folders that each job delivered, the first one first: that one counts."""
        known = {job.name for job in self.plan.jobs}
        found: dict[str, list[Path]] = {}
        for path in sorted(_listed(self.path / DELIVERED)):
            job = path.name.partition(".")[0]
            if job in known:
                found.setdefault(job, []).append(path)
        return found

    def lacking(self) -> list[str]:
        """Return the jobs that delivered nothing, in the order of the plan."""
        delivered = self.deliveries()
        return [job.name for job in self.plan.jobs if job.name not in delivered]


def created(path: Path, plan: RunPlan) -> RunFolder:
    """Make the folder of a new run; raises UsageError if its name is taken or is none."""
    if not NAME.fullmatch(plan.run):
        raise UsageError(f"--run {plan.run!r}: give a name of letters, digits, dots and dashes")
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:
        raise UsageError(
            f"{path}: a run of this name is there already; `greenbench resubmit {path}` goes on "
            "with it, or give another name (--run)"
        ) from error
    write_atomically(path / PLAN, plan.text())
    return RunFolder(path)


def write_delivery(folder: Path, facts: Mapping[str, object]) -> None:
    """Write beside results files what they are, with their sizes, by which damage is noticed."""
    sizes = {}
    for path in folder.iterdir():
        sizes[path.name] = path.stat().st_size
    text = json.dumps({**facts, "bytes": sizes})
    (folder / DELIVERY).write_text(text, "utf-8")


def new_attempt() -> str:
    """Return a name that no other attempt has, of any machine; by their names they are in order."""
    host = re.sub(r"[^\w-]", "-", socket.gethostname())
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{host}-{uuid.uuid4().hex[:8]}"


def own_process() -> Json:
    """Return what tells whether this process still runs: host, boot, pid and when it started."""
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "boot": boot_id(),
        "pid": pid,
        "since_boot_s": since_boot_s(pid),
    }


def runs_here(process: Json) -> bool | None:
    """Whether a process that ``own_process`` told of still runs; None on another machine."""
    if process.get("boot") != boot_id():
        return None if process.get("host") != socket.gethostname() else False
    started = since_boot_s(process["pid"])
    return started is not None and started == process["since_boot_s"]


def _listed(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
