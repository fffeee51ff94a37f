"""What runs on a host over SSH, before greenbench is known to be there: the standard library alone.

execnet sends the source of this module over its channel. The module answers one call: the name of a
function and its arguments come in, what it returns goes back.
"""

# ruff: noqa: S603
from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

WHEELS = "wheels"
"""Folder of wheels beside the runs: those that one run was sent are not sent again for the next."""
KINDS = ("submitted", "started", "failed", "delivered")
PROGRAM = """
import sys
from pathlib import Path
from greenbench.cluster.run_folder import RunFolder
from greenbench.cluster.software import software_of
plan = RunFolder(Path(sys.argv[1])).plan
print("; ".join(plan.software.differences(software_of(Path(sys.argv[2])))))
"""
"""What the host's own greenbench is asked: how its software differs from the plan's."""


def sees(path: str, text: str) -> bool:
    """Whether the file ``path`` is here, with this ``text``: then its folder is shared."""
    file = Path(path)
    return file.is_file() and file.read_text("utf-8") == text


def receive(base: str, bundle: bytes, commit: str, plan: str) -> dict[str, str]:
    """Check a commit out of a git ``bundle`` and make the run's folder; return where both are."""
    folder = Path.home() / base
    run, checkout = folder / "run", folder / "checkout"
    run.mkdir(parents=True, exist_ok=True)
    (run / "plan.json").write_text(plan, "utf-8")
    if not checkout.is_dir():
        file = folder / "commit.bundle"
        file.write_bytes(bundle)
        clone = ["git", "clone", "--quiet", "--no-checkout", str(file), str(checkout)]
        subprocess.run(clone, check=True)
    detach = ["git", "-C", str(checkout), "checkout", "--quiet", "--detach", commit]
    subprocess.run(detach, check=True)
    return {"run": str(run), "checkout": str(checkout)}


def lacking_wheels(base: str, wheels: dict[str, str]) -> list[str]:
    """Return which ``wheels``, names with their SHA-256, are not here yet."""
    folder = Path.home() / base / WHEELS
    folder.mkdir(parents=True, exist_ok=True)
    return [name for name, digest in wheels.items() if _sha256(folder / name) != digest]


def put(base: str, name: str, offset: int, data: bytes) -> int:
    """Write a part of a wheel, from byte ``offset`` on; return how large it is now."""
    path = Path.home() / base / WHEELS / name
    with path.open("r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(data)
        return file.tell()


def environment(base: str, key: str, requirements: str, constraints: str) -> str:
    """Return the interpreter of an environment that pip makes of the wheels here, and nothing else.

    ``key`` tells environments apart: one that is whole is used again. ``requirements`` and
    ``constraints`` are the texts of such files of pip's. Raises RuntimeError with what pip or
    venv says.
    """
    folder = Path.home() / base
    place = folder / f"venv-{key}"
    python = place / "bin" / "python"
    whole = place / "whole"
    with (folder / f"venv-{key}.lock").open("a") as lock:  # the kernel releases it however we end
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            files = {"-r": requirements, "-c": constraints}
            _run(sys.executable, "-m", "venv", "--clear", str(place))
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            install += ["--no-index", "--find-links", str(folder / WHEELS)]
            for option, text in files.items():
                file = place / f"pip{option}.txt"
                file.write_text(text, "utf-8")
                install += [option, str(file)]
            _run(str(python), *install)
            whole.touch()
    return str(python)


def _run(*command: str) -> None:
    """Run venv or pip; raises RuntimeError with its errors, as it says them, or its last line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.returncode:
        return
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    errors = [line for line in lines if line.startswith("ERROR: ")]
    said = " ".join(errors or lines[-1:]) or f"it ended with {done.returncode}"
    raise RuntimeError(f"{' '.join(command[:3])}: {said}")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def check(python: str, run: str, root: str) -> str:
    """Return how the software of a checkout differs from the plan's; empty if it does not."""
    command = [python, "-c", PROGRAM, run, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    if not done.returncode:
        return done.stdout.strip()
    last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
    return f"{python} cannot run greenbench: {last[0]}"


def start(command: list[str], folder: str, root: str) -> int:
    """Start a worker in a session of its own, which outlives the channel; return its pid."""
    (Path(folder) / "cancelled.json").unlink(missing_ok=True)
    with (Path(folder) / "worker.log").open("ab") as log:
        worker = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return worker.pid


def running(pids: list[int], folder: str) -> list[int]:
    """Return which of the workers of the run in ``folder`` still run."""
    return [pid for pid in pids if _is_worker(pid, folder)]


def end(pids: list[int], folder: str) -> int:
    """Let the workers of the run in ``folder`` begin no further block, and end, as Ctrl-C does."""
    (Path(folder) / "cancelled.json").write_text("{}", "utf-8")
    ended = 0
    for pid in pids:
        if _is_worker(pid, folder):
            os.kill(pid, signal.SIGINT)
            ended += 1
    return ended


def _is_worker(pid: int, folder: str) -> bool:
    """Whether a process is a worker of the run, and not another one that got its pid."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(folder) in words


def collect(folder: str, have: list[str]) -> dict[str, dict[str, bytes]]:
    """Return all that is whole in the run's ``folder``, but for what its reader has.

    Names are those of files, ``failed/JOB.ATTEMPT.json``, whose own name is empty, or of folders
    with the names of their files.
    """
    known = set(have)
    found: dict[str, dict[str, bytes]] = {}
    for kind in KINDS:
        place = Path(folder) / kind
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            name = f"{kind}/{path.name}"
            if name in known or path.name.startswith("."):
                continue
            if path.is_dir():
                found[name] = {file.name: file.read_bytes() for file in path.iterdir()}
            else:
                found[name] = {"": path.read_bytes()}
    return found


if __name__ == "__channelexec__":  # as execnet calls it
    name, given = channel.receive()  # type: ignore[name-defined]  # noqa: F821  execnet's
    channel.send(globals()[name](**given))  # type: ignore[name-defined]  # noqa: F821
