"""The command line, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulators.nvml import SimulatedNvml

ROOT = Path(__file__).parent.parent


def greenbench(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    """Run the command in a process of its own."""
    environment = {**os.environ, **variables}
    code = "import sys; from greenbench.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


@pytest.mark.parametrize("module", ["greenbench", "greenbench.cli"])
def test_the_module_is_the_command_line(module: str) -> None:
    """``python -m`` runs the same commands, with the same exit codes."""
    command = [sys.executable, "-m", module]
    checked = subprocess.run([*command, "check"], capture_output=True, text=True, cwd=ROOT)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "agree; tasks: T1, T2" in checked.stdout
    refused = subprocess.run([*command, "nonsense"], capture_output=True, text=True, cwd=ROOT)
    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: greenbench ")


@pytest.mark.parametrize(
    ("command", "more"),
    [("--help", {"yaml", "markdown_it"}), ("check", {"rich.console"}), ("list --json", set())],
)
def test_quick_commands_import_little(command: str, more: set[str]) -> None:
    """What they do not need would be most of their time."""
    code = "import sys, greenbench.cli\ntry:\n    greenbench.cli.main(sys.argv[1:])\n"
    code += "finally:\n    print(*sys.modules, sep='\\n')"
    arguments = command.split()
    listed = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    slow = {"pydantic", "numpy", "torch", "pynvml", "zeus", "rich.table", "pytest", "psutil"}
    assert set(listed.stdout.splitlines()) & (slow | more) == set()
    assert "greenbench.cli" in listed.stdout.splitlines()


def test_check_passes_on_the_project_itself() -> None:
    """experiment.md and variants/ agree."""
    done = greenbench("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 folders of variants/ agree; tasks: T1, T2" in done.stdout


def test_check_lists_what_is_wrong_and_exits_with_2(tmp_path: Path) -> None:
    """No traceback, and the file is named."""
    done = greenbench("check", str(tmp_path))
    assert done.returncode == 2
    assert "experiment.md" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--nonsense",), "--nonsense"), (("-k", "V7"), "-k"), ((".", "second"), "second")],
)
def test_check_refuses_what_it_does_not_know(arguments: tuple[str, ...], named: str) -> None:
    """A word too many is no folder, and no option of pytest's is swallowed."""
    done = greenbench("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"unrecognized arguments: {named}\n" in done.stderr
    assert "usage: greenbench check" in done.stderr


def test_run_passes_arguments_on_in_their_order(suite: pytest.Pytester) -> None:
    """What follows is pytest's, options with values of their own too; one cell runs and exit code 0 comes back."""
    done = greenbench(
        "run",
        "-k",
        "V0 and T2",
        "--green-rounds",
        "2",
        "-p",
        "no:cacheprovider",
        "-rA",
        cwd=suite.path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED bench/test_vulnerability.py::test_vulnerability[T2-V0_baseline]" in done.stdout
    assert "V1_fast" not in done.stdout
    (file,) = (suite.path / "results").glob("*.json")
    assert len(json.loads(file.read_text())["cells"][0]["rounds"]) == 2


@pytest.mark.parametrize(
    ("arguments", "fault", "code"),
    [
        (["-k", "V0"], "T2-V0_baseline=raise", 1),
        (["--green-profile=huge"], "", 4),
        (["-k", "V99"], "", 5),
    ],
)
def test_run_passes_exit_codes_on(
    suite: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    fault: str,
    code: int,
) -> None:
    """A failed cell, a wrong option and an empty selection end as they do in pytest."""
    monkeypatch.setenv("STUB", fault)
    assert (
        greenbench("run", *arguments, "-p", "no:cacheprovider", cwd=suite.path).returncode == code
    )


def test_run_with_plan_prints_it_and_runs_nothing(suite: pytest.Pytester) -> None:
    """``--plan`` may stand anywhere; no result is written."""
    done = greenbench("run", "-k", "V1_", "--plan", "-p", "no:cacheprovider", cwd=suite.path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "greenbench: profile tiny" in done.stdout
    assert "T2-V1_fast: 1 round of" in done.stdout
    assert not (suite.path / "results").exists()


def test_run_without_a_suite_says_where_it_looks(tmp_path: Path) -> None:
    """One sentence names the folder."""
    done = greenbench("run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"greenbench run: there is no folder bench in {tmp_path}")


def test_doctor_says_what_is_missing_and_what_stands_in() -> None:
    """Three channels, and what can be set; what has no counter has a reason."""
    done = greenbench("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = {f["channel"]: f for f in json.loads(done.stdout)}
    assert set(found) == {"gpu", "cpu", "dram", "control"}
    for finding in found.values():
        assert finding["available"] or finding["reason"]
    table = greenbench("doctor")
    assert table.returncode == 0
    assert "channel" in table.stdout


def test_doctor_measures_what_there_is(nvml: SimulatedNvml) -> None:
    """A simulated card: its source says so, and its update period and idle watts are what they are."""
    (gpu,) = nvml.plug()
    gpu.update_s, gpu.power_w = 0.02, 75
    done = greenbench("doctor", "--json", **nvml.environment())
    (card,) = [f for f in json.loads(done.stdout) if f["channel"] == "gpu"]
    assert (card["available"], card["source"]) == (True, "simulated:nvml-counter")
    assert card["update_seconds"] == pytest.approx(0.02, rel=0.3)
    assert card["idle_w"] == pytest.approx(75, abs=max(1, card["idle_uncertainty_w"]))
    assert gpu.uuid in card["device"]
    assert "200.0 to 700.0 W" in card["permission"]


def test_list_shows_what_each_variant_changes() -> None:
    """Knob by knob, with the baseline's value; a sweep with all its values; V0 changes nothing."""
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
