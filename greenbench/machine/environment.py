"""What this machine is: everything that two results must share to be comparable, as plain builtins.

Reads ``/proc``, package metadata and git; imports none of the packages that it lists and starts no benchmark. None or
an absent key means that it could not be told.
"""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpus import Gpu

PACKAGES = (
    "greenbench",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "gguf",
    "numpy",
    "nvidia-ml-py",
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
    "zeus",
)
"""The distributions whose version can move a number of ours."""

_CPUINFO = Path("/proc/cpuinfo")
_CONTAINER_FILES = {"docker": Path("/.dockerenv"), "podman": Path("/run/.containerenv")}
_CGROUP = Path("/proc/1/cgroup")
_CGROUP_MARKS = ("docker", "kubepods", "containerd", "libpod", "lxc")
_GIT_SECONDS = 30


def describe(root: Path, gpus: Sequence[Gpu]) -> dict[str, Any]:
    """Return the environment of a results file: host, processors, memory, system, packages, git state of ``root``."""
    return {
        "host": socket.gethostname(),
        "cpu": _cpu(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": [asdict(gpu) for gpu in gpus],
        "kernel": platform.release(),
        "os": _os_name(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "git": git_state(root),
        "container": container(),
        "virtual_machine": virtual_machine(),
    }


def cpu_model() -> str:
    """Return the processor's name as the kernel prints it, or the architecture where it prints none (ARM)."""
    names = (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def package_versions() -> dict[str, str]:
    """Return the versions of ``PACKAGES`` that are installed; what is not installed is left out."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_state(root: Path) -> dict[str, Any]:
    """Return ``commit`` of the checkout around ``root`` and whether tracked files differ from it (``dirty``).

    Both are None with a ``reason`` where there is no commit to be had. Untracked files do not make it dirty: every run
    adds a results file.
    """
    try:
        commit = _git(root, "rev-parse", "--verify", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except FileNotFoundError:
        return {
            "commit": None,
            "dirty": None,
            "reason": "git is not installed, or the folder does not exist",
        }
    except subprocess.CalledProcessError as error:
        return {
            "commit": None,
            "dirty": None,
            "reason": f"git: {error.stderr.strip().partition(chr(10))[0]}",
        }
    except subprocess.TimeoutExpired:
        return {
            "commit": None,
            "dirty": None,
            "reason": f"git did not answer within {_GIT_SECONDS} s",
        }
    return {"commit": commit, "dirty": dirty}


def container() -> str | None:
    """Return the kind of container that this process runs in (``docker``, ``podman``, ...), or None outside one."""
    if (kind := _detect_virt("--container")) is not None:
        return kind
    if (
        kind := next((k for k, path in _CONTAINER_FILES.items() if path.exists()), None)
    ) is not None:
        return kind
    try:
        groups = _CGROUP.read_text()
    except OSError:  # absent, or not ours to read: then it tells nothing
        groups = ""
    return next((mark for mark in _CGROUP_MARKS if mark in groups), None)


def virtual_machine() -> str | None:
    """Return the hypervisor, ``unknown hypervisor`` where only the CPU's flag betrays one, or None on bare metal."""
    if (kind := _detect_virt("--vm")) is not None:
        return kind
    flags = next((line.split() for line in _cpuinfo() if line.startswith("flags")), [])
    return "unknown hypervisor" if "hypervisor" in flags else None


def _cpu() -> dict[str, Any]:
    return {
        "model": cpu_model(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": len(psutil.Process().cpu_affinity() or ()) or None
        if sys.platform == "linux"
        else None,
    }


def _cpuinfo() -> list[str]:
    return _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS
    ).stdout.strip()  # noqa: S603 - git, with words of ours


def _detect_virt(kind: str) -> str | None:
    """Ask systemd, which knows far more of them than we do; it prints ``none`` and exits 1 where it finds nothing."""
    if (tool := shutil.which("systemd-detect-virt")) is None:
        return None
    answer = subprocess.run(
        [tool, kind], capture_output=True, text=True, check=False
    ).stdout.strip()  # noqa: S603 - found on the PATH
    return answer if answer not in {"", "none"} else None
