"""Runs of the stub suite for tests."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import stub_suite

from greenbench.cli import main
from greenbench.cluster import status
from greenbench.cluster.engines import engine_of
from greenbench.cluster.plan import Job, PlannedCell, RunPlan
from greenbench.cluster.run_folder import RunFolder, created
from greenbench.cluster.software import software_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CELLS = ("T2-V0_baseline", "T2-V1_fast")
SELECTED = ("--", "-k", "V0 or V1_")
LONGEST_S = 300.0
"""A busy machine takes long."""


def suite(folder: Path) -> Path:
    """Write the stub suite, as a git repository of one commit where git is there."""
    folder.mkdir()
    stub_suite.write(folder)
    (folder / ".gitignore").write_text("results/\nruns/\n__pycache__/\n")
    if shutil.which("git"):
        git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "suite"]):
            subprocess.run([*git, *words], check=True)
    return folder


def run_of(folder: Path, *, engine: str = "local", blocks: int = 1, **settings: Any) -> RunFolder:
    """Plan a run of V0 and a variant by hand, without a session that collects them."""
    cells = []
    for name in CELLS:
        variant = name.partition("-")[2]
        cells.append(PlannedCell(id=name, task="T2", variant=variant, rounds=blocks))
    jobs = [Job(name=f"b{n:03}-T2-01", block=n, cells=CELLS) for n in range(1, blocks + 1)]
    plan = RunPlan(
        run="night",
        engine=engine,
        root=str(folder),
        arguments=(),
        rounds=blocks,
        software=software_of(folder),
        jobs=tuple(jobs),
        cells=tuple(cells),
        settings=settings,
    )
    return created(folder / "runs" / "night", plan)


def states(path: Path) -> list[str]:
    """Return the states of a run's jobs now."""
    run = RunFolder(path)
    return [one.state for one in status.states(run, engine_of(run.plan.engine).queue(run))]


def ended(path: Path) -> list[str]:
    """Wait until no job is on its way any more, and return their states."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        found = states(path)
        if not {"waiting", "running"} & set(found):
            return found
        time.sleep(0.5)
    raise AssertionError(f"after {LONGEST_S:g} s: {found}")


def fetched(path: Path, capsys: pytest.CaptureFixture, gate: str = "energy <= 2*V0") -> list[str]:
    """Fetch a run, compare its only class, and return the names of the files."""
    assert main(["fetch", str(path)]) == 0
    (place,) = (path / "results").iterdir()
    capsys.readouterr()
    assert main(["compare", str(place), "--gate", gate]) == 0
    assert "1 PASS" in capsys.readouterr().out
    return sorted(file.name for file in place.glob("V*Z.json"))
