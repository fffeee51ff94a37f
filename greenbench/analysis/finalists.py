"""Which settings of single knobs are measured again, and what both measurements say together.

All are screened in few blocks. Those that seem to pay run again with V0 alone beside them, on other
seeds: a block is short then, so that the machine changes little within it. They are judged by the
second measurement only; what was selected by a measurement looks better in it than it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.analysis.choice import gain
from greenbench.analysis.knob_ranking import in_order, together
from greenbench.experiment.knob_trials import knob_trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.knob_ranking import KnobRanking, RankedKnob
    from greenbench.analysis.simultaneous import Bounded
    from greenbench.experiment.knob_trials import KnobTrial
    from greenbench.options import Options

MOST = 5
"""Settings that are measured again; one more sets several of them together."""
LESS = 0.98
"""Joules relative to V0's below which a setting seems to pay."""


def _gain(knob: RankedKnob, screened: KnobRanking) -> Bounded:
    return gain(knob.change, higher_is_better=screened.higher_is_better)


def finalists(
    screened: KnobRanking, tried: Sequence[KnobTrial], most: int = MOST
) -> list[KnobTrial]:
    """Return what to measure again of ``tried``: each, and at once all that seem to keep the score.

    At most ``most`` are measured alone. Those that seem to keep the score come first, then what
    takes least; what is shown to lose the score is left out.
    """
    promising = []
    for knob in screened.knobs:
        lost = _gain(knob, screened).high < -screened.keep
        if knob.energy.value < LESS and not lost:
            promising.append(knob)

    def order(knob: RankedKnob) -> tuple[bool, float]:
        return not _keeps(knob, screened), knob.energy.value

    promising.sort(key=order)
    chosen = promising[:most]
    joint = together([knob for knob in chosen if _keeps(knob, screened)])
    known = {trial.options: trial for trial in tried}
    again: dict[Options, KnobTrial] = {}
    for settings in (*(knob.settings for knob in chosen), joint):
        if settings:
            trial = knob_trial(" ".join(settings), tried[0].baseline)
            again[trial.options] = known.get(trial.options, trial)
    return list(again.values())


def judged_again(screened: KnobRanking, confirmed: KnobRanking) -> KnobRanking:
    """Return the ranking in which knobs that were measured again stand as that showed them."""
    again = {knob.cell for knob in confirmed.knobs}
    single = {knob.cell for knob in screened.knobs}
    knobs = [knob for knob in screened.knobs if knob.cell not in again]
    for knob in confirmed.knobs:
        knobs.append(replace(knob, joint=knob.cell not in single))
    ranked = in_order(knobs)
    return replace(
        screened,
        knobs=ranked,
        again=confirmed.blocks,
        left_out=(*screened.left_out, *confirmed.left_out),
        together=_best_shown(ranked),
    )


def _keeps(knob: RankedKnob, ranking: KnobRanking) -> bool:
    return _gain(knob, ranking).value >= -ranking.keep


def _best_shown(knobs: Sequence[RankedKnob]) -> tuple[str, ...]:
    """Return the settings of all knobs that save, or of the best one if it sets several knobs."""
    saving = [knob for knob in knobs if knob.saves]
    if saving and saving[0].joint:
        return saving[0].settings
    return together([knob for knob in saving if not knob.joint])
