"""A cell over power limits and clocks: the points tried, the best one, and what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from greenbench.cli import main
from greenbench.errors import UsageError
from greenbench.report import sweep as report
from greenbench.results.sweep_files import load_sweeps, measured_points
from greenbench.run import sweep as sweeping
from greenbench.stats import curve
from greenbench.stats.curve import Point
from greenbench.types import Quantity

if TYPE_CHECKING:
    from greenbench.run.session import Session
    from tests.simulators.nvml import SimulatedNvml

ROOT = Path(__file__).parents[2]


def point(joules: float | None, seconds: float, note: str = "", **settings: float) -> Point:
    """Return a point that took so much, half of it in each stage."""
    each = dict.fromkeys(sweeping.SWEPT, seconds / 2)
    parts = {
        s: Quantity(value=None if joules is None else joules / 2, uncertainty=1.0)
        for s in sweeping.SWEPT
    }
    both = Quantity(
        value=joules, uncertainty=2.0, reason="" if joules is not None else "no counter"
    )
    return Point(
        settings=settings,
        seconds=each,
        joules={**parts, "both": both},
        sources=("zeus:nvml-counter",),
        note=note,
    )


CURVE = [
    point(1000, 10.0),
    point(900, 10.4, gpu_power_fraction=0.8),
    point(700, 13.0, gpu_power_fraction=0.6),
    point(100, 11.0, note="not applied: no permission", gpu_power_fraction=0.5),
]


def test_the_first_point_leaves_the_machine_as_it_is() -> None:
    """Then each knob by itself."""
    tried = list(curve.settings(("a", "b"), (0.9, 0.5)))
    assert tried == [{}, {"a": 0.9}, {"a": 0.5}, {"b": 0.9}, {"b": 0.5}]


def test_the_best_points_are_named() -> None:
    """The least energy, and the least at 5 % more time, of the points whose settings held."""
    assert curve.least(CURVE) is CURVE[2]
    assert curve.least_without_loss(CURVE) is CURVE[1]


def test_without_energy_nothing_is_best() -> None:
    """A machine that tells no joules has times alone."""
    unknown = [point(None, 1.0), point(None, 0.5, gpu_power_fraction=0.8)]
    assert curve.least(unknown) is curve.least_without_loss(unknown) is None
    assert "no energy is known for any point" in report.lines(unknown, None, None)[-1]


def shown(points: list[Point]) -> str:
    """Return what is printed."""
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    report.show(console, points, curve.least(points), curve.least_without_loss(points))
    return console.export_text()


def test_the_curve_is_plotted_and_the_lines_can_be_pasted() -> None:
    """Bars of energy and time, notes, source, both points, and YAML for each."""
    text = shown(CURVE)
    assert "gpu_power_fraction 0.6  energy #####################" in text
    assert "- gpu_power_fraction 0.5: not applied: no permission" in text
    assert "energy source: zeus:nvml-counter" in text
    assert "least energy: gpu_power_fraction 0.6, 700.0 +- 2.0 J in 13 s" in text
    assert (
        "least energy at most 5 % slower: gpu_power_fraction 0.8, 900.0 +- 2.0 J in 10.4 s" in text
    )
    assert "# least energy: for config.yaml\nsystem:\n  gpu_power_fraction: 0.6\n" in text


def test_a_difference_within_the_uncertainty_is_told() -> None:
    """No knob is praised for what the next round may take back."""
    assert "overlaps with that of the machine as it is" in shown(
        [point(1000, 10.0), point(999, 10.0, gpu_power_fraction=0.9)]
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("T9-V0",), "there is no cell 'T9-V0'; there are T1-V0_baseline, T1-V1_data-b16"),
        (
            ("T2-V0_baseline", "--knobs", "cpu_threads"),
            "--knobs cpu_threads: it is none of gpu_power_fraction",
        ),
        (
            ("T2-V0_baseline", "--green-rounds", "none"),
            "--green-rounds: found 'none'; give a whole number from 1",
        ),
        (
            ("T2-V0_baseline", "--green-data", "T2=a.csv", "--green-data", "T8=b.csv"),
            "--green-data: there is no task 'T8'",
        ),
    ],
)
def test_a_wrong_argument_is_an_error_of_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is 2, and nothing was loaded."""
    monkeypatch.chdir(ROOT)
    assert main(["sweep-power", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--green-rounds",), "argument --green-rounds: expected one argument"),
        (("-k", "V0"), "unrecognized arguments: -k V0"),
        (("--green-round", "3"), "unrecognized arguments: --green-round 3"),
        (("--green-gate", "energy <= 5"), "unrecognized arguments: --green-gate energy <= 5"),
        (("--fractions", "half"), "argument --fractions: half: give fractions above 0"),
        (("--fractions", "1.5"), "argument --fractions: 1.5: give fractions above 0"),
    ],
)
def test_an_unknown_option_is_refused(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Misspelt options, pytest's, and those that a sweep would ignore end with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(["sweep-power", "T2-V0_baseline", *arguments])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_options_of_the_session_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """All values of a repeated option reach the settings, and the last of one that is not."""
    taken = []

    def stop(session: Session, _cell: str) -> None:
        taken.append(session.settings)
        raise UsageError("enough")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("greenbench.run.sweep.chosen", stop)
    data = ("--green-data", "T2=a.csv", "--green-data=T1=b.csv")
    rounds = ("--green-rounds", "2", "--green-rounds", "3")
    assert main(["sweep-power", "T2-V0_baseline", *data, *rounds, "--green-unsafe-exec"]) == 2
    (settings,) = taken
    assert settings.data == {"T2": "a.csv", "T1": "b.csv"}
    assert (settings.rounds, settings.unsafe_exec) == (3, True)


@pytest.mark.slow
@pytest.mark.alone
def test_a_real_cell_is_swept_and_the_card_is_as_before(
    nvml: SimulatedNvml, tmp_path: Path
) -> None:
    """On a simulated card a lower clock draws less; a limit below the lowest costs one point."""
    (gpu,) = nvml.plug()
    gpu.privileged, gpu.power_limit_w, gpu.load, gpu.sm_clock_mhz = True, 650, 1, 1980
    environment = {
        **os.environ,
        **nvml.environment(),
        "GREENBENCH_STATE": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
    }
    code = "import sys; from greenbench.cli import main; sys.exit(main())"
    arguments = [
        "sweep-power",
        "T2-V0_baseline",
        "--fractions",
        "0.2",
        "--green-gpus",
        "all",
        "--green-device",
        "cpu",
        "--green-size",
        "T2=train:96,valid:16,test:48",
        "--green-results",
        str(tmp_path / "results"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "simulated:nvml-counter" in done.stdout
    assert (
        "gpu_power_fraction 0.2: system.gpu_power_fraction: 0.2 is 140 W on Simulated H200"
        in done.stdout
    )
    assert "least energy: gpu_clock_fraction 0.2" in done.stdout
    assert (gpu.power_limit_w, gpu.locked_sm_mhz) == (650, 0)
    assert not list((tmp_path / "state").rglob("*.journal"))
    (kept,) = load_sweeps(tmp_path / "results")
    assert (kept.cell, kept.task, len(kept.points)) == ("T2-V0_baseline", "T2", 3)
    assert "simulated:nvml-counter" in kept.sources
    assert len(measured_points(kept.points)) == 2
