"""Texts of test rows are kept on request alone, of the first round, and within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenbench.results.fields import Fields
from greenbench.results.parsing import one_round
from greenbench.results.record import round_record
from greenbench.run.kept_outputs import MOST_CHARACTERS, with_kept_outputs
from greenbench.types import MOST_ANSWERED, AnsweredRow, Energy, Judged, Round, Window

WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())


def measured(seed: int, texts: list[str]) -> Round:
    """Return a round whose test rows have these texts."""
    rows = []
    for number, text in enumerate(texts):
        row = AnsweredRow(
            row=number, source=text, expected=text, output=text[::-1], outcome="ran", right=True
        )
        rows.append(row)
    return Round(seed=seed, whole=WHOLE, windows=(), judged=Judged(answered=tuple(rows)))


def test_no_text_is_kept_unasked() -> None:
    """Neither of the first round nor of another one."""
    rounds = [measured(seed, ["secret"]) for seed in (0, 1)]
    for kept in with_kept_outputs(rounds, 0, asked=False):
        assert "secret" not in str(round_record(kept))


@given(st.integers(0, 3), st.lists(st.text(max_size=9).map(lambda text: text * 400), max_size=3))
def test_the_first_round_keeps_bounded_texts_that_are_read_back(
    first: int, texts: list[str]
) -> None:
    """What was cut is counted, and no other round keeps any."""
    rounds = [measured(seed, texts) for seed in range(4)]
    for kept in with_kept_outputs(rounds, first, asked=True):
        rows = kept.judged.answered
        assert len(rows) == (len(texts) if kept.seed == first else 0)
        for row, text in zip(rows, texts, strict=False):
            assert row.source == row.expected == text[:MOST_CHARACTERS]
            left = len(row.source) + len(row.expected) + len(row.output)
            assert row.cut == 3 * len(text) - left
            assert left <= 3 * MOST_CHARACTERS
        assert one_round(Fields(round_record(kept), "made up")) == kept


def test_of_many_rows_the_first_are_kept() -> None:
    """They are the same of every cell."""
    (kept,) = with_kept_outputs([measured(0, ["text"] * (MOST_ANSWERED + 9))], 0, asked=True)
    assert [row.row for row in kept.judged.answered] == list(range(MOST_ANSWERED))
