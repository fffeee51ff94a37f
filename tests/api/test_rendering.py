"""A measurement is shown as a table in a terminal and in Jupyter, and as builtins for programs."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from greenbench.api.measurement import Measurement
from greenbench.types import Energy

HOSTILE = "<script>alert(1)</script>[red]\x1b[31m&"


def measurement(name: str = "step", *, idle: bool = True) -> Measurement:
    """Return one with two channels, of which one is net of idle too."""
    made = Measurement(name)
    energy = Energy(
        gpu_j=100.0,
        cpu_j=20.0,
        sources={"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl", "dram": "none"},
        reasons={"dram": HOSTILE},
        uncertainty_j={"gpu": {"resolution": 2.0}, "cpu": {"resolution": 0.5}},
        idle_j={"gpu": 30.0, "cpu": 5.0} if idle else {},
    )
    made.finish(2.5, energy, (f"a warning {HOSTILE}",))
    return made


def test_the_text_has_a_row_a_channel_and_the_total() -> None:
    """With intervals, net joules and sources; notes stand below."""
    text = str(measurement())
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["step:", "2.5", "s"]
    assert [
        "gpu",
        "100.0",
        "+-",
        "3.9",
        "J",
        "70.0",
        "+-",
        "3.9",
        "J",
        "zeus:nvml-counter",
    ] in lines
    assert ["dram", "-", "-", "none"] in lines
    assert ["total", "120.0", "+-", "4.0", "J", "85.0", "+-", "4.0", "J"] in lines
    assert "- +-: 95 % interval of this one run" in text
    assert "- a warning" in text


def test_net_joules_have_a_column_only_if_known() -> None:
    """An empty column would only take room."""
    assert "net of idle" in str(measurement())
    assert "net of idle" not in str(measurement(idle=False))


def test_the_line_names_sources() -> None:
    """``repr`` is what a list of measurements shows."""
    expected = "step: 2.5 s, 120.0 +- 4.0 J (gpu zeus:nvml-counter, cpu zeus:rapl)"
    assert repr(measurement()) == expected
    unknown = Measurement("step")
    unknown.finish(1.0, Energy(), ())
    assert repr(unknown) == "step: 1 s, joules unknown"


def test_texts_of_others_neither_steer_a_terminal_nor_mark_up() -> None:
    """Names and reasons come from anywhere."""
    shown = Console(width=200, force_terminal=True, color_system="standard")
    with shown.capture() as capture:
        shown.print(measurement(HOSTILE))
    for text in (capture.get(), str(measurement(HOSTILE)), repr(measurement(HOSTILE))):
        assert "\x1b[31m" not in text
        assert "[red]" in text
        assert r"\x1b" in text


def test_the_html_holds_a_table_and_no_markup_of_others() -> None:
    """Every text is escaped; there is nothing but table and list."""
    html = measurement(HOSTILE)._repr_html_()
    assert html is not None
    tags, texts = set(), []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            assert attrs == []

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(html)
    assert tags == {"table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert "total" in texts
    assert "120.0 +- 4.0 J" in texts
    assert any("<script>" in text and r"\x1b" in text for text in texts)


def test_the_record_is_json_and_complete() -> None:
    """Sums, net joules and quantities with their causes, as in a results file."""
    record = json.loads(json.dumps(measurement().to_dict()))
    assert record["name"] == "step"
    assert record["seconds"] == 2.5
    assert record["energy"]["total_j"] == 120.0
    assert record["energy"]["scope"] == ["gpu", "cpu"]
    assert record["energy"]["net_j"] == {"gpu": 70, "cpu": 15, "dram": None, "node": None}
    total = record["quantities"]["total_j"]
    assert total["uncertainty"] == pytest.approx(1.96 * 4.25**0.5, rel=1e-3)
    assert record["quantities"]["dram_j"]["reason"] == HOSTILE
