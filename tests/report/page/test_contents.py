"""A report says the answer first, and everything in it is escaped, linked and traceable."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from analysis import made
from hypothesis import given, settings
from hypothesis import strategies as st
from report import charted
from report.page.parsed import ParsedPage, assert_harmless, leave_out_charts
from report.sessions import GPU, HEADER, capped, cell, twenty

from greenbench.gates.verdict import Measured
from greenbench.report.page import contents
from greenbench.report.page.contents import page
from greenbench.report.page.glossary import glossary
from greenbench.report.report_data import report_data
from greenbench.report.texts import CONTROLS
from greenbench.results.fields import Fields
from greenbench.results.reading import RunHeader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord

MADE = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)> ' \" --> {{ 7*7 }} \x1b[2J"


def data_of(records: list[CellRecord], header: RunHeader = HEADER) -> ReportData:
    """Return what a report of these records is made of."""
    cells = [Measured(record=record, header=header, origin="made up") for record in records]
    return report_data("results", cells)


@pytest.fixture(autouse=True, scope="module")
def without_charts() -> Iterator[None]:
    """Draw no charts."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_charts(patch)
        yield


@pytest.fixture(scope="module")
def html() -> str:
    """Return the page of twenty cells with each kind of flaw."""
    return page([data_of(twenty(3))], made=MADE)


def test_a_page_is_well_formed_self_contained_and_runs_its_own_script_alone(html: str) -> None:
    """The policy admits the script and the style sheet by their hashes, and all links resolve."""
    assert_harmless(html)


def test_the_answer_comes_before_the_matrix_and_the_matrix_before_the_sessions(html: str) -> None:
    """The order is answer, matrix, test rows, sessions."""
    places = [html.index(f'id="{name}"') for name in ("answer-1", "matrix-1", "rows-1", "sessions")]
    assert places == sorted(places)


def test_every_cell_has_a_verdict_that_opens_its_provenance(html: str) -> None:
    """Twenty cells have twenty buttons, each of a record of its own, in the matrix's order."""
    parsed = ParsedPage(html)
    verdicts = [a for tag, a in parsed.tags if tag == "button" and a.get("class") == "verdict"]
    places = [int(str(button["data-record"])) for button in verdicts]
    assert sorted(places) == list(range(20))
    assert len({record["id"] for record in parsed.records}) == 20
    for place, name in zip(places, re.findall(r", (T\d-[^:<]+): where this", html), strict=True):
        assert parsed.records[place]["id"] == name


def test_a_verdict_is_a_word_and_flawed_cells_are_no_evidence(html: str) -> None:
    """Words of all verdicts stand in the matrix; what is void has no ratio to sort by."""
    parsed = ParsedPage(html)
    words = parsed.text("button")
    for word in ("baseline", "saves", "costs more", "failed", "DEGENERATE", "NO-EFFECT", "partial"):
        assert word in words
    for tag, attributes in parsed.tags:
        if tag == "td" and attributes.get("data-kind") == "void":
            assert "partial" in words or "data-e" not in attributes


def test_the_page_is_complete_without_its_script(html: str) -> None:
    """Ratios, intervals, verdicts and warnings are texts of the page, not of the script."""
    text = ParsedPage(html).text()
    assert re.search(r"0\.6\d+ \(0\.\d+ to 0\.\d+\)", text)
    assert "one answer for all" in text


@settings(max_examples=8)
@given(st.text(st.one_of(st.sampled_from("<>&\"'/`=\x00\x1b\u202e\ud800\n"), st.characters())))
def test_no_text_of_a_record_becomes_a_tag_or_an_attribute(text: str) -> None:
    """Whatever stands in a record, header or path is escaped, control characters too."""
    assert_only_text(text)


def test_an_attack_in_every_field_of_a_record_stays_text() -> None:
    """Script, markup, template syntax and escapes appear as they are written."""
    parsed = assert_only_text(ATTACK)
    assert "<script>alert(1)</script>" in parsed.text()
    assert "{{ 7*7 }}" in parsed.text()


def assert_only_text(text: str) -> ParsedPage:
    """Assert that a page whose every foreign text is ``text`` is harmless."""
    html = page([data_of(hostile(text), hostile_header(text))], made=MADE)
    clean = page([data_of(hostile("clean"), hostile_header("clean"))], made=MADE)
    parsed = assert_harmless(html)
    assert parsed.attribute_names <= ParsedPage(clean).attribute_names
    steering = {c for c in html if unicodedata.category(c) in CONTROLS} - {"\n"}
    assert steering == set()
    html.encode()
    return parsed


def hostile(text: str) -> list[CellRecord]:
    """Return V0 and a variant with ``text`` wherever a record may have one."""
    proof = {
        "stage": "training",
        "knob": text,
        "asked": text,
        "got": [text],
        "how": text,
        "note": text or "note",
    }
    more: dict[str, Any] = {
        "status": "partial",
        "applied": [proof],
        "doubts": [text],
        "model": text,
        "data": {"source": text, "sha256": text, "revision": text, "split_sizes": {text: text}},
        "checkpoint": {"source": text, "revision": text},
        "differs_from_baseline": [{"knob": f"training.{text}"}],
        "options": {"training": {text: text}},
        "sources": {"cpu": text},
    }
    flawed: dict[str, Any] = {"status": "failed", "error": text, "degenerate": [text]}
    row = {"row": 0, "source": text, "expected": text, "output": text, "outcome": text}
    more["answered"] = [{**row, "output": f"{text} twice"}]
    return [
        cell("T2-V0_baseline", [10.0, 11.0], sources={"cpu": text}, answered=[row]),
        cell(f"T2-V1_{text}", [5.0, 6.0], **more),
        cell("T2-V2_x", [], **flawed),
        cell("T2-V3_x", [5.0, 6.0], effect=text or "x", without_effect=[text]),
    ]


def hostile_header(text: str) -> RunHeader:
    """Return circumstances with ``text`` wherever they may have one."""
    raw = {
        "profile": text,
        "session": {"id": text, "argv": text, "started": text},
        "environment": {
            "cpu": {"model": text, "usable_cores": text},
            "gpus": [{"name": text, "driver": text}],
            "os": text,
            "packages": {f"package {text}": text},
            "git": {"commit": text, "dirty": text},
        },
    }
    return RunHeader.of(Fields(raw, "made up"))


def test_the_provenance_of_a_cell_has_the_command_that_measures_it_again() -> None:
    """With the options of its own session; V0 is part of each such command."""
    command = "pytest bench --green-factorial=data,training --green-profile small"
    records = [cell("T2-V0_baseline", [10.0]), cell("T2-F7_data", [9.0, 9.0])]
    parsed = ParsedPage(page([data_of(records, RunHeader(command=command))], made=MADE))
    text = " ".join(str(record["command"]) for record in parsed.records)
    again = 'pytest bench -k "T2 and (V0_ or F7_data])" --green-profile small '
    assert f"{again}--green-factorial data,training --green-rounds 2" in text
    assert 'pytest bench -k "T2 and (V0_)" --green-profile small --green-rounds 1' in text


def test_only_failed_cells_and_no_v0_make_a_page_that_says_so() -> None:
    """Neither ends in an error."""
    failed = cell("T2-V0_baseline", [], status="failed", error="ValueError: no")
    alone = cell("T1-V4_architecture", [5.0])
    parsed = assert_harmless(page([data_of([failed, alone])], made=MADE))
    assert "ValueError: no" in parsed.text()
    assert "no V0" in parsed.text()


def test_tests_of_plain_functions_have_a_table_of_their_own() -> None:
    """They belong to no variant, and are compared with none."""
    function = cell("tests/test_a.py::test_step", [5.0, 6.0], task="", variant="")
    parsed = assert_harmless(page([data_of([function])], made=MADE))
    assert "test_step" in parsed.text("td")
    assert "no variant was measured" in parsed.text("p").lower()


def test_several_folders_stand_side_by_side_with_reasons_where_they_cannot_be_compared() -> None:
    """Each has its own matrix; a cell of other sources is NOT-COMPARABLE."""
    one = data_of([cell("T2-V0_baseline", [10.0, 11.0])])
    two = data_of([cell("T2-V0_baseline", [10.0, 11.0], sources=GPU)])
    parsed = assert_harmless(page([one, two], made=MADE))
    assert "NOT-COMPARABLE" in parsed.text("td")
    assert len([a for tag, a in parsed.tags if a.get("class") == "matrix"]) == 2


def test_a_stranger_learns_what_v0_the_tasks_and_their_scores_are(html: str) -> None:
    """The page may be all that they have."""
    text = ParsedPage(html).text("p")
    assert "V0 is the baseline" in text
    assert "one variant on one task" in ParsedPage(html).text("dd")
    assert "T2 finds vulnerable functions; its score, mcc, is Matthews correlation" in text
    assert "profile tiny" not in text
    assert "The profile tiny is the smallest size of the tasks" in glossary([], ["tiny"])


def test_what_the_variant_sets_that_saves_most_stands_below_the_answer() -> None:
    """The answer has its short name alone."""
    means = {"V0_baseline": ((), made.BASE), "V1_data": (("data",), (4.0, 2.0, 40.0, 20.0))}
    records = made.session(means, noise=0.01, right=dict.fromkeys(means, 90))
    for record in records:
        record["quality"] = record["rounds"][0]["quality"]
    records[1]["differs_from_baseline"] = [{"knob": "data.tokenizer"}]
    data = charted.of_records(records)
    (comparison,) = data.comparisons
    assert contents._sets(comparison, data) == "V1 sets tokenizer rust."


def test_a_knob_that_did_not_act_is_named_with_its_reason() -> None:
    """Provenance shows what was requested, what was read back, and why they differ."""
    records = [cell("T2-V0_baseline", [10.0]), cell("T2-V7_all", [9.0], **capped([]))]
    text = ParsedPage(page([data_of(records)], made=MADE)).text()
    assert "gpu_power_fraction" in text
    assert "no device here can set it" in text
