"""The session's wiring: what is refused before anything runs, and what is opened only on use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from greenbench.errors import UsageError
from greenbench.session import Session

ROOT = Path(__file__).parent.parent


def session(root: Path, **given: object) -> Session:
    """Return a session over the project's own matrix."""
    return Session(lambda flag: given.get(flag.removeprefix("--green-")), root, ROOT / "experiment.md", ROOT / "variants")


def test_an_unknown_task_lists_the_known(tmp_path: Path) -> None:
    """The sentence names what experiment.md has."""
    with pytest.raises(UsageError, match=r"no task 'T9'; experiment.md and greenbench have: T2"):
        session(tmp_path).cells("T9")


def test_handles_are_shared_by_the_cells_of_a_task(tmp_path: Path) -> None:
    """Data are loaded once a session; another seed is other data."""
    one = session(tmp_path)
    assert one.dataset("T2") is one.dataset("T2")
    assert one.model("T2") is one.model("T2")
    assert session(tmp_path, seed="5").dataset("T2") is not one.dataset("T2")


def test_a_cpu_session_opens_its_meter_without_torch() -> None:
    """Where no GPU is there or asked for, nobody needs torch to measure."""
    code = (
        "import sys; from pathlib import Path; from greenbench.session import Session;"
        "s = Session({'--green-device': 'cpu'}.get, Path('.'), None, None); s.meter; s.release();"
        "print(s.device, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["cpu", "False"]


def test_given_models_and_data_replace_the_profile_s(tmp_path: Path) -> None:
    """A given model carries no pinned revision of another one."""
    one = session(tmp_path, profile="full", model=["M2=somebody/else"], data=["T2=x.csv"])
    assert (one.model("T2").source, one.model("T2").revision) == ("somebody/else", None)
    assert one.dataset("T2").source == Path("x.csv")
    pinned = session(tmp_path, profile="full")
    assert pinned.model("T2").revision
    assert pinned.dataset("T2").source == "bstee615/bigvul"
