"""Made-up sessions for tests of what a terminal shows: cells as results files hold them."""

from __future__ import annotations

import io
import random
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from records import cell_record

from greenbench.gates.verdict import Measured
from greenbench.report.summary import Summary
from greenbench.results.reading import CellRecord, RunHeader
from greenbench.stats.classification_answers import Outcomes, record

if TYPE_CHECKING:
    from collections.abc import Sequence

CPU = {"cpu": "estimated:cpu-seconds*3.72W/core"}
GPU = {"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl"}
LABELS = [1, 0] * 50
ESTIMATED = (
    "cpu energy is estimated:cpu-seconds*3.72W/core, not measured; most of its +- is common to all "
    "cells and leaves their ratios alone"
)
HEADER = RunHeader()
EXPERIMENT: Any = SimpleNamespace(variants=())


def one_round(
    seed: int, joules: float | None, *, seconds: float = 2.0, sources: Any = None, **more: Any
) -> dict[str, Any]:
    """Return a round whose joules are shared out evenly among the channels of ``sources``."""
    sources = sources or CPU
    energy: dict[str, Any] = {"sources": sources, "reasons": {}}
    for channel in ("gpu", "cpu", "dram"):
        known = joules is not None and channel in sources
        energy[f"{channel}_j"] = joules / len(sources) if known and joules else None
    if joules is None:
        energy["reasons"] = {"cpu": "no counter is here"}
    return {"seed": seed, "seconds": seconds, "energy": energy, **more}


def answers(right: int) -> dict[str, Any]:
    """Return outcomes of a classifier that is right on the first ``right`` of a hundred rows."""
    calls = [label if row < right else 1 - label for row, label in enumerate(LABELS)]
    probabilities = [0.9 if call else 0.1 for call in calls]
    outcomes = Outcomes.of(LABELS, probabilities, threshold=0.5, rows=["row"] * len(LABELS))
    return record(outcomes)


def cell(cell_id: str, joules: Sequence[float | None], **more: Any) -> CellRecord:
    """Return a cell with a round for each of ``joules``; ``right`` of its 100 answers are right.

    ``metric`` and ``score`` are another score than the task's, and what each round has of it.
    """
    task, _, rest = cell_id.partition("-")
    right = more.pop("right", 90)
    sources = more.pop("sources", CPU)
    answered = more.pop("answered", [])
    metric = more.pop("metric", "mcc" if task == "T2" else "pass_at_1")
    score = {"value": 2 * right / 100 - 1, "low": 2 * right / 100 - 1.1, "high": right / 100}
    score = more.pop("score", score)
    rounds = []
    for seed, value in enumerate(joules):
        inner = {"quality": {metric: score}, "applied": more.get("applied", [])}
        if task == "T2":
            inner["outcomes"] = answers(right)
        if seed == 0:
            inner["answered"] = answered
        seconds = (value or 10.0) / 7
        rounds.append(one_round(seed, value, seconds=seconds, sources=sources, **inner))
    total = None if None in joules or not joules else sum(joules) / len(joules)  # type: ignore[arg-type]
    raw = {
        "id": cell_id,
        "task": task,
        "variant": rest.partition("-")[0],
        "rounds": rounds,
        "quality": {metric: score} if rounds else {},
        "energy": {"total_j": {"value": total, "uncertainty": 0.8 * total if total else None}},
        "efficiency": {"j_per_sample": {"value": total / 1000 if total else None}},
        **more,
    }
    return cell_record(raw)


def twenty(rounds: int = 1) -> list[CellRecord]:
    """Return both tasks with ten cells each: savers, losers, sweeps, and each kind of flaw."""
    rng = random.Random(7)
    factors = {
        "V0_baseline": 1.0,
        "V1_data-b16": 0.94,
        "V1_data-b32": 1.04,
        "V1_data-b64": 0.97,
        "V2_training": 5.72,
        "V3_inference": 1.14,
        "V4_architecture": 0.55,
        "V5_data_training": 5.91,
        "V6_data_inference_training": 0.62,
        "V7_all_optimised": 0.97,
    }
    cells = []
    for task in ("T1", "T2"):
        for place, (variant, factor) in enumerate(factors.items()):
            values = [48 * factor * rng.uniform(0.98, 1.02) for _ in range(rounds)]
            rate = 153.7 - place
            doubts = [
                ESTIMATED,
                f"reference-kernel throughput changed (153.7 to {rate:.1f} GFLOP/s)",
            ]
            if rounds == 1:
                doubts.append("1 round: the +- lacks the spread between rounds")
            more: dict[str, Any] = {"doubts": doubts, "right": 90 - 3 * (place == 6)}
            if variant == "V7_all_optimised":
                more |= capped(doubts)
            cells.append(cell(f"{task}-{variant}", values, **more))
    cells[3] = cell("T1-V1_data-b64", [], status="failed", error="ValueError: no \x1b[31mgood")
    cells[5] = cell("T1-V3_inference", [50.0] * rounds, degenerate=["one answer for all"])
    cells[13] = cell("T2-V1_data-b64", [48.0] * rounds, sources={"cpu": "zeus:rapl"})
    cells[15] = cell("T2-V3_inference", [48.0] * rounds, effect="NO-EFFECT", without_effect=["k"])
    cells[12] = cell("T2-V1_data-b32", [None] * rounds)
    return cells


def capped(doubts: Sequence[str]) -> dict[str, Any]:
    """Return what a cell has whose power cap was not applied."""
    note = "not applied: no device here can set it"
    proof = {
        "stage": "system",
        "knob": "gpu_power_fraction",
        "asked": 0.7,
        "got": None,
        "how": "driver",
        "note": note,
    }
    doubt = f"system.gpu_power_fraction = 0.7: {note}"
    return {"status": "partial", "applied": [proof], "doubts": [*doubts, doubt]}


def forty() -> list[CellRecord]:
    """Return forty cells whose variants' names have 60 characters, and share a number in pairs."""
    cells = [cell("T2-V0_baseline", [100.0, 101.0, 99.0], sources=GPU)]
    for number in range(39):
        name = f"V{1 + number // 2}_{'abcdefghij' * 6}"[:58] + f"_{number % 2}"
        joules = [value * (0.6 + number / 40) for value in (100.0, 102.0, 98.0)]
        cells.append(cell(f"T2-{name}", joules, sources=GPU, doubts=[f"warning {'x' * number}"]))
    return cells


class Writer:
    """What the summary needs of pytest's terminal writer."""

    def __init__(self, width: int, *, colour: bool) -> None:
        """Write into a text."""
        self._file = io.StringIO()
        self.fullwidth = width
        self.hasmarkup = colour


class Terminal:
    """What the summary needs of pytest's terminal reporter."""

    def __init__(self, width: int, *, colour: bool = False) -> None:
        """Write into a text."""
        self._tw = Writer(width, colour=colour)

    def section(self, title: str, sep: str) -> None:
        """Write a title, as pytest does."""
        self._tw._file.write(f" {title} ".center(self._tw.fullwidth - 1, sep) + "\n")

    @property
    def text(self) -> str:
        """What was written, without spaces at the ends of lines."""
        lines = self._tw._file.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines) + "\n"


def shown(
    records: Sequence[CellRecord],
    width: int = 80,
    *,
    colour: bool = False,
    verbose: bool = False,
    selected: Sequence[str] = (),
    **more: Any,
) -> str:
    """Return what a session of these cells prints; ``more`` are attributes of the summary."""
    summary = Summary(Path(), verbose=verbose)
    summary.records = list(records)
    for name, value in more.items():
        setattr(summary, name, value)
    terminal: Any = Terminal(width, colour=colour)
    measured = [Measured(record=r, header=HEADER) for r in records if r.variant]
    summary.show(
        terminal,
        measured=measured,
        selected=selected,
        paths=[],
        keyword="",
        experiment=EXPERIMENT,
    )
    text: str = terminal.text
    return text
