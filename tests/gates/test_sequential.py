"""Gates over sessions that looked at their blocks, judged from what the files hold."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import HEADER, cell, one_round

from greenbench.errors import UsageError
from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.gates.sequential import Standing
from greenbench.results.fields import Fields
from greenbench.results.reading import RunHeader

if TYPE_CHECKING:
    from greenbench.gates.verdict import Measured, Verdict

LOOKED = {**HEADER, "session": {"id": "looked", "until_sure": {"first": 3, "most": 8}}}
FIXED = {**HEADER, "session": {"id": "fixed"}}
V0, FAST, SLOW = "T2-V0_x", "T2-V1_fast", "T2-V2_slow"


def session(
    blocks: dict[str, int],
    factors: dict[str, float],
    *,
    header: dict[str, Any] = LOOKED,
    noise: float = 0.02,
    late: float = 1.0,
    seed: int = 1,
    off: int = 0,
) -> dict[str, Measured]:
    """Return cells with so many ``blocks``; rounds from the fourth block on take ``late`` more.

    Of ``off`` rounds each last one takes 40 % more.
    """
    drawn = random.Random(seed)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in blocks}
    position = 0
    for block in range(max(blocks.values())):
        for name, count in blocks.items():
            joules = 100 * factors.get(name, 1.0) * drawn.lognormvariate(0, noise)
            joules *= late if block > 2 and name != V0 else 1.0
            if off and position % off == off - 1:
                joules *= 1.4
            if block < count:
                place = {"block": block, "position": position}
                rounds[name].append(one_round(block, joules, **place))
                position += 1
    return {name: cell(name, rounds=of_cell, header=header) for name, of_cell in rounds.items()}


def judged(
    gate: str, cells: dict[str, Measured], saved: dict[str, Measured] | None = None
) -> dict[str, Verdict]:
    """Return the verdicts by cell."""
    verdicts = judge(parse(gate), cells, References(saved=saved, saved_name="main.json"))
    return {verdict.cell: verdict for verdict in verdicts}


def test_an_interval_at_a_look_is_wider_and_says_so() -> None:
    """What was measured is the same; the looks are paid for, in the p-value too."""
    blocks = {V0: 3, FAST: 3}
    looked = judged("energy <= V0", session(blocks, {FAST: 0.9}))[FAST]
    fixed = judged("energy <= V0", session(blocks, {FAST: 0.9}, header=FIXED))[FAST]
    assert looked.change == fixed.change
    assert looked.low < fixed.low < fixed.high < looked.high
    assert (looked.blocks, looked.most_blocks) == (3, 8)
    assert looked.how == f"{fixed.how}, repeated 95 % interval after 3 of at most 8 blocks"
    assert (fixed.blocks, fixed.most_blocks) == (None, None)
    above = judged("energy <= V0", session(blocks, {FAST: 1.1}))[FAST]
    plain = judged("energy <= V0", session(blocks, {FAST: 1.1}, header=FIXED))[FAST]
    assert plain.p < above.p


def test_a_settled_cell_stays_settled_whatever_later_blocks_show() -> None:
    """Its verdict is that of the look that settled it, though it ran on for another gate."""
    blocks = {V0: 8, FAST: 8, SLOW: 8}
    early = judged("energy <= 0.9*V0", session({V0: 3, FAST: 3, SLOW: 3}, {FAST: 0.5}))[FAST]
    late = judged("energy <= 0.9*V0", session(blocks, {FAST: 0.5}, late=4.0))[FAST]
    assert (early.outcome, early.blocks) == ("PASS", 3)
    assert (late.outcome, late.blocks, late.change) == ("PASS", 3, early.change)


def test_an_open_cell_is_judged_beside_those_that_have_its_blocks() -> None:
    """Cells that ended earlier keep theirs; the level of the last look is that of its number."""
    cells = session({V0: 8, FAST: 3, SLOW: 8}, {FAST: 0.5, SLOW: 0.99})
    verdicts = judged("energy <= 0.9*V0", cells)
    assert (verdicts[FAST].outcome, verdicts[FAST].blocks) == ("PASS", 3)
    assert verdicts[SLOW].blocks > 3
    assert verdicts[SLOW].outcome == "REGRESSED"
    assert f"{verdicts[SLOW].blocks} blocks of 2 cells" in verdicts[SLOW].how


def test_looks_one_by_one_say_what_all_of_them_say_at_the_end() -> None:
    """A session that takes them as it goes ends with the verdicts of its files."""
    factors = {FAST: 0.80, SLOW: 1.02}
    gate, standing = parse("energy <= 0.98*V0"), Standing()
    for blocks in range(3, 9):
        cells = session(dict.fromkeys((V0, FAST, SLOW), blocks), factors)
        live = judge(gate, cells, References(), standing)
    assert live == judge(gate, cells, References())
    assert len({verdict.blocks for verdict in live}) > 1


def test_a_cell_that_was_interrupted_before_its_first_look_is_judged_with_its_level() -> None:
    """Two blocks of three prove less than two blocks of a session that planned them."""
    cells = session({V0: 2, FAST: 2}, {FAST: 0.5})
    verdict = judged("energy <= V0", cells)[FAST]
    assert (verdict.blocks, verdict.outcome) == (2, "INCONCLUSIVE")


def test_a_reference_that_was_measured_until_sure_is_paid_for_too() -> None:
    """A saved run ended when it looked extreme; the sentence names its look."""
    here = session({V0: 5, FAST: 5}, {}, header=FIXED)
    there = session({V0: 4, FAST: 4}, {}, seed=2)
    plain = session({V0: 4, FAST: 4}, {}, header={**FIXED, "session": {"id": "other"}}, seed=2)
    verdict = judged("energy <= 1.05*saved", here, there)[FAST]
    fixed = judged("energy <= 1.05*saved", here, plain)[FAST]
    assert verdict.low < fixed.low
    assert verdict.how.endswith(
        "repeated 95 % interval after 4 of at most 8 blocks of the reference"
    )
    assert verdict.blocks is None


def test_looks_do_not_leave_out_rounds_that_seem_to_be_off() -> None:
    """Which ones were is decided anew at each look, and no spending counts that."""
    names = (V0, FAST, SLOW, "T2-V3_x", "T2-V4_x")
    blocks = dict.fromkeys(names, 8)
    fixed = judged("energy <= V0", session(blocks, {}, header=FIXED, off=7))[FAST]
    looked = judged("energy <= V0", session(blocks, {}, off=7))[FAST]
    assert "robust" in fixed.how
    assert "robust" not in looked.how


@pytest.mark.parametrize("looks", [{"first": 5, "most": 4}, {"first": 0, "most": 4}, {"first": 3}])
def test_a_header_with_impossible_looks_is_refused(looks: dict[str, int]) -> None:
    """They would make verdicts of levels that no session has."""
    header = {**HEADER, "session": {"until_sure": looks}}
    with pytest.raises(UsageError, match=r"main.json.session.until_sure"):
        RunHeader.of(Fields(header, "main.json"))
