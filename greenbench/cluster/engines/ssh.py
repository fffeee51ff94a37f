"""Hosts over SSH, through execnet: a checkout is shipped, a worker is started, nothing stays here.

A host that sees the run's folder (a shared file system) uses it and the checkout in place. To any
other the commit goes as a git bundle, over the channel, with wheels if there are any, and its
results come back the same way, when somebody asks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.cluster import remote
from greenbench.cluster.run_folder import (
    DELIVERED,
    DELIVERY,
    EVENTS,
    UNFINISHED,
    RunFolder,
    new_attempt,
)
from greenbench.cluster.status import EngineQueue
from greenbench.cluster.wheels import shipped_python, wheels_of
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from execnet.gateway import Gateway

    from greenbench.cluster.plan import RunPlan

SETTINGS = ("hosts", "python", "ssh_config", "folder", "wheels")
SSH_OPTIONS = ("-oConnectTimeout=20", "-oServerAliveInterval=20")
"""A host that is switched off answers nothing at all: nobody waits minutes for it."""


def check() -> None:
    """Raise UnavailableError without ssh; execnet comes with pytest-xdist."""
    if shutil.which("ssh") is None:
        raise UnavailableError("greenbench submit ssh: ssh is not on the PATH; install its client")


def script(plan: RunPlan, path: Path) -> list[str]:
    """Say what each host would do."""
    names = [job.name for job in plan.jobs]
    lines = []
    for host, share in _shares(plan.settings["hosts"], names).items():
        lines.append(f"{host}: a worker for {len(share)} jobs: {', '.join(share)}")
    if plan.settings.get("wheels"):
        files = wheels_of(Path(plan.settings["wheels"]))
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        lines.append(
            f"hosts that do not see this folder are sent {len(files)} wheels ({megabytes:.3g} MB), "
            "without those that they have"
        )
    return [*lines, f"the run's folder: {path}"]


def submit(run: RunFolder, names: Sequence[str]) -> None:
    """Ship the checkout to each host that lacks it, and start its worker.

    Jobs are dealt to hosts that answer. Raises UsageError for a checkout that cannot be shipped,
    and for a host whose software differs, before anything is started anywhere. Raises
    UnavailableError where no host answers, and where one stops to, once the others have theirs.
    """
    check()
    places = _places(run)
    began = new_attempt()  # a job may start before its submission is noted
    silent = []
    for host, share in _shares(list(places), names).items():
        place = places[host]
        command = [place["python"], "-m", "greenbench.cluster.worker"]
        command += [place["run"], place["root"], host, *share]
        try:
            with _gateway(run.plan, host) as gateway:
                pid = _answer(
                    gateway, "start", command=command, folder=place["run"], root=place["root"]
                )
        except UnavailableError as error:
            silent.append(str(error))
            continue
        for name in share:
            run.note("submitted", name, {"engine": "ssh", "id": f"{host}:{pid}", **place}, began)
    if silent:
        raise UnavailableError(f"{'; '.join(silent)}; `greenbench resubmit {run.path}` goes on")


def _places(run: RunFolder) -> dict[str, dict[str, str]]:
    """Return where each host that answers has run and checkout; say which ones do not."""
    places = {}
    silent = []
    for host in run.plan.settings["hosts"]:
        try:
            with _gateway(run.plan, host) as gateway:
                places[host] = _prepared(run, host, gateway)
        except UnavailableError as error:
            silent.append(str(error))
    if not places:
        raise UnavailableError("; ".join(silent))
    for text in silent:
        sys.stderr.write(f"{text}; it gets no jobs\n")
    return places


def _shares(hosts: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """Deal the jobs out to the hosts in turn: each block is of one host."""
    shares: dict[str, list[str]] = {}
    for number, name in enumerate(names):
        shares.setdefault(hosts[number % len(hosts)], []).append(name)
    return shares


def _prepared(run: RunFolder, host: str, gateway: Gateway) -> dict[str, str]:
    """Return where the host finds run and checkout, once both are there and the software fits."""
    plan = run.plan
    folder = str(run.path.resolve())
    root = plan.root
    python = _python(plan)
    text = plan.text()
    is_shared = _answer(gateway, "sees", path=f"{folder}/plan.json", text=text)
    if not is_shared:
        bundle, top = _bundle(plan)
        base = f"{plan.settings['folder']}/{plan.identity}-{host}"
        commit = plan.software.commit
        place = _answer(gateway, "receive", base=base, bundle=bundle, commit=commit, plan=text)
        folder = place["run"]
        checkout = Path(place["checkout"], Path(plan.root).relative_to(top))
        root = str(checkout)
        if plan.settings.get("wheels"):
            python = shipped_python(plan, host, top, partial(_answer, gateway))
    different = _answer(gateway, "check", python=python, run=folder, root=root)
    if different:
        raise UsageError(f"greenbench submit ssh: {host} is refused: {different}")
    return {"run": folder, "root": root, "python": python}


def _bundle(plan: RunPlan) -> tuple[bytes, Path]:
    """Return the commit as a git bundle, and the checkout that it is of."""
    root = Path(plan.root)
    if plan.software.commit is None or plan.software.dirty or plan.software.changes:
        raise UsageError(
            f"greenbench submit ssh: {root} is not a clean checkout at a commit, and a host that "
            "does not see this folder is sent a commit; commit the changes"
        )
    top = Path(_git(root, "rev-parse", "--show-toplevel").decode().strip())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "commit.bundle")
        _git(root, "bundle", "create", "--quiet", str(file), "HEAD")
        return file.read_bytes(), top


def _git(root: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise UsageError(f"greenbench submit ssh: git {arguments[0]} in {root}: {said}") from error


# --- what is asked later --------------------------------------------------------------------------


def queue(run: RunFolder) -> EngineQueue | None:
    """Bring what the hosts have written, and return which workers still run, by ``host:pid``."""
    queued: dict[str, str] = {}
    silent = {}
    for host, (place, ids) in _submitted(run).items():
        try:
            with _gateway(run.plan, host) as gateway:
                if Path(place) != run.path.resolve():
                    _bring(run, gateway, place)
                pids = [int(name.rpartition(":")[2]) for name in sorted(ids)]
                for pid in _answer(gateway, "running", pids=pids, folder=place):
                    queued[f"{host}:{pid}"] = f"its worker on {host} runs"
        except UnavailableError as error:
            silent.update(dict.fromkeys(ids, str(error)))
    return EngineQueue(queued, silent)


def _submitted(run: RunFolder) -> dict[str, tuple[str, set[str]]]:
    """Return by host where its run folder is, and the ids of its workers."""
    hosts: dict[str, tuple[str, set[str]]] = {}
    for events in run.events("submitted").values():
        for event in events:
            host = str(event.facts["id"]).rpartition(":")[0]
            _, ids = hosts.setdefault(host, (event.facts["run"], set()))
            ids.add(event.facts["id"])
    return hosts


def _bring(run: RunFolder, gateway: Gateway, place: str) -> None:
    """Copy what a host's folder has and this one lacks; what is whole there is moved in whole."""
    have = []
    for kind in (*EVENTS, DELIVERED):
        folder = run.path / kind
        for path in folder.glob("*"):
            have.append(f"{kind}/{path.name}")
    for name, files in _answer(gateway, "collect", folder=place, have=have).items():
        _moved_in(run.path / name, files)


def _moved_in(target: Path, files: Mapping[str, bytes]) -> None:
    """Make a file, or a folder of ``files``, as a whole, unless another process was faster.

    Raises UnavailableError for a delivery whose files are not as large as it says.
    """
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=target.parent) as folder:
        moving = Path(folder, target.name)
        if "" in files:
            moving.write_bytes(files[""])
        else:
            _refuse_cut_off(target.name, files)
            moving.mkdir()
            for name, data in files.items():
                (moving / Path(name).name).write_bytes(data)
        try:
            moving.rename(target)
        except OSError:  # a folder that is there is not replaced
            if not target.is_dir():
                raise


def _refuse_cut_off(delivery: str, files: Mapping[str, bytes]) -> None:
    sizes = json.loads(files.get(DELIVERY, b'{"bytes": null}'))["bytes"]
    arrived = {name: len(data) for name, data in files.items() if name != DELIVERY}
    if sizes != arrived:
        raise UnavailableError(f"{delivery} did not arrive as a whole; ask the run's status again")


def cancel(run: RunFolder) -> None:
    """End the workers of all hosts, as Ctrl-C does.

    Raises UnavailableError for hosts that do not answer, once the others have ended theirs.
    """
    silent = []
    for host, (place, ids) in _submitted(run).items():
        pids = [int(name.rpartition(":")[2]) for name in ids]
        try:
            with _gateway(run.plan, host) as gateway:
                _answer(gateway, "end", pids=pids, folder=place)
        except UnavailableError as error:
            silent.append(f"{error}; its worker may go on, until `greenbench cancel` reaches it")
    if silent:
        raise UnavailableError("\n".join(silent))


# --- the channel ----------------------------------------------------------------------------------


def _python(plan: RunPlan) -> str:
    return str(plan.settings.get("python") or sys.executable)


@contextmanager
def _gateway(plan: RunPlan, host: str) -> Iterator[Gateway]:
    """Open a channel to ``host``; raises UnavailableError if it does not answer."""
    import execnet

    options = " ".join(SSH_OPTIONS)
    specification = f"ssh={options} {host}//python={_python(plan)}//id={host}"
    if plan.settings.get("ssh_config"):
        specification += f"//ssh_config={plan.settings['ssh_config']}"
    group = execnet.Group()
    try:
        gateway = group.makegateway(specification)
    except (OSError, EOFError, execnet.HostNotFound) as error:
        raise UnavailableError(
            f"{host}: no worker could be reached over ssh ({error}); try `ssh {host} "
            f"{_python(plan)} --version`, which must ask for no password"
        ) from error
    try:
        yield gateway
    finally:
        group.terminate(timeout=5)


def _answer(gateway: Gateway, function: str, **given: object) -> Any:
    """Call a function of ``remote`` on the host and return what it returns."""
    from execnet import RemoteError

    channel = gateway.remote_exec(remote)
    try:
        channel.send((function, given))
        return channel.receive()
    except (RemoteError, EOFError) as error:
        last = str(error).strip().splitlines()[-1]
        raise UnavailableError(f"{gateway.id}: {function} failed there: {last}") from error
