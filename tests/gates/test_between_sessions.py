"""Gates on cells of two sessions without V0 as their control."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import HEADER, cell

from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.verdict import Measured, Verdict

STEADY = (100.0, 100.5, 99.5)
HEAD = "head"


def measured(
    factor: float,
    name: str = "T2-V1_x",
    *,
    commit: str | None = HEAD,
    session: str | None = None,
    **environment: Any,
) -> Measured:
    """Return a cell in a session of its own, with ``factor`` times the joules and seconds."""
    known = {**HEADER["environment"], "git": {"commit": commit, "dirty": False}, **environment}
    joules = [factor * value for value in STEADY]
    header = {**HEADER, "environment": known, "session": {"id": session}}
    return cell(name, joules=joules, header=header)


def verdict(
    gate: str, here: Measured, there: Measured, *, earlier: Sequence[Measured] = (), **more: Any
) -> Verdict:
    """Judge one cell by its earlier self, beside further sessions."""
    references = References(
        saved={there.id: there}, saved_name="main.json", sessions=lambda _name: earlier, **more
    )
    (found,) = judge(parse(gate), {here.id: here}, references)
    return found


def base(*factors: float, **more: Any) -> list[Measured]:
    """Return sessions of the base's code."""
    return [measured(factor, commit="base", **more) for factor in factors]


@pytest.mark.parametrize(
    ("gate", "factor", "outcome"),
    [
        ("energy <= saved", 1.15, "INCONCLUSIVE"),
        ("energy <= saved", 0.85, "INCONCLUSIVE"),
        ("energy <= saved", 1.5, "REGRESSED"),
        ("energy <= saved", 0.6, "PASS"),
        ("energy <= 1.5*saved", 1.0, "PASS"),
        ("energy <= saved+60", 1.1, "PASS"),
        ("energy <= saved+1", 1.1, "INCONCLUSIVE"),
    ],
)
def test_without_a_control_only_changes_beyond_any_state_of_a_machine_are_proven(
    gate: str, factor: float, outcome: str
) -> None:
    """A quarter was the most that sessions differed by; in joules it is a quarter of the cell's."""
    found = verdict(gate, measured(factor), *base(1.0))
    assert found.outcome == outcome
    if outcome == "INCONCLUSIVE":
        assert "the spread between sessions is unknown" in found.reason
        assert found.rounds_needed is None


def test_the_sentence_says_why_what_is_known_and_what_helps() -> None:
    """All in one sentence."""
    found = verdict("energy <= saved", measured(1.15), *base(1.0))
    assert found.reason == (
        "without V0 in either run, and with 2 comparable sessions the spread between sessions is "
        "unknown, so that only changes beyond 25 % are proven; measure V0 beside it in both runs, "
        "from two rounds on, or keep three sessions of one version"
    )


def test_three_sessions_of_one_version_show_the_spread() -> None:
    """They differ by 2 %, so 15 % more are proven, and 3 % more are not."""
    saved, *earlier = base(1.0, 1.02, 0.98, 1.01, 0.99)
    found = verdict("energy <= saved", measured(1.15), saved, earlier=earlier)
    assert found.outcome == "REGRESSED"
    assert found.how.endswith(", 5 sessions")
    close = verdict("energy <= saved", measured(1.03), saved, earlier=earlier)
    assert close.outcome == "INCONCLUSIVE"
    assert "by 5 sessions of the same code, is uncertain by" in close.reason


@pytest.mark.parametrize(
    "earlier",
    [
        [measured(f, commit=f"c{f}") for f in (1.02, 0.98, 1.01)],
        [measured(f, commit=None) for f in (1.02, 0.98, 1.01)],
        base(1.02, 0.98, 1.01, cpu={"model": "another", "usable_cores": 2}),
        base(1.02),
    ],
    ids=["other versions", "unknown versions", "another machine", "two sessions"],
)
def test_other_sessions_show_no_spread(earlier: list[Measured]) -> None:
    """What differs there may be the code or the machine; two of one version are too few."""
    found = verdict("energy <= saved", measured(1.15), *base(1.0), earlier=earlier)
    assert found.outcome == "INCONCLUSIVE"
    assert "spread between sessions is unknown" in found.reason


def test_one_session_in_two_files_is_one_session() -> None:
    """A results file and a saved run of it do not show a spread of nothing."""
    saved, *copies = base(1.0, 1.0, 1.0, session="a")
    found = verdict("energy <= saved", measured(1.15), saved, earlier=copies)
    assert "with 2 comparable sessions" in found.reason


def test_a_spread_by_few_sessions_never_says_less_than_the_bound() -> None:
    """Three sessions that differ by 20 % leave more open than a quarter: twice as much is twice."""
    saved, *earlier = base(1.0, 1.2, 0.8)
    assert verdict("energy <= saved", measured(2.0), saved, earlier=earlier).outcome == "REGRESSED"
    close = verdict("energy <= saved", measured(1.2), saved, earlier=earlier)
    assert "3 sessions of the same code differ too much or are few" in close.reason


@pytest.mark.parametrize(
    ("here", "there", "why"),
    [
        ((), ("T2-V0_a",), "without V0 in this run"),
        (("T2-V0_a",), (), "without V0 in the compared run"),
        (("T2-V0_a",), ("T2-V0_a",), "without two blocks that V0 and it share in each run"),
    ],
)
def test_why_v0_is_no_control(here: Sequence[str], there: Sequence[str], why: str) -> None:
    """It is absent, or its rounds ran in a row."""
    cells = {name: measured(1.0, name) for name in (*here, "T2-V1_x")}
    saved = {name: measured(1.0, name, commit="base") for name in (*there, "T2-V1_x")}
    references = References(saved=saved, saved_name="main.json", gone={})
    verdicts = judge(parse("energy <= saved"), cells, references)
    (found,) = [verdict for verdict in verdicts if verdict.cell == "T2-V1_x"]
    assert found.reason.startswith(f"{why}, and with 2 comparable sessions")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("T2-V0_baseline", "V0 has no control but itself"),
        ("test_a.py::test_step", "a plain function has no V0 beside it"),
    ],
)
def test_what_has_no_control_is_measured_by_greenbench_ci(name: str, why: str) -> None:
    """V0 and plain functions; the sentence says what helps there."""
    sides = [measured(1.1, name), measured(1.0, name, commit="base")]
    if "::" in name:
        sides = [cell_of_function(side) for side in sides]
    found = verdict("energy <= saved", *sides)
    assert found.reason.startswith(why)
    assert "measure both versions by greenbench ci, or keep three sessions" in found.reason


def cell_of_function(side: Measured) -> Measured:
    """Return the cell as a plain function's: without task, variant and model."""
    return replace(side, record=replace(side.record, task="", variant="", model=""))


def test_v0_of_another_session_is_no_control() -> None:
    """A variant without V0 beside it is compared with an earlier session's."""
    earlier = measured(1.0, "T2-V0_baseline")
    references = References(earlier=lambda _name, _cell: earlier)
    here = measured(0.9)
    (found,) = judge(parse("energy <= V0"), {here.id: here}, references)
    assert found.outcome == "INCONCLUSIVE"
    assert found.reason.startswith("the two were measured in different sessions")
    assert "; measure both in one session, or keep" in found.reason


@pytest.mark.parametrize("gate", ["flops <= saved", "mcc >= saved-0.2", "peak_memory <= 2*saved"])
def test_what_no_machine_changes_needs_no_control(gate: str) -> None:
    """Counts, scores and bytes are compared as they are."""
    found = verdict(gate, measured(1.0), *base(1.0))
    assert (found.outcome, found.reason) == ("PASS", "")


def test_sides_that_ran_in_turns_need_no_control() -> None:
    """Their blocks have what sessions add."""
    found = verdict("energy <= saved", measured(1.15), *base(1.0), in_turns=True)
    assert found.outcome == "REGRESSED"
