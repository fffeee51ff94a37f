"""Sessions are numbered by their start, and where their environments differ is shown."""

from __future__ import annotations

from typing import Any

from report.sessions import cell

from greenbench.gates.verdict import Measured
from greenbench.report.page.circumstances import MOST_COMPARED, NumberedSessions
from greenbench.results.fields import Fields
from greenbench.results.reading import RunHeader


def measured(number: int, **environment: Any) -> Measured:
    """Return a cell of a session that started in this minute."""
    raw = {
        "profile": "tiny",
        "session": {"id": f"s{number}", "started": f"2026-11-30T00:{number:02}:00Z"},
        "environment": {"cpu": {"model": "EPYC"}, **environment},
    }
    header = RunHeader.of(Fields(raw, "made up"))
    return Measured(record=cell("T2-V0_baseline", [1.0]), header=header)


def test_sessions_are_numbered_by_their_start() -> None:
    """Whatever order their cells come in."""
    late, early = measured(9), measured(1)
    sessions = NumberedSessions([late, early, late])
    assert (sessions.number_of(early), sessions.number_of(late)) == (1, 2)
    assert [line.cells for line in sessions.lines()] == [1, 2]


def test_only_entries_that_differ_are_shown_and_lacking_ones_are_named() -> None:
    """Nested entries have a dotted name."""
    packages = {"torch": "2.13.0", "numpy": "2.4.6"}
    one = measured(1, packages=packages, gpus=[{"name": "H200"}])
    two = measured(2, packages={**packages, "torch": "2.12.0"})
    differences = NumberedSessions([one, two]).differences()
    assert differences is not None
    assert differences.rows == (
        ("packages.torch", "2.13.0", "2.12.0"),
        ("gpus.0.name", "H200", "not stated"),
    )


def test_one_session_has_nothing_to_differ_from_and_of_many_the_newest_are_compared() -> None:
    """The number of those that are left out is stated."""
    assert NumberedSessions([measured(1)]).differences() is None
    many = NumberedSessions([measured(number) for number in range(10)]).differences()
    assert many is not None
    assert many.rows == ()
    assert (len(many.sessions), many.left_out) == (MOST_COMPARED, 10 - MOST_COMPARED)
