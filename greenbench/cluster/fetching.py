"""Makes ordinary results files of what a run delivered, a folder for each class of host.

What was fetched once stays as it is: a job that delivers late, or twice, changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from greenbench.cluster.cross_checks import counted_run
from greenbench.cluster.run_folder import DELIVERY
from greenbench.gates.comparability import machine_class
from greenbench.results import loading
from greenbench.results.counted_energy import load_counted
from greenbench.results.files import write_atomically
from greenbench.results.json_files import read_json
from greenbench.results.planned_runs import PlannedBlocks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenbench.cluster.run_folder import RunFolder
    from greenbench.results.counted_energy import CountedRun

LONGEST_NAME = 60
SEPARATOR = "@"
"""Between variant, run and job in the name of a file: neither run nor job may contain it."""
SHOWN = 5
"""Jobs that lack and are named."""


class JobName(NamedTuple):
    """A job among those of all runs whose results one folder holds."""

    run: str
    job: str

    def fetched(self, path: Path) -> str:
        """Return the name of a fetched file: ``V1@night-6f1d02ab@b001-T2-01_STAMP.json``."""
        variant, _, stamp = path.name.rpartition("_")
        return f"{variant}{SEPARATOR}{self.run}{SEPARATOR}{self.job}_{stamp}"


@dataclass(slots=True, kw_only=True)
class ClassFolder:
    """The results files of machines of one class."""

    path: Path
    description: str
    """What the machines have in common."""
    hosts: dict[str, int] = field(default_factory=dict)
    """Jobs that each host measured."""
    jobs: dict[str, Path] = field(default_factory=dict)
    """By name, what each of them delivered."""
    counted: CountedRun | None = None
    """What others counted of their joules; None where nobody does."""


@dataclass(slots=True, kw_only=True)
class Fetched:
    """What is in the results folder after a fetch."""

    folders: dict[str, ClassFolder] = field(default_factory=dict)
    new: int = 0
    """Jobs that were not there before."""
    lacking: list[str] = field(default_factory=list)
    """Jobs without results."""
    problems: list[str] = field(default_factory=list)
    """Deliveries that cannot be read."""


def fetch(run: RunFolder, target: Path) -> Fetched:
    """Copy the results files of each job that delivered into ``target``, each job once."""
    fetched = Fetched()
    deliveries = run.deliveries()
    there = _by_job(target, run.plan.identity)
    for job in run.plan.jobs:
        name = JobName(run.plan.identity, job.name)
        folders = deliveries.get(job.name, [])
        if not _fetch_one(name, folders, target, there.get(job.name, set()), fetched):
            fetched.lacking.append(job.name)
    for folder in fetched.folders.values():
        _planned(run, folder, fetched).write(folder.path)
        identity = run.plan.identity
        earlier = load_counted(folder.path).get(identity)
        folder.counted = counted_run(identity, run.plan.engine, folder.jobs, earlier)
        if folder.counted is not None:
            folder.counted.write(folder.path)
    return fetched


def _planned(run: RunFolder, folder: ClassFolder, fetched: Fetched) -> PlannedBlocks:
    """Return what a class was to measure: all that machines of no other class did."""
    elsewhere: set[str] = set()
    for other in fetched.folders.values():
        if other is not folder:
            elsewhere.update(other.jobs)
    blocks: dict[str, set[int]] = {}
    for job in run.plan.jobs:
        if job.name not in elsewhere:
            for cell in job.cells:
                of_cell = blocks.setdefault(cell, set())
                of_cell.add(job.block)
    counts = {cell: len(of_cell) for cell, of_cell in blocks.items()}
    return PlannedBlocks(run=run.plan.identity, blocks=counts)


def _fetch_one(
    name: JobName, folders: Sequence[Path], target: Path, there: set[str], fetched: Fetched
) -> bool:
    """Copy the first delivery that can be read, or go on with the one that was begun."""
    for folder in folders:
        files = {}
        for path in loading.results_files(folder):
            files[name.fetched(path)] = path
        if not there <= files.keys():  # another delivery counted before
            continue
        try:
            _refuse_damage(folder)
            environment = _environment(next(iter(files.values())))
        except (OSError, ValueError, StopIteration) as error:
            reason = str(error) or "it has no results file"
            fetched.problems.append(
                f"{folder}: cannot be read ({reason}); measure {name.job} again"
            )
            continue
        place = _class_folder(environment, target, fetched)
        host = str(environment["host"])
        place.hosts[host] = place.hosts.get(host, 0) + 1
        place.jobs[name.job] = folder
        place.path.mkdir(parents=True, exist_ok=True)
        for file, path in files.items():
            if file not in there:
                _put(path, place.path / file)
        fetched.new += not there
        return True
    return False


def _refuse_damage(folder: Path) -> None:
    """Raise ValueError if a delivered file is not as large as it was; all of it is read later."""
    delivery = json.loads((folder / DELIVERY).read_text("utf-8"))
    for name, size in delivery["bytes"].items():
        found = (folder / name).stat().st_size
        if found != size:
            raise ValueError(f"{name} has {found} bytes and had {size}")


def _put(path: Path, target: Path) -> None:
    """Let a delivered file, which nobody changes any more, stand at ``target`` too."""
    try:
        target.hardlink_to(path)
    except OSError:  # on another file system, or on one without links
        write_atomically(target, path.read_text("utf-8"))


def _by_job(target: Path, run: str) -> dict[str, set[str]]:
    """Return the names of the files that were fetched of each job of a run before."""
    found: dict[str, set[str]] = {}
    for path in target.glob(f"*/*{SEPARATOR}*{SEPARATOR}*Z.json"):
        _, of_run, rest = path.name.rsplit(SEPARATOR, 2)
        if of_run == run:
            job = rest.rpartition("_")[0]
            found.setdefault(job, set()).add(path.name)
    return found


def _environment(path: Path) -> dict[str, object]:
    """Return the environment of a results file, with the host as its engine calls it."""
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(environment := data.get("environment"), dict):
        raise ValueError(f"{path.name} states no environment")  # noqa: TRY004  as read_json does
    session = data.get("session")
    allocation = session.get("allocation") if isinstance(session, dict) else None
    named = allocation.get("host") if isinstance(allocation, dict) else None
    return {**environment, "host": named or environment.get("host")}


def _class_folder(environment: dict[str, object], target: Path, fetched: Fetched) -> ClassFolder:
    """Return the folder of a machine's class: one that other machines share is never made new."""
    description = machine_class(environment)
    if description not in fetched.folders:
        digest = hashlib.sha256(description.encode()).hexdigest()[:6]
        words = re.sub(r"[^A-Za-z0-9]+", "-", description).strip("-")[:LONGEST_NAME].strip("-")
        path = target / f"{words}-{digest}"
        fetched.folders[description] = ClassFolder(path=path, description=description)
    return fetched.folders[description]


def lines(run: RunFolder, fetched: Fetched) -> list[str]:
    """Say what was fetched, and what lacks."""
    jobs = len(run.plan.jobs)
    lacking = fetched.lacking
    there = jobs - len(lacking)
    texts = [f"run {run.plan.run}: {there} of {jobs} jobs have results, {fetched.new} of them new"]
    for folder in fetched.folders.values():
        hosts = []
        for host, count in folder.hosts.items():
            hosts.append(f"{host} ({count} jobs)")
        named = ", ".join(hosts)
        texts.append(f"{folder.path}: {folder.description}: {named}")
        texts.append(f"  greenbench compare {folder.path}")
        if folder.counted is not None:
            texts.append(f"  {folder.counted}")
    if len(fetched.folders) > 1:
        texts.append("hosts of different class are compared apart: their ratios are not pooled")
    if lacking:
        names = ", ".join(lacking[:SHOWN])
        rest = len(lacking) - SHOWN
        if rest > 0:
            names += f" and {rest} more"
        texts.append(f"lacking: {names}; greenbench resubmit {run.path} measures them")
    texts += fetched.problems
    return texts
