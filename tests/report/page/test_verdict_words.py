"""The matrix's words for cells are those of the answer: a saving is named where it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from report.sessions import HEADER, capped, cell

from greenbench.gates.verdict import Measured
from greenbench.report.comparison import compare
from greenbench.report.findings import findings
from greenbench.report.page.verdict_words import BASE, COSTS, OPEN, SAVES, VOID, word_of

BASELINE = cell("T2-V0_baseline", [100.0, 101.0, 99.0, 100.5, 99.5])


@pytest.mark.parametrize(
    ("joules", "more", "kind", "word"),
    [
        ([50.0, 51.0, 49.0, 50.5, 49.5], {}, SAVES, "saves"),
        ([200.0, 201.0, 199.0, 200.5, 199.5], {}, COSTS, "costs more"),
        ([100.0, 120.0, 80.0, 99.0, 101.0], {}, OPEN, "can't tell"),
        ([50.0], {"status": "failed", "error": "no"}, VOID, "failed"),
        ([50.0], {"degenerate": ["one answer"]}, VOID, "DEGENERATE"),
        ([50.0], {"effect": "NO-EFFECT", "without_effect": ["k"]}, VOID, "NO-EFFECT"),
        ([None], {}, VOID, "unmeasured"),
        ([50.0], {"sources": {"cpu": "zeus:rapl"}}, VOID, "other sources"),
        ([50.0, 51.0, 49.0, 50.5, 49.5], capped([]), VOID, "partial"),
        ([100.0, 100.2, 100.1, 99.9, 100.3], {"differs_from_baseline": []}, BASE, "A/A control"),
    ],
)
def test_each_kind_of_cell_has_its_word(
    joules: list[float | None], more: dict[str, Any], kind: str, word: str
) -> None:
    """What is no evidence says why."""
    record = cell("T2-V1_data", joules, **more)
    measured = [Measured(record=one, header=HEADER) for one in (BASELINE, record)]
    (comparison,) = compare(measured)
    found = word_of(record, findings(comparison))
    assert (found.kind, found.word) == (kind, word)
    assert found.symbol
    assert bool(found.reason) == (kind == VOID or word == "A/A control")


def test_v0_is_the_baseline_and_a_degenerate_v0_is_no_evidence() -> None:
    """Its variants are compared with nothing then."""
    bad = cell("T2-V0_baseline", [100.0, 101.0], degenerate=["one answer for all"])
    variant = cell("T2-V1_data", [50.0, 51.0])
    measured = [Measured(record=one, header=HEADER) for one in (bad, variant)]
    (comparison,) = compare(measured)
    assert word_of(bad, findings(comparison)).kind == VOID
    assert word_of(variant, findings(comparison)).kind == VOID
    (alone,) = compare([Measured(record=BASELINE, header=HEADER)])
    assert word_of(BASELINE, findings(alone)).word == "baseline"
