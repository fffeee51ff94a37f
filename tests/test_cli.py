"""The command line: what is printed, and the exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stub_suite

from greenbench.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulators.nvml import SimulatedNvml

    Command = Callable[..., subprocess.CompletedProcess]

ROOT = Path(__file__).parent.parent


@pytest.fixture
def greenbench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command inside this process, in the project's folder."""

    def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        try:
            code = main(arguments)
        except SystemExit as exit_:
            code = exit_.code
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


def in_a_process(
    *arguments: str, cwd: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess:
    """Run a command in a process of its own, with more environment variables."""
    return subprocess.run(
        [sys.executable, "-m", "greenbench", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **variables},
        check=False,
    )


@pytest.mark.parametrize("module", ["greenbench", "greenbench.cli"])
def test_the_module_is_the_command_line(module: str) -> None:
    """``python -m`` runs the same commands, with the same exit codes."""
    command = [sys.executable, "-m", module]
    checked = subprocess.run(
        [*command, "check"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "agree; tasks: T1, T2" in checked.stdout
    refused = subprocess.run(
        [*command, "nonsense"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: greenbench ")


@pytest.mark.parametrize(
    ("command", "more"),
    [("--help", {"yaml", "markdown_it"}), ("check", {"rich.console"}), ("list --json", set())],
)
def test_quick_commands_import_little(command: str, more: set[str]) -> None:
    """Imports would be most of the time of commands that do so little."""
    code = "import sys, greenbench.cli\ntry:\n    greenbench.cli.main(sys.argv[1:])\n"
    code += "finally:\n    print(*sys.modules, sep='\\n')"
    arguments = command.split()
    listed = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    slow = {"pydantic", "numpy", "torch", "pynvml", "zeus", "rich.table", "pytest", "psutil"}
    assert set(listed.stdout.splitlines()) & (slow | more) == set()
    assert "greenbench.cli" in listed.stdout.splitlines()


def test_check_passes_on_the_project_itself(greenbench: Command) -> None:
    """experiment.md and variants/ agree."""
    result = greenbench("check")
    assert (result.returncode, result.stderr) == (0, "")
    assert "9 folders of variants/ agree; tasks: T1, T2" in result.stdout


def test_check_lists_what_is_wrong_and_exits_with_2(tmp_path: Path) -> None:
    """The message names the file, without a traceback."""
    result = in_a_process("check", str(tmp_path))
    assert result.returncode == 2
    assert "experiment.md" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--nonsense",), "--nonsense"), (("-k", "V7"), "-k"), ((".", "second"), "second")],
)
def test_check_refuses_unknown_arguments(
    greenbench: Command, arguments: tuple[str, ...], named: str
) -> None:
    """A second folder and options of pytest's are usage errors."""
    result = greenbench("check", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"unrecognized arguments: {named}\n" in result.stderr
    assert "usage: greenbench check" in result.stderr


def test_a_wrong_argument_is_shown_without_its_control_characters(greenbench: Command) -> None:
    """What the parser repeats of the command line cannot steer the terminal."""
    process = greenbench("sweep-power", "T2-V0_baseline", "--fractions", "0.9\x1b[31m")
    assert process.returncode == 2
    assert r"argument --fractions: 0.9\x1b[31m: give fractions above 0" in process.stderr


@pytest.mark.parametrize("command", [("list",), ("check",), ("compare",), ("new", "V8_x", "--in")])
def test_a_path_that_the_system_refuses_is_named(
    command: tuple[str, ...], greenbench: Command
) -> None:
    """A path that is too long ends in sentences with the system's own words."""
    process = greenbench(*command, "x" * 300)
    assert process.returncode == 2
    lines = process.stderr.splitlines()
    assert 1 <= len(lines) <= 2
    assert all("File name too long" in line for line in lines)


def test_run_passes_arguments_on_in_their_order(
    greenbench: Command, suite: pytest.Pytester
) -> None:
    """Options with values go to pytest too; one cell runs, and the exit code is 0."""
    options = ["-k", "V0 and T2", "--green-rounds", "2", "-p", "no:cacheprovider", "-rA"]
    result = greenbench("run", *options, cwd=suite.path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "PASSED bench/test_vulnerability.py::test_vulnerability[T2-V0_baseline]" in result.stdout
    assert "V1_fast" not in result.stdout
    (file,) = (suite.path / "results").glob("*.json")
    assert len(json.loads(file.read_text())["cells"][0]["rounds"]) == 2


@pytest.mark.parametrize(("arguments", "code"), [(["-k", "fails"], 1), (["-k", "V99"], 5)])
def test_run_passes_exit_codes_on(
    greenbench: Command, tmp_path: Path, arguments: list[str], code: int
) -> None:
    """A failed test and an empty selection have pytest's exit codes."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/test_one.py").write_text("def test_fails():\n    assert False\n")
    lean = stub_suite.LEAN.split()
    result = greenbench("run", *arguments, *lean, "-p", "no:cacheprovider", cwd=tmp_path)
    assert result.returncode == code


def test_run_with_plan_prints_it_and_runs_nothing(
    greenbench: Command, suite: pytest.Pytester
) -> None:
    """``--plan`` may come after pytest's options, and no result is written."""
    result = greenbench("run", "-k", "V1_", "--plan", "-p", "no:cacheprovider", cwd=suite.path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "greenbench: profile tiny" in result.stdout
    assert "T2-V1_fast: 1 round of" in result.stdout
    assert not (suite.path / "results").exists()


def test_run_without_a_suite_says_where_it_looks(greenbench: Command, tmp_path: Path) -> None:
    """The message names the folder that lacks a suite."""
    result = greenbench("run", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"greenbench run: there is no folder bench in {tmp_path}")


def test_doctor_gives_a_reason_for_each_missing_channel(greenbench: Command) -> None:
    """Each channel and the controls are available or have a reason why not."""
    result = greenbench("doctor", "--json")
    assert result.returncode == 0, result.stderr
    findings = {finding["channel"]: finding for finding in json.loads(result.stdout)}
    assert set(findings) == {"gpu", "cpu", "dram", "control"}
    for finding in findings.values():
        assert finding["available"] or finding["reason"]
    table = greenbench("doctor")
    assert table.returncode == 0
    assert "channel" in table.stdout


@pytest.mark.alone
def test_doctor_measures_what_there_is(nvml: SimulatedNvml) -> None:
    """Source, update period and idle watts of a simulated card are those of the simulator."""
    (gpu,) = nvml.plug()
    gpu.update_s, gpu.power_w = 0.02, 75
    result = in_a_process("doctor", "--json", **nvml.environment())
    (card,) = [f for f in json.loads(result.stdout) if f["channel"] == "gpu"]
    assert (card["available"], card["source"]) == (True, "simulated:nvml-counter")
    assert card["update_seconds"] == pytest.approx(0.02, rel=0.3)
    assert card["idle_w"] == pytest.approx(75, abs=max(1, card["idle_uncertainty_w"]))
    assert gpu.uuid in card["device"]
    assert "200.0 to 700.0 W" in card["permission"]


def test_list_shows_what_each_variant_changes(greenbench: Command) -> None:
    """It lists each changed knob with both values, a sweep with all values, and V0 as unchanged."""
    found = {
        v["variant"]: v["differs_from_baseline"]
        for v in json.loads(greenbench("list", "--json").stdout)
    }
    assert found["V0_baseline"] == []
    assert {"knob": "training.precision", "baseline": "fp32", "here": "bf16"} in found[
        "V2_training"
    ]
    assert {"knob": "data.batch_size", "baseline": 32, "here": [16, 32, 64]} in found["V1_data"]
    assert {d["knob"].partition(".")[0] for d in found["V3_inference"]} == {"inference"}
    table = greenbench("list").stdout
    assert "each of 16, 32, 64" in table
    assert "nothing: it is the baseline" in table
