"""All charts together: what they hold, what they may not hold, and hostile names in them."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from report import charted

from greenbench import extras
from greenbench.errors import UnavailableError
from greenbench.report.charts import PALETTE, drawn, quality

FORBIDDEN = re.compile(r"\sstyle=|<script|\son\w+=|https?://(?!www\.w3\.org)|<image|<foreignObject")
HOSTILE = (
    "</text><script>alert(1)</script>",
    "datum['x'] && warn(1)",
    "a.b[0]\\.c\"'",
    "__proto__",
    "\x1b[31m\u202ered",
    "null",
    "{{7*7}}",
)


def svgs() -> list[str]:
    """Return every drawing."""
    return [svg for figure in charted.figures().values() for svg in figure.drawings.values()]


def test_every_kind_of_chart_is_drawn() -> None:
    """A factorial session in blocks has figures of each kind but knobs."""
    assert {name.split("-")[0] for name in charted.figures()} == {
        *(
            "quality",
            "stages",
            "additivity",
            "pairs",
            "expected",
            "shares",
            "rounds",
            "machine",
            "rows",
        )
    }


def test_a_drawing_is_a_labelled_svg_of_its_width() -> None:
    """Each is well-formed, as wide as asked, named for screen readers, and its text is text."""
    wide = quality.figures(charted.factorial(), 900)[0].drawings["total"]
    for width, drawings in ((340, svgs()), (900, [wide])):
        for svg in drawings:
            root = ET.fromstring(svg)
            assert root.get("role") == "img"
            assert root.get("aria-label")
            assert abs(float(root.get("width", "0")) - width) <= 1
            assert charted.texts(svg)


def test_drawings_need_nothing_that_a_strict_policy_forbids() -> None:
    """No style attribute, script, handler, image or address stands in any of them."""
    for svg in svgs():
        assert not FORBIDDEN.search(svg)


def test_drawings_use_the_palette_alone() -> None:
    """Each colour has a role, so that a page can replace all of them for a dark theme."""
    assert charted.colours(svgs()) <= set(PALETTE.values())
    assert len(set(PALETTE.values())) == len(PALETTE)


def test_figures_say_their_number_of_rounds_and_have_their_data() -> None:
    """Captions of joules name n and the source; each row of a table fits its columns."""
    for figure in charted.figures().values():
        assert re.search(r"n = \d|rounds? of|first round", figure.caption)
        assert figure.rows
        assert {len(row) for row in figure.rows} == {len(figure.columns)}
        if figure.name.startswith(("quality", "stages", "additivity", "shares", "rounds")):
            assert "cpu estimated" in figure.caption


def test_estimated_joules_are_called_so_inside_the_drawing() -> None:
    """A chart that is copied out of the page still says that its joules are estimates."""
    for name in ("quality-t2", "stages-t2", "rounds-t2", "additivity-t2", "expected-t2"):
        svg = next(iter(charted.figures()[name].drawings.values()))
        assert "estimated" in " ".join(charted.texts(svg))


def test_hostile_names_are_text() -> None:
    """Names with markup, an expression, a path or control characters are drawn as they are."""
    records = charted.cells(2)[:1]
    for number, name in enumerate(HOSTILE, start=1):
        records.append(records[0] | {"variant": f"V{number}_{name}", "id": f"T2-V{number}_{name}"})
    found = drawn(charted.of_records(records), width=900)
    drawings = [svg for figure in found for svg in figure.drawings.values()]
    assert drawings
    for svg in drawings:
        ET.fromstring(svg)
        assert not FORBIDDEN.search(svg)
    written = " ".join(charted.texts(found[0].drawings["total"]))
    for name in HOSTILE[:3]:
        assert name[:10] in written


def test_where_less_is_better_the_good_corner_is_at_the_bottom() -> None:
    """The caption says so."""
    records = charted.cells(1)[:4]
    for record in records:
        record["quality"]["mcc"]["higher_is_better"] = False
    (figure,) = quality.figures(charted.of_records(records), 340)
    assert figure.caption.startswith("Down and to the left is better.")


def test_no_results_no_charts() -> None:
    """A session whose only cell failed has nothing to draw, and that is no error."""
    failed = charted.cells(1)[0] | {"rounds": [], "status": "failed", "error": "ValueError: no"}
    assert drawn(charted.of_records([failed]), width=900) == []


def test_without_the_libraries_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names what is missing and the line that installs it."""
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    with pytest.raises(UnavailableError, match=r"altair and vl_convert.*'greenbench\[report\]'"):
        drawn(charted.factorial(), width=900)
