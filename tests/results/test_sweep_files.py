"""Files of power sweeps: whole at any moment, read as they were written, drawn with a source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report import charted

from greenbench.errors import Disagreements
from greenbench.report.charts.power_sweeps import power_figures
from greenbench.results.sweep_files import SweepFile, load_sweeps, measured_points
from greenbench.stats.curve import Point
from greenbench.types import Quantity

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)
KNOB = "gpu_power_fraction"
ABOUT = {"cell": "T2-V0_baseline", "task": "T2", "rounds": 3, "started": "2026-11-30T12:00:00Z"}
JOULES = st.none() | st.floats(0, 1e6)


def point(joules: float | None, seconds: float = 2.0, note: str = "", **settings: float) -> Point:
    """Return a point whose joules come from a simulated card."""
    reason = "" if joules is not None else "no counter"
    both = Quantity(value=joules, uncertainty=2.0, n=3, reason=reason)
    return Point(
        settings=settings,
        seconds={"training": seconds, "inference": seconds / 2},
        joules={"both": both},
        sources=("simulated:nvml-counter",),
        note=note,
    )


POINTS = (
    point(100.0),
    point(80.0, 2.2, gpu_power_fraction=0.8),
    point(70.0, 2.6, gpu_power_fraction=0.6),
    point(10.0, 9.0, "not applied: no permission", gpu_power_fraction=0.2),
)


def write(folder: Path, points: tuple[Point, ...] = POINTS, moment: datetime = MOMENT) -> Path:
    """Write a sweep; return its file."""
    folder.mkdir(exist_ok=True)
    file = SweepFile(folder, moment, dict(ABOUT))
    for one in points:
        file.append(one)
    return file.path


@settings(max_examples=20)
@given(values=st.lists(st.tuples(JOULES, st.floats(0.05, 1)), min_size=1, max_size=5))
def test_what_is_written_is_read(
    values: list[tuple[float | None, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Known joules, and unknown ones with their reason."""
    folder = tmp_path_factory.mktemp("results")
    points = tuple(point(joules, gpu_power_fraction=share) for joules, share in values)
    write(folder, points)
    (kept,) = load_sweeps(folder)
    assert kept.points == points
    assert (kept.cell, kept.rounds, kept.sources) == (
        "T2-V0_baseline",
        3,
        ("simulated:nvml-counter",),
    )


def test_the_points_so_far_are_kept_and_the_newest_sweep_counts(tmp_path: Path) -> None:
    """A sweep of the same second gets a name of its own; a file is whole after each point."""
    file = SweepFile(tmp_path, MOMENT, dict(ABOUT))
    for count, one in enumerate(POINTS, start=1):
        file.append(one)
        (kept,) = load_sweeps(tmp_path)
        assert len(kept.points) == count
    assert write(tmp_path, POINTS[:1]) != file.path
    (kept,) = load_sweeps(tmp_path)
    assert len(kept.points) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no file of a sweep"),
        ('{"cell": "T2-V0"}', "sweep_schema"),
        ('{"sweep_schema": 2}', "found sweep_schema 2, expected one from 1 to 1"),
        (
            '{"sweep_schema": 1, "cell": "a", "task": "", "started": "", "rounds": 1, "points": 3}',
            "points",
        ),
    ],
)
def test_a_damaged_file_is_named(text: str, problem: str, tmp_path: Path) -> None:
    """The sentence says which file it is."""
    file = tmp_path / "sweep_T2-V0_20261130T120000Z.json"
    file.write_text(text)
    with pytest.raises(Disagreements) as caught:
        load_sweeps(tmp_path)
    assert str(file) in str(caught.value)
    assert problem in str(caught.value)


def test_a_sweep_is_drawn_with_its_source_and_rounds(tmp_path: Path) -> None:
    """Settings that did not hold are in the table alone, with the reason."""
    write(tmp_path)
    report = replace(charted.factorial(), sweeps=load_sweeps(tmp_path))
    (figure,) = power_figures(report, 340)
    assert list(figure.drawings) == ["energy", "time"]
    drawn = " ".join(charted.texts(figure.drawings["energy"]))
    assert "simulated joules, n = 3 rounds" in drawn
    assert len(measured_points(POINTS)) == 3
    notes = {row[-1] for row in figure.rows if row[0] == 0.2}
    assert notes == {"not applied: no permission"}


def test_a_knob_at_one_value_makes_no_curve(tmp_path: Path) -> None:
    """Two values beside the machine as it is are the least that a line shows anything of."""
    write(tmp_path, POINTS[:2])
    report = replace(charted.factorial(), sweeps=load_sweeps(tmp_path))
    assert power_figures(report, 340) == []
