"""The wheel holds all that runs, and what it requires is enough where there is nothing else."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build source distribution and wheel, the wheel from the former, of a copy of the tree."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        ROOT / "greenbench", tree / "greenbench", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (built,) = (tree / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the wheel and what it requires.

    The packages required are those of this environment, by links: no index is asked.
    """
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin/python"
    install = [
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    for entry in sorted(entries(required(requirements(wheel)))):
        (site / entry.name).symlink_to(entry)
    return python


def requirements(wheel: Path) -> list[str]:
    """Return what the wheel requires without any extra."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    lines = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    return [line.partition(": ")[2] for line in lines]


def required(wanted: list[str]) -> set[str]:
    """Return the names of the packages required, directly or by another one."""
    names: set[str] = set()
    waiting = [Requirement(text) for text in wanted]
    while waiting:
        requirement = waiting.pop()
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and requirement.name not in names:
            names.add(requirement.name)
            waiting += map(Requirement, importlib.metadata.requires(requirement.name) or ())
    return names


def entries(packages: set[str]) -> set[Path]:
    """Return what the packages have at the top of site-packages."""
    site = Path(sysconfig.get_path("purelib"))
    tops = set()
    for package in packages:
        for file in importlib.metadata.files(package) or ():
            if file.parts[0] not in {"..", "__pycache__"}:
                tops.add(site / file.parts[0])
    return tops


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    """Models, templates, the page of the report and the marker of types are in it."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("greenbench/")}
    tree = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "greenbench").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert held == tree


@pytest.mark.slow
def test_the_wheel_runs_where_there_is_nothing_else(environment: Path, tmp_path: Path) -> None:
    """No extra is there, and the folder is another one: its first suite has a table."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [environment, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    lacks = "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('pyarrow'))"
    assert run("-c", lacks) == "None None\n"
    assert "usage: greenbench" in run("-m", "greenbench", "--help")
    assert "cpu" in run("-m", "greenbench", "doctor")
    assert "(function), V0 and 2 variants" in run("-m", "greenbench", "init", "--yes")
    assert "tasks: points" in run("-m", "greenbench", "check")
    assert "the meter" in run("-m", "pytest", "--fixtures", "bench")
    assert "points V2" in run("-m", "pytest", "bench")
    assert "points-V1_fewer_epochs" in run("-m", "greenbench", "compare", "results")
