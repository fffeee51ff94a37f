"""What results files keep of the test rows' texts: nothing, unless ``--green-keep-outputs`` asks.

Texts of the user's data do not belong into files that are shared, unless the user wants that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.types import MOST_ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import AnsweredRow, Round

MOST_CHARACTERS = 2000
"""Of each text of a row."""


def with_kept_outputs(rounds: Sequence[Round], first_seed: int, *, asked: bool) -> list[Round]:
    """Return the rounds without the texts of test rows, except for some of the first round.

    The first round of a cell is the one of ``first_seed``. Nothing is kept unless it was ``asked``.
    """
    kept = []
    for one_round in rounds:
        rows: tuple[AnsweredRow, ...] = ()
        if asked and one_round.seed == first_seed:
            first = one_round.judged.answered[:MOST_ANSWERED]
            rows = tuple([_shortened(row) for row in first])
        judged = replace(one_round.judged, answered=rows)
        kept.append(replace(one_round, judged=judged))
    return kept


def _shortened(row: AnsweredRow) -> AnsweredRow:
    """Return a row whose texts have at most MOST_CHARACTERS, and which says what it lacks."""
    source = row.source[:MOST_CHARACTERS]
    expected = row.expected[:MOST_CHARACTERS]
    output = row.output[:MOST_CHARACTERS]
    before = len(row.source) + len(row.expected) + len(row.output)
    cut = before - len(source) - len(expected) - len(output)
    return replace(row, source=source, expected=expected, output=output, cut=cut)
