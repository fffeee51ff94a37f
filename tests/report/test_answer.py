"""The answer: what saves energy, by how much, at what score; nothing that was not shown."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from report.sessions import GPU, HEADER, cell

from greenbench.gates.verdict import Measured
from greenbench.report import answer
from greenbench.report.comparison import MachineChange, compare
from greenbench.report.names import ShortNames

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord

STEADY = (100.0, 100.5, 99.5, 100.2, 99.8)


def times(factor: float) -> list[float]:
    """Return joules of five rounds around ``factor`` times V0's."""
    noise = (1.01, 0.99, 0.995, 1.005, 1.0)
    return [joules * factor * part for joules, part in zip(STEADY, noise, strict=True)]


def variant(name: str, factor: float, **more: Any) -> CellRecord:
    """Return a cell of five measured rounds."""
    return cell(f"T2-{name}", times(factor), **{"sources": GPU, **more})


V0 = cell("T2-V0_baseline", STEADY, sources=GPU)


def said(*records: CellRecord) -> str:
    """Return the answer for a session of these cells."""
    measured = [Measured(record=record, header=HEADER) for record in records]
    (comparison,) = compare(measured)
    return answer.sentences(comparison, ShortNames([record.id for record in records]))


def test_a_saver_is_named_with_ratio_interval_rounds_and_score() -> None:
    """One sentence holds all that the conclusion needs."""
    assert said(V0, variant("V7_all", 0.62)) == (
        "On T2, V7 saves 38.0 % (95 % interval 37.4 to 38.6 %) of V0's energy, n = 5 rounds; "
        "its mcc is V0's in every round; it takes 38.0 % (95 % interval 37.4 to 38.6 %) less time."
    )


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ((1.17, 1.1, 1.24), "it takes 17 % (95 % interval 10 to 24 %) longer."),
        ((2.5, 2.4, 2.6), "it takes 2.5 times (95 % interval 2.4 to 2.6) V0's time."),
        ((1.07, 0.93, 1.23), "no change in its time is shown, +7 % (95 % interval -7 to +23 %)."),
    ],
)
def test_the_time_of_the_best_is_told_with_its_interval(
    bounds: tuple[float, float, float], told: str
) -> None:
    """Longer, a multiple, or not shown to differ: who saves energy may have to wait for it."""
    best = variant("V7_all", 0.6)
    measured = [Measured(record=record, header=HEADER) for record in (V0, best)]
    (comparison,) = compare(measured)
    value, low, high = bounds
    time = replace(comparison.time[best.id], value=value, low=low, high=high)
    comparison = replace(comparison, time={best.id: time})
    text = answer.sentences(comparison, ShortNames([V0.id, best.id]))
    assert text.endswith(f"; {told}")


def test_the_best_of_several_savers_is_named_first() -> None:
    """All that save are listed, the number is that of the best."""
    text = said(V0, variant("V4_x", 0.8), variant("V7_all", 0.62), variant("V1_data-b16", 0.9))
    start = (
        "On T2, V7, V4 and V1 b16 save energy, V7 the most: 38.0 % (95 % interval 37.4 to 38.6 %)"
    )
    assert text.startswith(start)


def test_a_saver_that_loses_score_comes_behind_one_that_keeps_it() -> None:
    """However much it saves: nobody should pick it at first glance."""
    text = said(V0, variant("V4_x", 0.8), variant("V7_all", 0.62, right=60))
    assert text.startswith("On T2, V4 saves 20.0 % (95 % interval 19.2 to 20.8 %) of V0's energy")
    assert " V7 saves 38.0 % (95 % interval 37.4 to 38.6 %) of V0's energy, but its mcc" in text
    assert re.search(r" is worse, -0\.60 \(-0\.\d+ to -0\.\d+\), n = 5 rounds\.$", text)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (9.0, "but its error is worse, +4.00 (3.99 to 4.01)"),
        (3.0, "its error is better, -2.00 (-2.01 to -1.99)"),
        (5.01, "its error is kept within 0.1 (2 % of V0's)"),
    ],
)
def test_of_an_error_less_is_better(error: float, told: str) -> None:
    """More of it is a loss, and what may be lost is a share of V0's."""
    cells = []
    for name, value, factor in (("V0_baseline", 5.0, 1.0), ("V7_all", error, 0.62)):
        score = {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 100}
        more = {"score": {**score, "higher_is_better": False}, "metric": "error"}
        cells.append(variant(name, factor, definition={"primary": ["error"]}, **more))
    assert told in said(*cells)


def test_a_score_that_may_be_lower_is_not_called_kept() -> None:
    """One wrong answer more in a hundred leaves open whether 0.02 of MCC are lost."""
    text = said(V0, variant("V7_all", 0.62, right=89))
    assert re.search(r"; that its mcc is kept within 0\.02 is not shown, -0\.02 \(-0\.\d+ to", text)


def test_the_best_of_those_that_are_shown_to_keep_the_score_is_named_too() -> None:
    """If the one that saves most may lose some."""
    text = said(V0, variant("V7_all", 0.62, right=89), variant("V4_x", 0.8))
    assert "On T2, V7 and V4 save energy, V7 the most: 38.0 %" in text
    assert text.endswith(
        " Of those that are shown to keep it, V4 saves most: 20.0 % (95 % interval 19.2 to 20.8 %)"
        ", n = 5 rounds; its mcc is V0's in every round."
    )


def test_where_all_that_save_lose_score_nothing_is_recommended() -> None:
    """And what they save is said with what they lose, two by name."""
    factors = {"V4_x": 0.8, "V5_x": 0.7, "V6_x": 0.9}
    cells = [variant(name, factor, right=60) for name, factor in factors.items()]
    text = said(V0, *cells)
    start = "On T2, no variant is shown to save energy and to keep its mcc (n = 5 rounds). V5 saves"
    assert text.startswith(start)
    assert text.endswith(" 1 more saves energy and does not keep the mcc.")


def test_nothing_shown_is_said_with_the_rounds() -> None:
    """One round cannot tell six percent, and five would narrow the interval."""
    records = [cell("T2-V0_baseline", [100.0]), cell("T2-V1_x", [94.0])]
    assert said(*records) == (
        "On T2, no variant is shown to save estimated energy (n = 1 round; --green-rounds 5 would "
        "narrow the intervals)."
    )
    assert said(V0, variant("V1_x", 1.0)) == (
        "On T2, no variant is shown to save energy (n = 5 rounds)."
    )


def test_the_worst_costs_are_named() -> None:
    """Two by name with their intervals, the others counted."""
    records = [variant("V1_x", 1.5), variant("V2_x", 5.7), variant("V3_x", 3.0)]
    text = said(V0, *records)
    assert re.search(
        r"V2 costs 5\.7\d* times \(95 % interval 5\.\d+ to 5\.\d+\) and V3 3\.0\d* times", text
    )
    assert text.endswith(" V0's energy, n = 5 rounds; 1 more also costs more.")


@pytest.mark.parametrize(
    "flaw",
    [
        {"status": "failed", "error": "no"},
        {"degenerate": ["one answer"]},
        {"effect": "NO-EFFECT", "without_effect": ["k"]},
    ],
)
def test_a_cell_that_is_no_evidence_is_not_named(flaw: dict[str, Any]) -> None:
    """However little energy it took."""
    text = said(V0, variant("V9_bad", 0.1, **flaw), variant("V1_x", 0.8))
    assert "V9" not in text
    assert "V1 saves 20.0 %" in text


def test_an_unmeasured_cell_is_not_named() -> None:
    """Nor is one whose joules are of other sources."""
    unmeasured = cell("T2-V9_bad", [None] * 5, sources=GPU)
    other = cell("T2-V8_bad", times(0.1))
    text = said(V0, unmeasured, other, variant("V1_x", 0.8))
    assert "V9" not in text
    assert "V8" not in text


def test_v0_alone_that_failed_is_not_called_measured() -> None:
    """Before its first round, or in its test after it was measured."""
    failed = cell("T2-V0_baseline", [], sources=GPU, status="failed", error="ValueError: no")
    assert said(failed) == "On T2, only V0 ran, and the cell failed: ValueError: no."
    failed = cell("T2-V0_baseline", STEADY, sources=GPU, outcome="failed")
    assert said(failed) == "On T2, only V0 ran, and its test failed after it was measured."


@pytest.mark.parametrize(
    ("factor", "ending"),
    [
        (1.0, "no difference from V0 is shown, and none is there."),
        (0.8, "V0 differs from itself by as much, so trust no smaller change."),
    ],
)
def test_an_a_a_control_saves_nothing_and_shows_the_noise(factor: float, ending: str) -> None:
    """V0 under another name is no variant, whatever its difference is."""
    control = variant("V8_again", factor, differs_from_baseline=[])
    text = said(V0, variant("V7_all", 0.62), control)
    assert text.startswith("On T2, V7 saves 38.0 %")
    assert " The A/A control V8 took " in text
    assert text.endswith(ending)
    alone = "On T2, V0 was measured again, and no variant. The A/A control V8 took"
    assert said(V0, control).startswith(alone)


def test_without_any_comparison_the_reason_is_given() -> None:
    """V0 alone, V0 absent, V0 failed."""
    assert said(V0) == "On T2, only V0 was measured: there is no variant to compare with it."
    assert "V0 is not in this run" in said(variant("V1_x", 0.6))
    failed = cell("T2-V0_baseline", STEADY, status="failed", error="ValueError: no")
    assert "the cell failed: ValueError: no" in said(failed, variant("V1_x", 0.6))


@pytest.mark.parametrize(
    ("sources", "word"),
    [
        ({"cpu": "estimated:x"}, "estimated energy"),
        ({"gpu": "simulated:x", "cpu": "simulated:x"}, "simulated energy"),
        ({"gpu": "zeus:nvml-counter", "cpu": "estimated:x"}, "partly estimated energy"),
        ({"gpu": "simulated:x", "cpu": "estimated:x"}, "V0's estimated and simulated energy"),
        (GPU, "V0's energy"),
    ],
)
def test_what_was_not_measured_is_said(sources: dict[str, str], word: str) -> None:
    """Estimated and simulated joules are called so in the answer."""
    records = [cell("T2-V0_baseline", STEADY, sources=sources)]
    records.append(variant("V1_x", 0.6, sources=sources))
    assert word in said(*records)


def test_the_label_is_that_of_the_joules_that_are_compared() -> None:
    """A cell that is not compared does not make estimates partly measured."""
    base = cell("T2-V0_baseline", STEADY)
    other = variant("V8_y", 0.6)
    assert "of V0's estimated energy" in said(base, cell("T2-V1_x", times(0.6)), other)


def test_a_partial_cell_saves_nothing() -> None:
    """A knob that did not act makes it another variant than the one that it is named after."""
    partial = variant("V7_all", 0.6, status="partial")
    assert said(V0, partial) == (
        "On T2, no variant is shown to save energy (n = 5 rounds). V7 is partial: a knob did not "
        "act as requested, which makes it no evidence of a saving."
    )
    costly = said(V0, variant("V7_all", 2.0, status="partial"))
    assert "V7 (partial) costs 2.00 times (95 % interval 1.98 to 2.02) V0's energy" in costly


def test_nothing_saves_beside_a_partial_v0() -> None:
    """Then what all are compared with is not the baseline."""
    base = cell("T2-V0_baseline", STEADY, sources=GPU, status="partial")
    text = said(base, variant("V1_x", 0.6))
    assert "saves" not in text.partition(". ")[0]
    assert text.endswith(
        "V0 is partial: a knob of it did not act as requested, so nothing saves beside it."
    )


def test_what_saves_nothing_that_is_shown_is_said_beside_what_does() -> None:
    """With the rounds that could not show it."""
    text = said(V0, variant("V7_all", 0.62), variant("V1_x", 1.0))
    assert text.endswith(" V1 saves nothing that 5 rounds can show.")


def test_what_only_the_single_interval_shows_is_said_to_be_so() -> None:
    """With many variants one interval in twenty excludes 1 by chance."""
    rng = random.Random(1)

    def drawn(name: str, factor: float) -> CellRecord:
        joules = [100 * factor * rng.lognormvariate(0, 0.01) for _ in range(8)]
        return cell(f"T2-{name}", joules, sources=GPU)

    cells = [drawn("V0_baseline", 1.0), drawn("V1_x", 0.6), drawn("V2_y", 0.99)]
    cells += [drawn(f"V{number}_z", 1.0) for number in range(3, 21)]
    text = said(*cells)
    assert text.startswith("On T2, V1 saves 39.9 %")
    assert text.endswith(
        "V2, V5 and V6 differ from V0 by the interval alone, not after correction over 20 variants."
    )


def kernel(before: float, after: float) -> dict[str, Any]:
    """Return the reference kernel around a cell, in operations per second."""
    return {
        "before": {"operations_per_second": before},
        "after": {"operations_per_second": after},
    }


def test_a_change_smaller_than_the_machine_s_own_is_not_claimed() -> None:
    """Half of V0's energy shows nothing if the machine ran four times as fast meanwhile."""
    base = cell("T2-V0_baseline", STEADY, sources=GPU, yardstick=kernel(10, 38))
    halved, tenth = variant("V4_x", 0.5), variant("V7_all", 0.1)
    text = said(base, halved, tenth)
    assert text.startswith("On T2, V7 saves 90.0")
    assert text.endswith(
        "The machine itself changed: its reference kernel ran up to 3.8 times as fast at one time "
        "as at another, and V4 differs from V0 by less."
    )


def test_the_kernel_around_v0_of_an_earlier_session_counts() -> None:
    """The machine may have changed between the sessions, which no cell of this one shows."""
    base = cell("T2-V0_baseline", STEADY, sources=GPU, yardstick=kernel(10, 10))
    halved = variant("V4_x", 0.5, yardstick=kernel(38, 38))
    measured, earlier = (Measured(record=record, header=HEADER) for record in (halved, base))
    (comparison,) = compare([measured], [earlier])
    assert comparison.machine_change(halved.id).ratio == 3.8
    assert comparison.is_drift(halved.id)


def test_the_memory_kernel_shows_a_change_of_the_machine_too() -> None:
    """A neighbour that halves the bandwidth leaves the arithmetic as it was; a tenth is noise."""

    def changed(bandwidth: float) -> MachineChange:
        before = {"operations_per_second": 10, "memory": {"bytes_per_second": 1.0}}
        runs = {"before": before, "after": {**before, "memory": {"bytes_per_second": bandwidth}}}
        base = cell("T2-V0_baseline", STEADY, sources=GPU, yardstick=runs)
        measured = [
            Measured(record=record, header=HEADER) for record in (base, variant("V4_x", 1.0))
        ]
        (comparison,) = compare(measured)
        return comparison.machine_change("T2-V4_x")

    assert changed(0.5) == (2.0, "memory kernel")
    assert changed(0.9).ratio == 1.0


def test_a_few_percent_of_the_kernel_are_noise() -> None:
    """A saving of 2 % stands if the kernel's rate changed by 4 %."""
    base = cell("T2-V0_baseline", STEADY, sources=GPU, yardstick=kernel(100, 104))
    assert "V1 saves 2" in said(base, variant("V1_x", 0.98))
