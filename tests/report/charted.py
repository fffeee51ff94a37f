"""Results that charts have something to say about: a factorial of three stages in blocks."""

from __future__ import annotations

import itertools
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from analysis.made import BASE, session
from gates.made import HEADER

from greenbench.gates.verdict import Measured
from greenbench.report.charts import Figure, drawn
from greenbench.report.report_data import ReportData, report_data
from greenbench.results.fields import Fields
from greenbench.results.reading import CellRecord, RunHeader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SESSION = {"id": "made up", "started": "2026-01-01T00:00:00Z"}
SVG = "{http://www.w3.org/2000/svg}"
FACTORS = {"data": (0.3, 1, 1, 1), "training": (1, 1, 0.5, 1), "inference": (1, 1, 1, 0.7)}
"""What each stage, turned on, multiplies the joules of the stages by."""
RIGHT = {"data": 90, "training": 88, "inference": 80}


def means() -> dict[str, tuple[tuple[str, ...], list[float]]]:
    """Return the variants of all combinations, with what is on and the joules of each stage."""
    variants = {"V0_baseline": ((), list(BASE))}
    for size in (1, 2, 3):
        for on in itertools.combinations(FACTORS, size):
            joules = list(BASE)
            for name in on:
                joules = [j * f for j, f in zip(joules, FACTORS[name], strict=True)]
            variants[f"F{2**size - 1}_{'_'.join(on)}"] = (on, joules)
    return variants


def cells(blocks: int = 4) -> list[dict[str, Any]]:
    """Return the records of all combinations; those with inference on answer fewer rows right."""
    right = {}
    for name, (on, _) in means().items():
        right[name] = min([90, *(RIGHT[stage] for stage in on)])
    found = session(means(), blocks=blocks, noise=0.02, right=right)
    for record in found:
        score = (right[record["variant"]] - 50) / 50
        record["quality"] = {"mcc": {"value": score, "n": 100}}
        total = sum(means()[record["variant"]][1])
        record["energy"] = {"total_j": {"value": total, "uncertainty": 0.5 * total}}
        for one in record["rounds"]:
            one["machine"] = {"cpu": {"others_cores": 0.1, "temperature_c": {"end": 50.0}}}
    return found


def of_records(records: Sequence[dict[str, Any]]) -> ReportData:
    """Return what a report is made of, from the records of one session."""
    header = RunHeader.of(Fields({**HEADER, "session": SESSION}, "made up"))
    measured = []
    for raw in records:
        measured.append(Measured(record=CellRecord.of(raw), header=header, origin="made up"))
    return report_data("made up", measured)


@cache
def factorial() -> ReportData:
    """Return the factorial, read once for all tests."""
    return of_records(cells())


@cache
def figures() -> dict[str, Figure]:
    """Return the figures of the factorial by name."""
    return {figure.name: figure for figure in drawn(factorial(), width=340)}


def texts(svg: str) -> list[str]:
    """Return the texts of an SVG; raises ParseError if it is none."""
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def colours(svgs: Iterable[str]) -> set[str]:
    """Return the colours that SVGs use."""
    found: set[str] = set()
    for svg in svgs:
        found.update(re.findall(r"#[0-9a-fA-F]{6}\b", svg))
    return found
