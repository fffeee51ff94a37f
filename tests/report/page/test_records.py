"""What verdicts open is in the page compressed, and comes out as it went in, but for controls."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.report.page.provenance import Fact, KnobLine, Provenance, WindowLine
from greenbench.report.page.records import packed, unpacked
from greenbench.report.texts import printable

TEXTS = st.text(st.one_of(st.sampled_from("<>&\x00\x1b\u202e\ud800\n"), st.characters()))


def record(text: str) -> Provenance:
    """Return a record whose every text is ``text``."""
    return Provenance(
        id=text,
        energy=(Fact(text, text),),
        windows=(WindowLine(*[text] * 5),),
        scores=(),
        knobs=(KnobLine(*[text] * 5),),
        other_knobs=text,
        facts=(Fact(text, text), Fact(text, text)),
        warnings=(text,),
        session=3,
        command=text,
    )


@settings(max_examples=30)
@given(TEXTS)
def test_each_text_comes_out_with_its_control_characters_written_out(text: str) -> None:
    """Facts, windows and knobs are lists of texts; halves of characters do not end in an error."""
    shown = printable(text)
    assert unpacked(packed([record(text)])) == [
        {
            "id": shown,
            "energy": [[shown, shown]],
            "windows": [[shown] * 5],
            "scores": [],
            "knobs": [[shown] * 5],
            "other_knobs": shown,
            "facts": [[shown, shown]] * 2,
            "warnings": [shown],
            "session": 3,
            "command": shown,
        }
    ]


def test_records_that_say_much_the_same_take_few_bytes() -> None:
    """A hundred of them take less than five times one."""
    one = record("cpu estimated:cpu-seconds*3.72W/core, 23.1 J of 3.16 s")
    assert len(packed([one] * 100)) < 5 * len(packed([one]))
