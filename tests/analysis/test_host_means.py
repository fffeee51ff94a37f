"""A run on several hosts is analysed by its hosts, each of which counts as one block."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import pytest
from analysis import made

from greenbench.analysis.analyse import analyse
from greenbench.report.analysis import markdown

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.analysis.simultaneous import Bounded

T_OF_2 = 4.302653
"""Student's t of two degrees of freedom, 97.5 %."""


def night(folder: Path, ratios: dict[str, list[float]]) -> Path:
    """Write a job for each block of a host: V0, and a variant that takes a ratio of its joules."""
    number = 0
    for level, (host, of_host) in enumerate(ratios.items(), start=1):
        for ratio in of_host:
            cells = []
            for name, on, share in (("V0_baseline", (), 1.0), ("V1_fast", ("training",), ratio)):
                joules = [level * share * stage for stage in made.BASE]
                measured = made.one_round(number, 0, joules, **made.quality(80))
                cells.append(made.cell(name, on, [measured]))
            place = f"slurm {number} on {host}"
            allocation = {"run": "night", "job": f"b{number}", "place": place, "host": host}
            started = f"202601{number + 1:02}T000000Z"
            session = {"id": f"n{number}", "started": started, "allocation": allocation}
            made.write(folder, cells, started, session=session)
            number += 1
    return folder


def ratio_of(folder: Path) -> Bounded:
    """Return what the variant's joules have to V0's, with their interval."""
    (task,) = analyse(folder).tasks
    assert task.choice is not None
    return next(one.energy for one in task.choice.candidates if one.cell == "T2-V1_fast")


def test_the_interval_is_that_of_the_hosts_means(tmp_path: Path) -> None:
    """By hand: t of three hosts; the host with most blocks has no more weight than the others."""
    ratios = {"a": [0.4, 0.41, 0.4, 0.39, 0.4], "b": [0.8, 0.82], "c": [1.2]}
    means = [statistics.fmean(map(math.log, of_host)) for of_host in ratios.values()]
    half = T_OF_2 * statistics.stdev(means) / math.sqrt(3)
    found = ratio_of(night(tmp_path / "night", ratios))
    mean = statistics.fmean(means)
    expected = (math.exp(mean), math.exp(mean - half), math.exp(mean + half))
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-3)


def test_n_is_the_number_of_hosts(tmp_path: Path) -> None:
    """Hosts that agree prove a saving, and it says how many there were; one host has blocks."""
    alike = night(tmp_path / "alike", {"a": [0.5, 0.51], "b": [0.5, 0.49], "c": [0.5, 0.5]})
    text = markdown(analyse(alike))
    assert "V1: it saves 50" in text
    assert "n = 3 hosts" in text
    assert "6 sessions on 3 hosts, whose means are compared" in text
    one = markdown(analyse(night(tmp_path / "one", {"a": [0.5, 0.51, 0.5]})))
    assert "n = 3 blocks" in one
    assert "hosts" not in one
