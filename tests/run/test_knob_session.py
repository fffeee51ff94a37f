"""Sessions of single knobs: groups beside a V0 of their own, and what cannot run in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import function_suite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.analysis.knob_ranking import rank
from greenbench.experiment.knob_trials import knob_trial
from greenbench.run import knob_session
from greenbench.run.knob_session import GROUP, KnobSession, TimeLeft, divided

if TYPE_CHECKING:
    from pathlib import Path

BROKEN_ABOVE_8 = function_suite.NEAREST.replace(
    "    return centres, options.steps",
    '    if options.steps > 8:\n        raise ValueError("too many steps for this machine")\n'
    "    return centres, options.steps",
)


@settings(max_examples=20)
@given(st.integers(1, 40))
def test_groups_are_small_and_alike(count: int) -> None:
    """Each trial is in one group, in order; no group has more than the limit, or is the odd one."""
    trials = [knob_trial(f"data.batch_size={size}") for size in range(100, 100 + count)]
    groups = divided(trials)
    assert [trial for group in groups for trial in group] == trials
    sizes = {len(group) for group in groups}
    assert max(sizes) <= GROUP
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("seconds", "blocks", "finalists"),
    [(60.0, 12, 5), (800.0, 5, 1), (700.0, 5, 4), (1200.0, 5, 1)],
)
def test_the_second_measurement_takes_what_the_first_one_leaves(
    seconds: float, blocks: int, finalists: int
) -> None:
    """Of fifteen minutes; where little is left, fewer settings are measured, in no fewer blocks."""
    left = TimeLeft.after(seconds, rounds=106)
    assert (left.blocks(7), left.finalists) == (blocks, finalists)


@pytest.mark.slow
def test_what_cannot_run_is_listed_and_the_rest_is_ranked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own numbers are tried at half and double of V0's; the warm-up finds the one that raises."""
    function_suite.write(tmp_path, BROKEN_ABOVE_8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(knob_session, "GROUP", 2)
    session = KnobSession({"--green-rounds": 2}, ["T3"], ["training"])
    assert [trial.text for trial in session.trials] == [
        *("training.steps=4", "training.steps=16"),
        *("training.rate=0.25", "training.rate=1.0"),
    ]
    assert [knob for knob, _ in session.origins] == ["training.steps", "training.rate"]
    sessions = session.screen()
    assert len(sessions) == 2
    (untried,) = [one for one in session.untried if one.knob == "training.steps=16"]
    assert untried.reason == "on T3: ValueError: too many steps for this machine"
    ranking = rank("T3", sessions)
    assert {knob.settings for knob in ranking.knobs} == {
        ("training.steps=4",),
        ("training.rate=0.25",),
        ("training.rate=1.0",),
    }
    assert (ranking.groups, ranking.blocks) == (2, 2)
    assert {knob.blocks for knob in ranking.knobs} == {2}
    assert session.left.finalists == 5
