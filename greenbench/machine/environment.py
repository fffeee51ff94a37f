"""What this machine is: everything that two results must share to be comparable, as plain builtins.

Reads ``/proc``, package metadata and git; imports none of the packages that it lists and starts no
benchmark. None or an absent key means that the value could not be determined.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import socket
import subprocess
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from greenbench.machine import variables
from greenbench.machine.cpu_state import usable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpu_records import Gpu

PACKAGES = (
    "greenbench",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "gguf",
    "numpy",
    "nvidia-ml-py",
    "onnx",
    "onnxruntime",
    "pandas",
    "peft",
    "psutil",
    "pyarrow",
    "pydantic",
    "pytest",
    "pytest-benchmark",
    "pytest-xdist",
    "safetensors",
    "scikit-learn",
    "tokenizers",
    "torch",
    "torchao",
    "transformers",
    "vllm",
    "zeus",
)
"""The distributions whose version can change a result."""

_CPUINFO = Path("/proc/cpuinfo")
_CONTAINER_FILES = {"docker": Path("/.dockerenv"), "podman": Path("/run/.containerenv")}
_CGROUP = Path("/proc/1/cgroup")
_CGROUP_MARKS = ("docker", "kubepods", "containerd", "libpod", "lxc")
_GIT_SECONDS = 30


def describe(root: Path, gpus: Sequence[Gpu]) -> dict[str, object]:
    """Return the environment of a results file.

    It holds host, processors, memory, system, packages, the variables by which libraries compute in
    another way, and the git state of ``root``.
    """
    return {
        "host": socket.gethostname(),
        "cpu": _cpu(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": [asdict(gpu) for gpu in gpus],
        "kernel": platform.release(),
        "os": _os_name(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "variables": variables.recorded(),
        "torch_threads": variables.torch_threads(),
        "git": git_state(root),
        "container": container(),
        "virtual_machine": virtual_machine(),
    }


def cpu_model() -> str:
    """Return the processor's name as the kernel prints it; on ARM, the architecture."""
    for line in _cpuinfo():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            return name or _architecture()
    return _architecture()


def package_versions() -> dict[str, str]:
    """Return the versions of ``PACKAGES`` that are installed; what is not installed is left out."""
    versions: dict[str, str] = {}
    for name in PACKAGES:
        version = _version(name)
        if version is not None:
            versions[name] = version
    return versions


@functools.cache  # each takes a millisecond, and packages do not change under a process
def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def git_state(root: Path) -> dict[str, object]:
    """Return the ``commit`` around ``root``, and whether tracked files differ from it (``dirty``).

    Both are None with a ``reason`` if there is no commit to be had. Untracked files do not make it
    dirty: every run adds a results file.
    """
    try:
        commit = _git(root, "rev-parse", "--verify", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:
        return _no_commit("git is not installed, or the folder does not exist")
    except subprocess.CalledProcessError as error:
        first_line = error.stderr.strip().partition("\n")[0]
        return _no_commit(f"git: {first_line}")
    except subprocess.TimeoutExpired:
        return _no_commit(f"git did not answer within {_GIT_SECONDS} s")
    return {"commit": commit, "dirty": bool(changes)}


def changes_sha256(root: Path) -> str | None:
    """Return the hash of what differs from the commit around ``root``; None without a commit."""
    try:
        changes = _git_bytes(root, "diff", "HEAD", "--binary", "--no-ext-diff")
    except (OSError, subprocess.SubprocessError):  # git_state says why
        return None
    return hashlib.sha256(changes).hexdigest()


def untracked_files(root: Path) -> set[Path]:
    """Return the files below ``root`` that git neither tracks nor ignores.

    Raises OSError or subprocess.SubprocessError where git does not answer, or has no repository.
    """
    listed = _git_bytes(root, "ls-files", "--others", "--exclude-standard", "-z")
    return {root / os.fsdecode(name) for name in listed.split(b"\0") if name}


def _no_commit(reason: str) -> dict[str, object]:
    return {"commit": None, "dirty": None, "reason": reason}


def container() -> str | None:
    """Return the kind of container around this process (``docker``, ...), or None outside one."""
    kind = _detect_virt("--container")
    if kind is not None:
        return kind
    for kind, mark_file in _CONTAINER_FILES.items():
        if mark_file.exists():
            return kind
    try:
        groups = _CGROUP.read_text("utf-8", "surrogateescape")
    except OSError:  # absent, or not readable: then it shows no container
        return None
    for mark in _CGROUP_MARKS:
        if mark in groups:
            return mark
    return None


def virtual_machine() -> str | None:
    """Return the hypervisor's name, or None on bare metal.

    ``unknown hypervisor`` stands for one that only the CPU's flag shows.
    """
    kind = _detect_virt("--vm")
    if kind is not None:
        return kind
    for line in _cpuinfo():
        if line.startswith("flags"):
            return "unknown hypervisor" if "hypervisor" in line.split() else None
    return None


def _cpu() -> dict[str, object]:
    return {
        "model": cpu_model(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": usable_cores(),
    }


def _cpuinfo() -> list[str]:
    if not _CPUINFO.exists():
        return []
    return _CPUINFO.read_text().splitlines()


def _architecture() -> str:
    return platform.processor() or platform.machine()


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    finished = subprocess.run(  # noqa: S603  git, with arguments of ours
        command, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS
    )
    return finished.stdout.strip()


def _git_bytes(root: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(  # noqa: S603  git, with arguments of ours
        command, capture_output=True, check=True, timeout=_GIT_SECONDS
    ).stdout


def _detect_virt(kind: str) -> str | None:
    """Return systemd's answer, which recognises far more kinds than the files here; None without.

    ``systemd-detect-virt`` prints ``none`` and exits 1 if it finds nothing.
    """
    tool = shutil.which("systemd-detect-virt")
    if tool is None:
        return None
    finished = subprocess.run(  # noqa: S603  found on the PATH
        [tool, kind], capture_output=True, text=True, check=False
    )
    answer = finished.stdout.strip()
    return None if answer in {"", "none"} else answer
