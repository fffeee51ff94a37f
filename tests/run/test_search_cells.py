"""What a search reads of the cells of a block beside V0's."""

from __future__ import annotations

from gates.made import HEADER, cell, one_round

from greenbench.gates.expression import parse
from greenbench.run.search_cells import RecordReader

OTHER_CHANNELS = {"cpu": "measured:rapl"}
READER = RecordReader(
    parse("energy <= V0", ["T2"]), parse("mcc >= V0-0.02"), cell("T2-V0_baseline", (100.0,))
)


def test_joules_of_other_channels_than_v0s_cannot_win() -> None:
    """A point whose joules are of other channels is no evidence, and both sides are named."""
    rounds = [one_round(0, 50.0, sources=OTHER_CHANNELS)]
    flaw = READER.reading(cell("T2-K0_x", rounds=rounds)).flaw
    assert flaw.startswith("NOT-COMPARABLE: scope: ")
    assert "rapl" in flaw
    assert "cpu-seconds" in flaw


def test_other_rows_than_v0s_cannot_win() -> None:
    """A point that read other data is no evidence, as a gate would refuse it."""
    data = {"source": "generated", "sha256": "e" * 64, "split_sizes": {"test": 50}}
    flaw = READER.reading(cell("T2-K0_x", (50.0,), data=data)).flaw
    assert (
        flaw
        == "NOT-COMPARABLE: data: generated eeeeeeeeeeee 50 here, generated dddddddddddd 100 in V0"
    )


def test_what_differs_in_nothing_but_its_knobs_may_win() -> None:
    """A cell of the same machine, rows and channels has no flaw."""
    assert READER.reading(cell("T2-K0_x", (50.0,), header=HEADER)).flaw == ""
