"""A suite in miniature for scenario tests: three variants of a task whose pipeline needs no torch.

``write(folder)`` writes experiment.md, variants/, a bench test and a conftest.py that overrides
``dataset``, ``model``, ``toggles`` and ``power``. The stages burn a little CPU and answer with
fixed probabilities. Environment variables change what a cell does:

- ``STUB_JOULES`` are the joules of a round, in place of an estimate by processor time, which other
  processes disturb: ``T2-V1_fast=0.9``. Without it a round takes 1 J, or ``STUB_TIMES`` joules;
  seeds differ by up to 2 %, in another order for each variant
- ``STUB`` names a cell and its fault, one of raise, kill, interrupt, assert, exit (by
  ``os._exit(0)``), ctrl-c (a signal to the process group, which must be its own) and
  ctrl-c-twice, sigterm (to the group too), stop (by ``pytest.exit`` with 0), exec (another program
  takes the process): ``T2-V1_fast=raise``
- ``STUB_ROUND`` is the round, from 0, in which kill or ctrl-c happens; without it in every one
- ``STUB_TIMES`` is how many times as long training takes (5 ms of processor time)
- ``STUB_ROWS`` is the number of test rows, ``STUB_RIGHT`` the share of them that a cell gets right:
  ``T2-V1_fast=0.95``
- ``STUB_SCORING`` is how many seconds scoring takes
- ``STUB_NAN`` and ``STUB_CONSTANT`` name a variant whose score is NaN or whose outputs are equal
- ``STUB_ECHO`` gives all cells the same outputs, up to a difference of so much; with
  ``STUB_TEXTS`` these are texts, not classes
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import installed_packages
import pytest
import results_validity
import session_forks

if TYPE_CHECKING:
    from pathlib import Path

LEAN = "-p no:anyio -p no:typeguard -p no:hypothesispytest -p no:platformdirs"
"""Options that leave out plugins of dependencies: importing them takes longer than a session."""

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
LIBRARIES = (
    "numpy",
    "scipy.special",
    "zeus.device",
    "greenbench.machine.control.context",
    "greenbench.machine.energy",
    "greenbench.plugin.suite",
    "greenbench.report.junit",
    "greenbench.report.summary",
    "greenbench.run.measure",
    "greenbench.run.session",
    "greenbench.stats.packing",
    "greenbench.stats.paired",
    "greenbench.stats.translation_answers",
)
"""Imports of a session that take long, or that a process cannot make twice."""

EXPERIMENT = """
# Experiment

## Tasks and data sets

| Task | Description | Data set | Split notes |
|---|---|---|---|
| T2 | stub | stub | none |

## Models

| Model | Base model | Tasks | Notes |
|---|---|---|---|
| M2 | stub | T2 | none |

## Variants

| Variant | Folder | Data | Architecture | Training | System | Inference |
|---|---|---|---|---|---|---|
| Baseline | `V0_baseline` | all defaults | FP32 | AdamW | default | all layers |
| Fast | `V1_fast` | - | - | bf16 | - | - |
| Capped | `V10_capped` | - | - | - | power cap | - |

## Directory checklist

| Folder | run.sh | README.md | config.yaml |
|---|---|---|---|

## Changelog

| Date | Change |
|---|---|
| 2026-11-23 | made |
"""

CONFIGS = {
    "V0_baseline": "# the baseline\n",
    "V1_fast": "training:\n  precision: bf16\n",
    "V10_capped": "system:\n  gpu_power_fraction: 0.7\n",
}

ALL_APPLY = """

def all_applied(self):
    from greenbench.options import differences
    proofs = []
    for change in differences(self.cell.options):
        stage, knob = change.knob.split(".")
        if stage != "system":
            value = change.here
            proofs.append(Applied(stage=stage, knob=knob, asked=value, got=value, how="stub"))
    return tuple(proofs)


StubToggles.applied = all_applied
"""
"""Further lines of conftest.py, with which every knob of a cell is read back as it is asked."""

CONFTEST = """
import contextlib, os, signal, sys, time
from pathlib import Path
from types import SimpleNamespace

import pytest
from greenbench.machine.energy import meter
from greenbench.machine.energy.estimate import CpuEstimate, estimated
from greenbench.plugin import use_matrix
from greenbench.stats import bootstrap, classification_answers as outcomes
from greenbench.testing.meter import PlantedJoules
from greenbench.types import AnsweredRow, Applied, Judged, Metric

HERE = Path(__file__).parent
TORCH_WAS_LOADED = "torch" in sys.modules  # by the process that runs this session inside itself


class StubEstimate(CpuEstimate):
    joules = PlantedJoules({})  # of all stages of this process

    def begin(self, key):
        self.joules.begin(key)

    def end(self, key):
        joules = self.joules.end(key) or 0.0
        return estimated(joules / self.core.watts, self.core)

    def cancel(self, key):
        self.joules.cancel(key)


def pytest_configure(config):
    use_matrix(config, HERE / "experiment.md", HERE / "variants")
    patch = pytest.MonkeyPatch()
    patch.setattr(meter, "CpuEstimate", StubEstimate)
    config.add_cleanup(patch.undo)


def named(variable):
    return dict(p.split("=") for p in os.environ.get(variable, "").split(",") if p)


def steady_kernel(_seconds):
    began = time.perf_counter()  # counts by the clock: its rate is the same on a busy machine
    while time.perf_counter() < began + 0.002:
        pass
    return round(1e9 * (time.perf_counter() - began))


class StubToggles:
    compiles = converts = shortens = heals = False

    def __init__(self, cell):
        self.cell, self.finetunes = cell, cell.options.training.finetune
        self.fault = named("STUB").get(cell.id)

    def check(self):
        pass

    def quiet(self):
        return contextlib.nullcontext()

    def reset(self, seed):
        self.seed = seed

    def synchronize(self):
        pass

    def uses(self, share):
        planted = named("STUB_JOULES").get(self.cell.id, os.environ.get("STUB_TIMES", "1"))
        percent = (7 * self.seed + len(self.cell.variant)) % 5 - 2
        StubEstimate.joules.spend(float(planted) * share * (1 + percent / 100))

    def data(self, train, test, model, seed, *, valid):
        self.uses(0.05)
        return len(test)

    def architecture(self, model):
        self.uses(0.05)
        return "net"

    def training(self, net, batches):
        self.uses(0.7)
        end = time.process_time() + 0.005 * float(os.environ.get("STUB_TIMES", "1"))
        while time.process_time() < end:
            pass
        if self.fault == "raise":
            raise ValueError("the stub fails here\\nand says more")
        if self.fault == "kill" and self.seed == int(os.environ.get("STUB_ROUND", self.seed)):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "ctrl-c" and self.seed != int(os.environ.get("STUB_ROUND", self.seed)):
            return net
        if self.fault in ("ctrl-c", "ctrl-c-twice"):
            os.killpg(0, signal.SIGINT)
        if self.fault == "ctrl-c-twice":
            time.sleep(0.2)  # signals of one kind that wait together are one
            os.killpg(0, signal.SIGINT)
        if self.fault == "sigterm":
            os.killpg(0, signal.SIGTERM)
            time.sleep(60)
        if self.fault == "interrupt":
            raise KeyboardInterrupt
        if self.fault == "exit":
            os._exit(0)
        if self.fault == "stop":
            pytest.exit("the stub stops here", returncode=0)
        if self.fault == "exec":
            os.execv("/bin/true", ["true"])
        return net

    def inference(self, net, batches):
        self.uses(0.2)
        reduced = self.cell.options.training.precision == "bf16"
        rounded = float(os.environ.get("STUB_ECHO", "0.01")) if reduced else 0
        right = round(batches * float(named("STUB_RIGHT").get(self.cell.id, 1)))
        answers = [0.9 + rounded, 0.1] * (batches // 2)
        return answers[:right] + [1 - p for p in answers[right:]]

    def yardstick(self):
        return steady_kernel

    memory_yardstick = yardstick

    def applied(self):
        got = self.cell.options.training.precision
        return (Applied(stage="training", knob="precision", asked=got, got=got, how="stub"),)

    def doubts(self):
        return ("this is a stub",)

    def work(self, net, batches):
        return {"samples_scored": batches, "flops_training": 1000, "flops_inference": 10}


class StubData:
    def __init__(self, variant):
        self.variant = variant

    train = valid = test = tuple(range(int(os.environ.get("STUB_ROWS", "10"))))
    deciding = ()
    facts = {
        "asked": "generated",
        "source": "stub",
        "sha256": "0" * 64,
        "split_sizes": {"test": len(test)},
    }

    def mcc(self, answers):
        rows = len(answers.labels)
        if os.environ.get("STUB_NAN") == self.variant:
            return Metric(value=float("nan"), n=rows)
        if "STUB_RIGHT" not in os.environ:
            return Metric(value=0.5, n=rows)
        (drawn,) = bootstrap.replicates_of_each([answers], ["mcc"])
        low, high = bootstrap.interval(drawn["mcc"])
        return Metric(value=bootstrap.point(answers)["mcc"], n=rows, low=low, high=high)

    def judge(self, outputs, deciding):
        time.sleep(float(os.environ.get("STUB_SCORING", "0")))
        reasons = ("one output for all",) if os.environ.get("STUB_CONSTANT") == self.variant else ()
        labels = [1, 0] * (len(outputs) // 2)
        answers = outcomes.Outcomes.of(labels, outputs, threshold=0.5, rows=["row"] * len(outputs))
        return Judged(
            quality={"mcc": self.mcc(answers)},
            references={"majority": {"mcc": 0.0}},
            outcomes={} if "STUB_TEXTS" in os.environ else outcomes.record(answers),
            degenerate=reasons,
            answered=tuple(self.rows(outputs)),
        )

    def rows(self, outputs):
        for number, output in enumerate(outputs):
            text = {"source": f"row {number}", "expected": "", "output": str(output)}
            yield AnsweredRow(row=number, outcome="stub", right=True, **text)


class StubPower:
    def __init__(self, cell):
        asked = cell.options.system.gpu_power_fraction
        note = "" if asked is None else "not applied: a stub sets nothing"
        self.applied = (
            Applied(
                stage="system",
                knob="gpu_power_fraction",
                asked=asked,
                got=None,
                how="stub",
                note=note,
            ),
        )
        self.doubts = ()

    def reserve(self):
        pass

    def release(self):
        pass

    def proofs(self, machine):
        return self.applied

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def dataset(cell):
    return StubData(cell.variant)


@pytest.fixture
def model(cell):
    return SimpleNamespace(source="modernbert_tiny", folder=HERE, facts={"sha256": "0" * 64})


@pytest.fixture
def toggles(cell):
    return StubToggles(cell)


@pytest.fixture
def power(cell):
    return StubPower(cell)


@pytest.fixture(scope="session", autouse=True)
def torch_free():
    yield
    assert TORCH_WAS_LOADED or "torch" not in sys.modules
"""

BENCH = """
import os
import pytest
from greenbench.pipeline import Pipeline


@pytest.mark.greenbench(task="T2")
def test_vulnerability(cell, dataset, model, toggles, energy, power, measure):
    result = measure(Pipeline(cell, dataset, model, toggles, energy, power))
    assert cell.id + "=assert" not in os.environ.get("STUB", ""), "the stub's assertion"
    assert result.quality["mcc"].value == 0.5 or "STUB_RIGHT" in os.environ
"""


def write(folder: Path) -> None:
    """Write the suite into ``folder``."""
    (folder / "experiment.md").write_text(EXPERIMENT)
    for name, config in CONFIGS.items():
        variant = folder / "variants" / name
        variant.mkdir(parents=True)
        (variant / "config.yaml").write_text(config)
        (variant / "README.md").write_text(f"# {name}\n")
        (variant / "run.sh").write_text("#!/bin/sh\n")
        (variant / "run.sh").chmod(0o755)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "bench").mkdir()
    (folder / "bench" / "test_vulnerability.py").write_text(BENCH)
    (folder / "pyproject.toml").write_text(
        f'[tool.pytest.ini_options]\naddopts = "--import-mode=importlib {LEAN}"\n'
    )


def run(folder: Path, *arguments: str, **variables: str) -> pytest.RunResult:
    """Run the benchmarks of ``folder`` in a process of their own, forked from a prepared one."""
    return run_pytest(folder, "bench", *arguments, **variables)


def run_pytest(folder: Path, *arguments: str, **variables: str) -> pytest.RunResult:
    """Run pytest in ``folder``, in a process that was forked from a prepared one."""
    if any(name.startswith(("LD_", "PYTHON")) for name in variables):  # read at Python's start
        return process(folder, *PYTEST, *arguments, **variables)
    arguments = ("-p", "no:cacheprovider", *arguments)
    return _result(session_forks.run(folder, arguments, {**os.environ, **variables}))


def process(folder: Path, *command: str, **variables: str) -> pytest.RunResult:
    """Run a command in ``folder``, with environment variables of its own."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    return _result(done)


def _result(done: subprocess.CompletedProcess[str]) -> pytest.RunResult:
    output, errors = done.stdout.splitlines(), done.stderr.splitlines()
    return pytest.RunResult(done.returncode, output, errors, duration=0)


def load_libraries() -> None:
    """Import once what a session inside this process would import again and again.

    After its test pytester drops the modules that were imported in it, and extension modules cannot
    be imported a second time.
    """
    for library in LIBRARIES:
        importlib.import_module(library)
    installed_packages.read_once()
    results_validity.watch()


def run_here(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the benchmarks inside this process, at a quarter of the CPU time of a process."""
    return suite.runpytest_inprocess("bench", "-p", "no:cacheprovider", *arguments)
