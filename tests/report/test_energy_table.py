"""The second table shows what is known, channel by channel, and leaves out what is not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from records import cell_record
from rich.console import Console

from greenbench.report import energy_table as breakdown

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord


def known(value: float | None) -> dict:
    """Return a quantity of a results file."""
    return {"value": value, "uncertainty": None if value is None else value / 10}


def shown(*records: CellRecord) -> str:
    """Return what is printed of ``records``."""
    out = io.StringIO()
    breakdown.show(Console(file=out, width=200), records)
    return out.getvalue()


def record(name: str, **energy: float | None) -> CellRecord:
    """Return what the table needs of a cell."""
    raw = {
        "id": name,
        "energy": {f"{k}_j": known(v) for k, v in energy.items()},
        "efficiency": {"j_per_sample": known(0.5), "j_per_correct": known(None)},
    }
    return cell_record(raw)


def test_totals_stand_side_by_side() -> None:
    """GPU alone, all channels and what is above the idle machine's."""
    text = shown(record("T2-V0", gpu=300.0, cpu=100.0, dram=20.0, total=420.0, total_net=250.0))
    for part in (
        "in all",
        "above idle",
        "300 +- 30 J",
        "420 +- 42 J",
        "250 +- 25 J",
        "0.500 +- 0.050 J",
    ):
        assert part in text
    assert "correct" not in text


def test_a_single_channel_is_not_shown_twice() -> None:
    """Where only the CPU is known, its joules are all there are."""
    text = shown(record("T2-V0", cpu=100.0, total=100.0), record("T2-V1", cpu=None, total=None))
    assert "CPU" in text
    assert "GPU" not in text


def test_nothing_known_prints_nothing() -> None:
    """Cells that failed have no second table, nor have files of an older greenbench."""
    assert shown(cell_record({"id": "T2-V0"})) == ""
