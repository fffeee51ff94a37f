"""The second table shows what is known by channel, and is absent if it adds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from records import cell_record

from greenbench.report import energy_table
from greenbench.report.names import ShortNames
from greenbench.results.carbon import CarbonIntensity

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord


def quantity(value: float | None) -> dict:
    """Return a quantity of a results file, with 10 % uncertainty."""
    return {"value": value, "uncertainty": None if value is None else value / 10}


def record(name: str, sample: float | None = 0.5, **energy: float | None) -> CellRecord:
    """Return a cell with these joules by channel."""
    raw = {
        "id": name,
        "energy": {f"{channel}_j": quantity(joules) for channel, joules in energy.items()},
        "efficiency": {"j_per_sample": quantity(sample), "j_per_correct": quantity(None)},
    }
    return cell_record(raw)


def shown(*records: CellRecord, carbon: CarbonIntensity | None = None) -> dict[str, list[str]]:
    """Return the entries of each column."""
    names = ShortNames([record.id for record in records])
    columns = energy_table.columns(records, names, carbon)
    return {column.heading: list(column.texts) for column in columns}


def test_channels_total_and_net_stand_side_by_side() -> None:
    """Each has its uncertainty; what nobody knows (J/correct) has no column."""
    channels = {"gpu": 300.0, "cpu": 100.0, "dram": 20.0}
    cell = record("T2-V0_baseline", **channels, total=420.0, total_net=250.0)
    assert shown(cell) == {
        "cell": ["T2 V0"],
        "GPU": ["300 +- 30 J"],
        "CPU": ["100 +- 10 J"],
        "DRAM": ["20.0 +- 2.0 J"],
        "total": ["420 +- 42 J"],
        "net of idle": ["250 +- 25 J"],
        "J/sample": ["0.500 +- 0.050 J"],
    }


def test_a_single_channel_is_the_total_of_the_first_table() -> None:
    """Only joules by work done are left to show."""
    cells = [record("T2-V0_baseline", cpu=100.0, total=100.0), record("T2-V1_x", cpu=None)]
    assert list(shown(*cells)) == ["cell", "J/sample"]


def test_grams_stand_beside_the_total() -> None:
    """Also where a single channel is the total, and with its relative uncertainty."""
    carbon = CarbonIntensity(g_per_kwh=360.0)
    one = record("T2-V0_baseline", None, cpu=100.0, total=100.0)
    assert shown(one, carbon=carbon) == {
        "cell": ["T2 V0"],
        "total": ["100 +- 10 J"],
        "CO2e": ["0.0100 +- 0.0010 g"],
    }
    two = record("T2-V0_baseline", None, gpu=300.0, cpu=100.0, total=400.0)
    assert list(shown(two, carbon=carbon)) == ["cell", "GPU", "CPU", "total", "CO2e"]


def test_nothing_more_than_the_total_prints_nothing() -> None:
    """Cells that failed have no second table, nor have plain functions of one channel."""
    assert shown(cell_record({"id": "T2-V0_baseline"})) == {}
    assert shown(record("test_x", None, cpu=1.0, total=1.0)) == {}


def test_small_joules_have_a_prefix() -> None:
    """A microjoule is not 0.0000021 J."""
    cell = record("T2-V0_baseline", 2.1e-6)
    assert shown(cell)["J/sample"] == ["2.10 +- 0.21 uJ"]
    assert shown(record("T2-V0_baseline", 0.0021))["J/sample"] == ["2.10 +- 0.21 mJ"]


def test_columns_are_dropped_in_the_stated_order() -> None:
    """Total, J/sample, DRAM, CPU, GPU, net of idle."""
    channels = {"gpu": 300.0, "cpu": 100.0, "dram": 20.0}
    cell = record("T2-V0_baseline", **channels, total=420.0, total_net=250.0)
    columns = energy_table.columns([cell], ShortNames([cell.id]))
    dropped = sorted((column.dropped, column.heading) for column in columns if column.dropped)
    names = [heading for _, heading in dropped]
    assert names == ["total", "J/sample", "DRAM", "CPU", "GPU", "net of idle"]


def test_a_degenerate_cell_has_no_joules_per_correct_output() -> None:
    """One answer for everything is right most of the time."""
    raw = {
        "id": "T2-V1_x",
        "efficiency": {"j_per_sample": quantity(1.0), "j_per_correct": quantity(2.0)},
        "degenerate": ["one answer for all"],
    }
    assert list(shown(cell_record(raw))) == ["cell", "J/sample"]
