"""Wheels that are sent to a host over SSH, and the environment that pip makes of them there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster import made

from greenbench.cli import main
from greenbench.cluster import remote, wheels
from greenbench.errors import UnavailableError, UsageError

BASE = "runs"
PYTHON = "import one, sys; print(one.VERSION, sys.prefix)"


def wheel(folder: Path, name: str, version: str) -> Path:
    """Write a wheel of one module, which knows its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    facts = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", f"VERSION = '{version}'\n")
        file.writestr(
            f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        file.writestr(
            f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{facts}/RECORD", "")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of wheels: two versions of ``one``, and ``two``."""
    place = tmp_path / "wheels"
    place.mkdir()
    for name, version in (("one", "1.0"), ("one", "1.1"), ("two", "3.0")):
        wheel(place, name, version)
    return place


class Host:
    """A host whose home is a folder, asked without a channel."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def ask(self, function: str, **given: Any) -> object:
        """Call a function of ``remote``, and note it."""
        self.calls.append(function)
        return getattr(remote, function)(**given)


def plan_with(tmp_path: Path, folder: Path, **versions: str) -> Any:
    """Return the plan of a run that was submitted beside packages of these versions."""
    plan = made.run_of(tmp_path, engine="ssh").plan
    settings = {"folder": BASE, "wheels": str(folder)}
    software = replace(plan.software, packages=versions)
    return replace(plan, settings=settings, software=software)


@pytest.mark.slow
def test_pip_makes_an_environment_of_the_wheels_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the version of the submitting machine, not the newest; the next run finds it there."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(wheels, "PART_BYTES", 100)  # so that a wheel is sent in parts
    plan = plan_with(tmp_path, folder, one="1.0")
    (tmp_path / "constraints.txt").write_text("two==3.0\n")
    host = Host()
    python = wheels.shipped_python(plan, "box", tmp_path, host.ask)
    assert Path(python).is_relative_to(tmp_path / "home" / BASE)
    said = subprocess.run([python, "-c", PYTHON], check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["1.0", str(Path(python).parents[1])]
    assert host.calls.count("put") > 3
    again = Host()
    assert wheels.shipped_python(plan, "box", tmp_path, again.ask) == python
    assert again.calls == ["lacking_wheels", "environment"]
    file = Path(python).parents[1] / "pip-c.txt"
    assert file.read_text() == "two==3.0\n"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "one\nERROR: Cannot install two\nERROR: Impossible",
            "ERROR: Cannot install two ERROR: Imp",
        ),
        ("one\nensurepip is not available", "ensurepip is not available"),
        ("", "it ended with 1"),
    ],
)
def test_what_pip_or_venv_refuses_is_said(output: str, message: str) -> None:
    """All of pip's errors, since the last one alone does not say what of; else the last line."""
    program = f"import sys; print({output!r}, file=sys.stderr); sys.exit(1)"
    with pytest.raises(RuntimeError, match=message):
        remote._run(sys.executable, "-I", "-c", program)


def test_what_is_no_wheel_is_refused(folder: Path, tmp_path: Path, capsys) -> None:
    """Another file's name, and folders without wheels, now or when the run is submitted again."""
    assert main(["submit", "ssh", "box", "--wheels", str(tmp_path), "--", "-k", "V0"]) == 2
    assert "holds no wheels; `pip wheel --wheel-dir" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"no-wheel\.whl"):
        wheels.requirements([folder / "no-wheel.whl"], {})
    plan = plan_with(tmp_path, tmp_path)
    with pytest.raises(UsageError, match="holds no wheels"):
        wheels.shipped_python(plan, "box", tmp_path, Host().ask)


def test_a_wheel_that_was_cut_off_is_sent_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that does not arrive is an error; what is there of the wheel does not count as one."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = folder / "two-3.0-py3-none-any.whl"
    digests = {path.name: "0"}
    assert remote.lacking_wheels(BASE, digests) == [path.name]
    remote.put(BASE, path.name, 0, b"part")
    assert remote.lacking_wheels(BASE, digests) == [path.name]
    with pytest.raises(UnavailableError, match="arrived as 0 bytes of"):
        wheels._send(path, BASE, "box", lambda *_, **__: 0)
