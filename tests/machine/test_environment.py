"""The environment of a results file is complete, plain, and says what it could not tell."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from greenbench.machine import environment
from greenbench.machine.gpu_records import Gpu

if TYPE_CHECKING:
    from pathlib import Path

CARD = Gpu(
    index=0,
    nvml_index=0,
    uuid="GPU-1",
    name="H200",
    driver="570.1",
    simulated=False,
    energy_counter=True,
    power_limit_w=700.0,
)


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a git checkout with one committed file."""
    _git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a = 1\n")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_the_description_is_plain_and_complete(checkout: Path) -> None:
    """Everything survives JSON as it is, and the things that results are compared by are there."""
    found = environment.describe(checkout, (CARD,))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["cpu"]["model"]
    assert found["cpu"]["logical_cores"] >= 1
    assert found["memory_bytes"] > 1e8
    assert found["gpus"][0]["uuid"] == "GPU-1"
    assert found["gpus"][0]["power_limit_w"] == 700
    assert all(found[key] for key in ("host", "kernel", "os", "python"))
    assert {"container", "virtual_machine"} <= set(found)


def test_git_tells_the_commit_and_whether_files_differ(checkout: Path) -> None:
    """A changed tracked file makes the checkout dirty; a new results file does not."""
    (checkout / "results.json").write_text("{}")
    clean = environment.git_state(checkout)
    (checkout / "code.py").write_text("a = 2\n")
    dirty = environment.git_state(checkout)
    assert (clean["dirty"], dirty["dirty"]) == (False, True)
    assert clean["commit"] == dirty["commit"]
    assert len(clean["commit"]) == 40


def test_a_folder_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository: no commit, no claim of cleanliness, and git's own words."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = environment.git_state(tmp_path)
    assert (found["commit"], found["dirty"]) == (None, None)
    assert "not a git repository" in found["reason"]


def test_a_machine_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No git program: the same, with that reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in environment.git_state(tmp_path)["reason"]


def test_versions_are_read_without_importing() -> None:
    """Describing a machine must not load what it describes."""
    code = (
        "import sys\nfrom greenbench.machine.environment import package_versions\n"
        "loaded = sorted({'torch', 'numpy', 'zeus'} & set(sys.modules))\n"
        "print('psutil' in package_versions(), loaded)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "[]"]


def test_packages_that_are_absent_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed has no version, not an invented one."""
    monkeypatch.setattr(environment, "PACKAGES", ("psutil", "no-such-distribution"))
    assert set(environment.package_versions()) == {"psutil"}


CPUINFO = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu vme hypervisor\n"


def test_the_kernel_names_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is the kernel's own words; without any, at least the architecture."""
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(environment, "_CPUINFO", path)
    assert environment.cpu_model()
    path.write_text(CPUINFO)
    assert environment.cpu_model() == "Some CPU @ 2 GHz"


def test_a_virtual_machine_shows_without_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU's flag betrays a hypervisor where nothing names it."""
    path = tmp_path / "cpuinfo"
    path.write_text(CPUINFO)
    monkeypatch.setattr(environment, "_CPUINFO", path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert environment.virtual_machine() == "unknown hypervisor"
    path.write_text(CPUINFO.replace("hypervisor", ""))
    assert environment.virtual_machine() is None


@pytest.mark.parametrize(
    ("mark", "groups", "expected"),
    [
        ("docker", "0::/", "docker"),
        ("", "0::/kubepods/pod1", "kubepods"),
        ("", "0::/init.scope", None),
    ],
)
def test_a_container_shows_without_systemd(
    mark: str, groups: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's mark file or its control group names it."""
    files = {"docker": tmp_path / "dockerenv", "podman": tmp_path / "containerenv"}
    (tmp_path / "cgroup").write_text(groups)
    if mark:
        files[mark].touch()
    monkeypatch.setattr(environment, "_CONTAINER_FILES", files)
    monkeypatch.setattr(environment, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert environment.container() == expected


@pytest.mark.parametrize(("printed", "expected"), [("kvm", "kvm"), ("none", None)])
def test_systemd_is_believed(
    printed: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd-detect-virt names the hypervisor; its ``none`` is no name."""
    tool = tmp_path / "systemd-detect-virt"
    tool.write_text(f"#!/bin/sh\necho {printed}\n[ {printed} != none ]\n")
    tool.chmod(0o755)
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(shutil, "which", lambda _: str(tool))
    assert environment.virtual_machine() == expected
