"""Fixtures that attack the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sandbox.attackers import ATTACKERS, IN_WORKERS, NOBODY, PYTHON, SECRET, WARM_UP, program

PACKAGE = Path(__file__).parents[2] / "greenbench"


@pytest.fixture(scope="module")
def site():
    """Copy the sandbox to where any user can read it, beside an open home with a secret in it."""
    with tempfile.TemporaryDirectory(prefix="attacked-") as name:
        site = Path(name)
        shutil.copytree(PACKAGE / "sandbox", site / "code/greenbench/sandbox")
        for file in ("__init__.py", "errors.py"):
            shutil.copy(PACKAGE / file, site / "code/greenbench" / file)
        shutil.copy(Path(__file__).with_name("launch.py"), site / "code/launch.py")
        (site / "home").mkdir()
        (site / "home/key").write_text(SECRET)
        for path in (site, *site.rglob("*")):
            path.chmod(0o777)
        yield site


@pytest.fixture(params=ATTACKERS)
def attack(request, site: Path):
    """Return a function that runs one hostile program; in a worker another one has run before."""
    run_all = attacker(*request.param, site)

    def run(code: str, *arguments: str, **more: Any) -> SimpleNamespace:
        hostile = program(code, *arguments, **more)
        in_worker = request.param[-1] == "worker"
        before = [program(WARM_UP, **more)] if in_worker else []
        return run_all(*before, hostile)[-1]

    return run


@pytest.fixture(params=IN_WORKERS)
def attacks(request, site: Path):
    """Return a function that runs programs one after another in one worker."""
    return attacker(*request.param, site)


def attacker(kind: str, user: str, path: str, site: Path):
    """Return a function that runs programs one after another, and returns how each ended.

    Everybody on the machine may read the secret. No program may make a worker be thrown away.
    """
    if kind == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    if user == "root" and os.geteuid() != 0:
        pytest.skip("only root can be root")
    if PYTHON is None:
        pytest.skip("there is no Python that every user can start")

    def run(*programs: dict[str, Any]) -> list[SimpleNamespace]:
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        mine = drop if user == "ordinary" and os.geteuid() == 0 else []
        request = {
            "kind": kind,
            "path": path,
            "interpreter": PYTHON,
            "programs": programs,
        }
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(site / "code"),
            "HOME": str(site / "home"),
            "KEY": SECRET,
        }
        done = subprocess.run(
            [*mine, PYTHON, str(site / "code/launch.py")],
            input=json.dumps(request), capture_output=True, text=True, env=environment, timeout=60,
            check=False, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        if "failed" in answer:
            pytest.skip(f"no {kind} for this user here: {answer['failed']}")
        assert answer["losses"] == []
        return [SimpleNamespace(**result) for result in answer["results"]]

    return run
