"""The page's policy, its colours for both themes, and what is said where Jinja2 is missing."""

from __future__ import annotations

import sys

import pytest

from greenbench.errors import UnavailableError
from greenbench.report.charts import PALETTE
from greenbench.report.page.rendering import chart_style, environment, own_file, policy


def test_the_policy_admits_nothing_but_one_script_and_one_style_sheet() -> None:
    """Another text has another hash."""
    sources = policy("a{}", "1").split("; ")
    assert sources[0] == "default-src 'none'"
    assert "unsafe" not in " ".join(sources)
    assert policy("a{}", "1") != policy("a{}", "2") != policy("b{}", "2")


def test_every_colour_of_the_charts_gives_way_to_the_dark_theme() -> None:
    """A colour that the style sheet forgets would be unreadable in the dark."""
    style = own_file("page.css")
    rules = chart_style(PALETTE)
    for role, colour in PALETTE.items():
        assert f'[fill="{colour}"]{{fill:var(--chart-{role},{colour})}}' in rules
        assert f'[stroke="{colour}"]{{stroke:var(--chart-{role},{colour})}}' in rules
    lacking = [role for role in PALETTE if f"--chart-{role}:" not in style]
    assert set(lacking) <= {"system"}  # yellow, which is as bright on either


def test_texts_are_escaped_and_control_characters_written_out() -> None:
    """Whatever a template is given."""
    shown = environment().from_string("{{ text }}").render(text="<b>\x1b\u202e'")
    assert shown == r"&lt;b&gt;\x1b\u202e&#39;"


def test_without_jinja2_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no traceback."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UnavailableError, match=r"pip install 'greenbench\[report\]'"):
        environment()
