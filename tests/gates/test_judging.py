"""One gate over the cells of a run: what passes, fails, is inconclusive, and is refused."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from gates.made import CPU, HEADER, answers, cell, one_round

from greenbench.gates import margins, score_margins
from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.gates.verdict import REFUSALS, Measured

STEADY = (100.0, 100.5, 99.5)


def verdicts(gate: str, *cells, saved=None, **more):
    """Judge cells by a gate, with saved ones."""
    kept = None if saved is None else {c.id: c for c in saved}
    return judge(
        parse(gate),
        {c.id: c for c in cells},
        References(saved=kept, saved_name="main.json", **more),
    )


def verdict(gate: str, *cells, **more):
    """Return the only verdict."""
    (found,) = verdicts(gate, *cells, **more)
    return found


def times(factor: float) -> tuple[float, ...]:
    """Return the steady rounds, changed by a factor."""
    return tuple(factor * j for j in (100.2, 100.4, 99.7))


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(1.0, "PASS"), (1.05, "INCONCLUSIVE"), (1.2, "REGRESSED"), (8000.0, "REGRESSED")],
)
def test_energy_against_the_saved_run(factor: float, outcome: str) -> None:
    """PASS and REGRESSED need proof, and at the threshold itself there is none."""
    found = verdict("energy <= 1.05*saved", cell(joules=times(factor)), saved=[cell(joules=STEADY)])
    assert found.outcome == outcome
    assert found.low < found.change < found.high
    assert found.change == pytest.approx(factor, rel=0.01)
    assert found.fails() == (outcome == "REGRESSED")
    assert found.fails(strict=True) == (outcome != "PASS")


def test_an_inconclusive_verdict_names_the_rounds_that_settle_it() -> None:
    """The number of rounds is a field of the verdict and part of its reason."""
    found = verdict("energy <= 1.05*saved", cell(joules=times(1.052)), saved=[cell(joules=STEADY)])
    assert found.outcome == "INCONCLUSIVE"
    assert found.rounds_needed > 3
    assert f"--green-rounds {found.rounds_needed}" in found.reason


def test_a_verdict_at_the_threshold_names_the_rounds_for_ten_percent() -> None:
    """No number of rounds resolves a change that is exactly allowed."""
    noisy, other = (100.0, 108.0, 92.0), (108.0, 100.0, 92.0)
    found = verdict("energy <= saved", cell(joules=noisy), saved=[cell(joules=other)])
    assert re.fullmatch(
        r"the 95 % confidence interval contains the threshold; too close to resolve in 2,000 "
        rf"rounds; {found.rounds_needed} detect a 10 % change with 95 % power "
        rf"\(--green-rounds {found.rounds_needed}\)",
        found.reason,
    )


@pytest.mark.parametrize(
    ("gate", "word"),
    [("energy <= saved", "REGRESSED"), ("energy <= 0.6*V0", "FAIL"), ("energy <= 90", "FAIL")],
)
def test_only_a_loss_against_the_saved_run_is_called_a_regression(gate: str, word: str) -> None:
    """A variant that saves less than was required has not regressed; JSON has one outcome."""
    base = cell("T2-V0_baseline", STEADY)
    slow = cell("T2-V7_all", times(1.2))
    found = verdicts(gate, base, slow, saved=[base, cell("T2-V7_all", STEADY)])[-1]
    assert (found.word, found.outcome, found.record()["outcome"]) == (
        word,
        "REGRESSED",
        "REGRESSED",
    )


def test_single_rounds_prove_only_a_change_beyond_their_uncertainty() -> None:
    """One round on each side proves a loss of 50 %, and not one of 10 %."""
    assert (
        verdict("energy <= saved", cell(joules=[110.0]), saved=[cell()]).outcome == "INCONCLUSIVE"
    )
    assert verdict("energy <= saved", cell(joules=[150.0]), saved=[cell()]).outcome == "REGRESSED"


def test_a_stage_is_gated_by_its_own_joules() -> None:
    """A stage that takes more regressed although the whole round did not."""
    grown = one_round(0, 100.0)
    grown["windows"][0].update(total_j=99.0 * 2, cpu_j=99.0 * 2)
    found = verdict("training.energy <= 1.05*saved", cell(rounds=[grown]), saved=[cell()])
    assert (found.outcome, found.metric, found.here, found.there) == (
        "REGRESSED",
        "training.energy",
        198.0,
        90.0,
    )


def test_a_variant_of_the_session_is_a_reference() -> None:
    """The reference itself gets no verdict."""
    cells = [cell("T2-V0_baseline", STEADY), cell("T2-V7_all", times(0.5))]
    found = verdict("energy <= 0.60*V0", *cells)
    assert (found.cell, found.reference, found.outcome) == ("T2-V7_all", "T2-V0_baseline", "PASS")


def test_a_swept_cell_has_a_name_of_its_own() -> None:
    """``V1-b16`` names one of V1's cells, and the other one is compared with it."""
    cells = [cell("T2-V1_data-b16", STEADY), cell("T2-V1_data-b32", times(0.9))]
    assert verdict("energy <= V1-b16", *cells).cell == "T2-V1_data-b32"


def test_scores_are_compared_on_the_same_examples() -> None:
    """A fall from 0.9 to 0.1 is a loss, and equal answers differ by exactly 0."""
    base = cell("T2-V0_baseline", right=95)
    assert verdict("T2.mcc >= V0-0.02", base, cell("T2-V1_x", right=55)).outcome == "REGRESSED"
    same = verdict("T2.mcc >= V0-0.02", base, cell("T2-V1_x", right=95))
    assert (same.outcome, same.change, same.how) == ("PASS", 0.0, "paired over 100 test examples")


def test_a_ratio_of_scores_is_paired_too() -> None:
    """The change is a ratio with an interval around it."""
    found = verdict("T2.mcc >= 0.5*V0", cell("T2-V0_baseline", right=90), cell("T2-V1_x", right=85))
    assert found.outcome == "PASS"
    assert found.low < found.change < found.high < 1.2
    assert found.change == pytest.approx(0.7 / 0.8, abs=0.01)


@pytest.mark.parametrize("score", [0.0, -0.3])
def test_a_ratio_to_a_score_that_is_not_above_zero_is_refused(score: float) -> None:
    """The message proposes a difference instead."""
    base = cell(
        "T2-V0_baseline", quality={"mcc": {"value": score, "n": 100, "low": score, "high": score}}
    )
    found = verdict("T2.mcc >= 0.98*V0", base, cell())
    assert found.outcome == "NOT-COMPARABLE"
    assert "gate a difference, such as mcc >= V0-0.02" in found.reason


def test_a_score_without_an_interval_is_compared_as_it_stands() -> None:
    """A score without an interval passes or fails by its value."""
    bare = {
        "quality": {"mcc": {"value": 0.5, "n": 100}},
        "rounds": [one_round(0, 1.0, outcomes={})],
    }
    assert [verdict(f"T2.mcc >= {low}", cell(**bare)).outcome for low in (0.4, 0.6)] == [
        "PASS",
        "REGRESSED",
    ]


@pytest.mark.parametrize(
    ("gate", "score"),
    [
        ("T2.accuracy >= 0.95", {"accuracy": {"value": 1.0, "n": 5, "low": 0.566, "high": 1.0}}),
        ("T2.brier <= 0.1", {"brier": {"value": 0.0, "n": 5, "low": 0.0, "high": 0.3}}),
    ],
)
def test_a_score_at_its_bound_is_not_a_proof(gate: str, score: dict) -> None:
    """Five right answers of five leave a gate on 95 % inconclusive."""
    assert verdict(gate, cell(quality=score)).outcome == "INCONCLUSIVE"


def test_seeds_that_only_this_run_has_count() -> None:
    """A run whose further seeds collapsed fails although the common one is unchanged."""
    rounds = [
        one_round(seed, 100.0, outcomes=answers(90 if seed == 0 else 30)) for seed in range(5)
    ]
    collapsed = cell(
        rounds=rounds, quality={"mcc": {"value": -0.16, "n": 100, "low": -0.3, "high": 0.0}}
    )
    assert verdict("T2.mcc >= saved-0.02", collapsed, saved=[cell(right=90)]).outcome == "REGRESSED"


def test_a_score_whose_seeds_differ_has_the_tails_of_few_rounds() -> None:
    """The 95 % interval is that of rows and seeds; a stricter one lies further out than normal."""
    rounds = [one_round(seed, 100.0, outcomes=answers(30 + 30 * seed)) for seed in range(3)]
    base = [one_round(seed, 100.0, outcomes=answers(90)) for seed in range(3)]
    here, there = cell(rounds=rounds), cell("T2-V0_baseline", rounds=base)
    gate = parse("T2.mcc >= V0-0.02")
    found = score_margins.estimate(gate, here.record, there.record)
    assert 2 <= found.freedom < 3
    assert (found.margin, *margins.bounds(found)) == pytest.approx((-0.58, -2.1, 0.94), abs=0.03)
    assert margins.chance(found) > margins.chance(replace(found, freedom=math.inf))


def test_equal_outcomes_do_not_hide_scores_of_texts() -> None:
    """Cells that pass the same tests differ if one writes far worse texts."""
    chrf = lambda score: {"chrf": {"value": score, "n": 100}}  # noqa: E731
    found = verdict(
        "T1.chrf >= saved-1",
        cell("T1-V1_x", quality=chrf(1.0)),
        saved=[cell("T1-V1_x", quality=chrf(60.0))],
    )
    assert found.outcome == "REGRESSED"


def test_joules_of_a_stuck_counter_are_uncertain() -> None:
    """Three rounds of 0 J with a resolution of 5 J do not prove less than 0.5 J."""
    rounds = [one_round(seed, 0.0) for seed in range(3)]
    for one in rounds:
        one["energy"]["uncertainty_j"] = {"cpu": {"resolution": 5.0}}
    assert verdict("energy <= 0.5", cell(rounds=rounds)).outcome == "INCONCLUSIVE"


def test_a_change_of_half_of_the_cells_is_not_noise() -> None:
    """Neither is a change of all cells by different amounts, in at least half of them."""
    names = [f"T2-V{n}_x" for n in range(1, 9)]
    saved = [cell(name, STEADY) for name in names]
    half = [cell(name, times(2.0 if n < 4 else 1.0)) for n, name in enumerate(names)]
    assert (
        sum(v.outcome == "REGRESSED" for v in verdicts("energy <= 1.05*saved", *half, saved=saved))
        == 4
    )
    worse = [cell(name, times(1.2 + 0.15 * n)) for n, name in enumerate(names)]
    assert (
        sum(v.outcome == "REGRESSED" for v in verdicts("energy <= 1.05*saved", *worse, saved=saved))
        >= 4
    )


def test_differences_of_large_cells_are_not_noise_of_small_ones() -> None:
    """The scatter of cells is not used for differences in joules."""
    sizes = [10.0**n for n in range(8)]
    names = [f"T2-V{n}_x" for n in range(8)]
    saved = [
        cell(name, [size * j / 100 for j in STEADY])
        for name, size in zip(names, sizes, strict=True)
    ]
    worse = [
        cell(name, [1.5 * size * j / 100 for j in times(1.0)])
        for name, size in zip(names, sizes, strict=True)
    ]
    found = verdicts("energy <= saved+0.1", *worse, saved=saved)
    assert {v.outcome for v in found} == {"REGRESSED"}
    assert not any("scatter" in v.how for v in found)


@pytest.mark.parametrize("outcome", ["skipped", "failed"])
def test_a_cell_whose_test_did_not_pass_is_missing(outcome: str) -> None:
    """A test that failed or skipped after measuring makes its cell MISSING."""
    found = verdict("energy <= 500", cell(outcome=outcome))
    assert (found.outcome, outcome in found.reason) == ("MISSING", True)


def test_operations_are_compared_exactly() -> None:
    """One more operation fails ``<=``, and equal ones fail ``<``."""
    more = one_round(0, 100.0)
    more["work"] = {**more["work"], "flops_training": 1001}
    assert verdict("flops <= saved", cell(), saved=[cell()]).outcome == "PASS"
    assert verdict("flops < saved", cell(), saved=[cell()]).outcome == "REGRESSED"
    found = verdict("flops <= saved", cell(rounds=[more]), saved=[cell()])
    assert (found.outcome, found.here, found.there, found.how) == (
        "REGRESSED",
        1011,
        1010,
        "counted, not measured",
    )


def test_holms_correction_is_over_the_cells_of_a_gate() -> None:
    """A cell that regressed by itself is inconclusive among twenty."""
    pair = lambda name: (cell(name, (104.0, 102.2, 103.1)), cell(name, STEADY))  # noqa: E731
    alone = verdict("energy <= saved", pair("T2-V1_x")[0], saved=[pair("T2-V1_x")[1]])
    assert alone.outcome == "REGRESSED"
    even = [cell(f"T2-V{n}_x", times(1.0)) for n in range(2, 21)]
    first, *_ = verdicts(
        "energy <= saved",
        pair("T2-V1_x")[0],
        *even,
        saved=[pair("T2-V1_x")[1], *(cell(e.id, STEADY) for e in even)],
    )
    assert first.outcome == "INCONCLUSIVE"
    assert first.p == pytest.approx(20 * alone.p)
    assert "not after the correction over 20 cells" in first.reason


@pytest.mark.parametrize(
    ("flaw", "outcome", "told"),
    [
        (
            {"status": "failed", "error": "out of memory"},
            "MISSING",
            "the cell failed: out of memory",
        ),
        ({"outcome": "failed"}, "MISSING", "its test failed after it was measured"),
        ({"degenerate": ["one answer for all"]}, "DEGENERATE", "one answer for all"),
        (
            {"effect": "NO-EFFECT", "without_effect": ["training.precision"]},
            "NO-EFFECT",
            "training.precision did nothing",
        ),
        (
            {"rounds": [one_round(0, None)]},
            "UNMEASURED",
            "energy is unknown in 1 of 1 rounds: no counter is here",
        ),
    ],
)
def test_a_flaw_on_either_side_is_refused(flaw: dict, outcome: str, told: str) -> None:
    """A flaw of the cell or of its reference is a refusal that fails."""
    for ours, theirs in ((flaw, {}), ({}, flaw)):
        found = verdict(
            "energy <= 2*saved", cell(**ours), saved=[cell(origin="main.json", **theirs)]
        )
        assert (found.outcome, told in found.reason) == (outcome, True)
        assert found.outcome in REFUSALS
        assert found.fails()


@pytest.mark.parametrize("reason", ["nothing was scored", ""])
def test_a_score_without_a_value_is_unmeasured(reason: str) -> None:
    """The verdict gives the record's reason, or says that there was no score."""
    unscored = cell(quality={"mcc": {"value": None, "n": 1, "reason": reason}})
    found = verdict("T2.mcc >= 0", unscored)
    assert (found.outcome, found.reason) == ("UNMEASURED", reason or "mcc was not scored")


def test_absent_cells_are_missing() -> None:
    """Selected cells, cells of the saved run, and cells that it lacks are MISSING."""
    found = verdicts(
        "energy <= 2*saved",
        cell("T2-V1_new"),
        saved=[cell("T2-V1_old")],
        expected=["T2-V1_new", "T2-V2_lost"],
        gone={"T2-V1_old": "removed"},
    )
    assert {v.cell: v.outcome for v in found} == {
        "T2-V1_new": "MISSING",
        "T2-V2_lost": "MISSING",
        "T2-V1_old": "MISSING",
    }
    assert "main.json has no T2-V1_new" in found[0].reason


def test_new_cells_can_be_allowed() -> None:
    """A new cell that is allowed passes, and its reason says so."""
    known = cell("T2-V0_known")
    found = verdicts("energy <= 2*saved", cell("T2-V1_new"), known, saved=[known], allow=["new"])
    assert [(v.outcome, v.reason[:20]) for v in found] == [
        ("PASS", "new, and let pass: m"),
        ("PASS", ""),
    ]


def test_new_cells_alone_do_not_pass() -> None:
    """A new cell is MISSING if no other cell is compared, or if it is unmeasured."""
    assert (
        verdict(
            "energy <= 2*saved", cell("T2-V1_new"), saved=[cell("T1-V1_x")], allow=["new"]
        ).outcome
        == "MISSING"
    )
    known, empty = cell("T2-V0_known"), cell("T2-V1_new", rounds=[one_round(0, None)])
    assert (
        verdicts("energy <= 2*saved", empty, known, saved=[known], allow=["new"])[0].outcome
        == "MISSING"
    )


def test_a_gate_about_no_cell_is_missing() -> None:
    """A gate whose task did not run has one verdict, MISSING."""
    found = verdict("T1.energy <= 5", cell())
    assert (found.outcome, found.reason) == ("MISSING", "no cell of this run has energy in T1")


def test_a_reference_that_did_not_run_is_taken_from_earlier_results() -> None:
    """Without an earlier one the reason names the command that makes it."""
    lonely = cell("T2-V7_all", STEADY)
    found = verdict("energy <= V0", lonely)
    assert (found.outcome, 'pytest bench -k "T2 and V0_"' in found.reason) == ("MISSING", True)
    old = cell("T2-V0_baseline", times(2.0), origin="results, 3 days old", header=dict(HEADER))
    found = verdict(
        "energy <= V0", lonely, earlier=lambda name, _cell: old if name == "V0" else None
    )
    assert (found.outcome, found.reference) == ("PASS", "T2-V0_baseline of results, 3 days old")


def test_a_selected_reference_is_not_replaced_by_an_earlier_one() -> None:
    """A reference that left no record in this session makes the cell MISSING."""
    old = cell("T2-V0_baseline")
    found = verdicts(
        "energy <= V0", cell("T2-V7_all"), expected=["T2-V0_baseline"], earlier=lambda *_: old
    )
    assert {v.outcome for v in found} == {"MISSING"}


@pytest.mark.parametrize(
    ("reference", "outcome"), [("V1-b16", "MISSING"), ("V1-b1", "PASS"), ("V10-b16", "PASS")]
)
def test_a_reference_with_a_swept_value_is_recognised_among_what_was_selected(
    reference: str, outcome: str
) -> None:
    """Another variant whose number, or another value that, begins alike is not taken for it."""
    old = cell("T2-V1_old", times(2.0))
    found = verdicts(
        f"energy <= {reference}",
        cell("T2-V7_all", STEADY),
        expected=["T2-V1_data-b16", "T2-V10_data-b160"],
        earlier=lambda *_: old,
    )
    assert found[0].outcome == outcome


def test_the_command_for_a_missing_reference_selects_its_swept_value() -> None:
    """``-k V1-b16_`` would select nothing."""
    found = verdict("energy <= V1-b16", cell("T2-V7_all"))
    assert 'pytest bench -k "T2 and V1_ and b16"' in found.reason


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        (
            "host",
            {
                "header": {
                    **HEADER,
                    "environment": {**HEADER["environment"], "cpu": {"model": "another"}},
                }
            },
        ),
        ("profile", {"header": {**HEADER, "profile": "small"}}),
        ("profile", {"header": {**HEADER, "profile_changes": {"T2": {"train": 5}}}}),
        (
            "data",
            {"data": {"source": "generated", "sha256": "e" * 64, "split_sizes": {"test": 100}}},
        ),
        ("model", {"checkpoint": {"sha256": "f" * 64}}),
        ("scope", {"rounds": [one_round(0, 100.0, sources={"cpu": "zeus:rapl"})]}),
    ],
)
def test_unlike_cells_are_not_comparable_unless_allowed(name: str, theirs: dict) -> None:
    """The reason names the difference and the option that allows it."""
    found = verdict("energy <= 2*saved", cell(), saved=[cell(**theirs)])
    assert (found.outcome, found.reason.startswith(f"{name}: ")) == ("NOT-COMPARABLE", True)
    assert f"--green-allow {name}" in found.reason
    assert (
        verdict("energy <= 2*saved", cell(), saved=[cell(**theirs)], allow=[name]).outcome == "PASS"
    )


TF32, ONE = {"NVIDIA_TF32_OVERRIDE": "1"}, {"OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(
    ("device", "ours", "theirs", "reason"),
    [
        ("cpu", {"variables": ONE}, {"variables": {}}, "OMP_NUM_THREADS=1 here, none there"),
        (
            "cpu",
            {"variables": {}, "torch_threads": 2},
            {"variables": ONE, "torch_threads": 1},
            "torch threads: 2 here, torch threads: 1 there",
        ),
        (
            "cpu",
            {"variables": {}, "torch_threads": 1},
            {"variables": ONE, "torch_threads": 1},
            "",
        ),
        ("cpu", {"variables": ONE, "torch_threads": 1}, {"variables": ONE}, ""),
        ("cpu", {"variables": TF32}, {"variables": {}}, ""),
        ("cuda:0", {"variables": TF32}, {"variables": {}}, "NVIDIA_TF32_OVERRIDE=1 here, none"),
        ("cpu", {"variables": ONE}, {}, ""),
    ],
)
def test_variables_that_change_computations_have_to_be_the_same(
    device: str, ours: dict, theirs: dict, reason: str
) -> None:
    """On their device only, threads by their number, and not in records that lack them."""

    def with_environment(facts: dict) -> Measured:
        environment = {**HEADER["environment"], "device": device, **facts}
        return cell(header={**HEADER, "environment": environment})

    found = verdict("energy <= 2*saved", with_environment(ours), saved=[with_environment(theirs)])
    assert (found.outcome == "NOT-COMPARABLE") == bool(reason)
    assert f"variables: {reason}" in found.reason or not reason


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("device", {"name": "B200"}),
        ("driver", {"driver": "570.1"}),
        ("power_limit", {"power_limit_w": 350.0}),
    ],
)
def test_another_card_driver_or_power_limit_is_not_comparable(name: str, change: dict) -> None:
    """Cards, power limits and major driver versions have to be the same."""
    card = {"name": "H200", "driver": "580.65", "power_limit_w": 700.0}

    def with_gpu(gpu: dict) -> Measured:
        environment = {**HEADER["environment"], "device": "cuda:0", "gpus": [gpu]}
        return cell(header={**HEADER, "environment": environment})

    found = verdict("time <= 2*saved", with_gpu(card), saved=[with_gpu({**card, **change})])
    assert (found.outcome, f"(--green-allow {name} compares" in found.reason) == (
        "NOT-COMPARABLE",
        True,
    )
    patched = with_gpu({**card, "driver": "580.99"})
    assert verdict("time <= 2*saved", with_gpu(card), saved=[patched]).outcome in {
        "PASS",
        "INCONCLUSIVE",
    }


def test_another_scope_of_joules_matters_to_joules_only() -> None:
    """Seconds are compared although one cell's joules are estimated."""
    other = cell(rounds=[one_round(0, 100.0, sources={"cpu": "zeus:rapl"})])
    assert verdict("time <= 2*saved", cell(), saved=[other]).outcome == "PASS"
    assert CPU["cpu"] != "zeus:rapl"


@pytest.mark.parametrize(
    ("arithmetic", "bandwidth", "memory_joules", "name"),
    [
        (3e9, 1e9, True, "reference kernel"),
        (4e9, 0.75e9, True, "memory kernel"),
        (4e9, 0.75e9, False, "memory kernel"),
    ],
)
def test_the_larger_change_of_the_reference_kernels_counts(
    arithmetic: float, bandwidth: float, name: str, *, memory_joules: bool
) -> None:
    """A machine that became a quarter slower in either leaves a change of 70 % inconclusive.

    Where a counter is too slow for the memory kernel's joules, its seconds count.
    """

    def kernel(speed: float, bandwidth: float) -> dict:
        rates = {"operations_per_second": speed, "operations_per_joule": speed}
        per_joule = bandwidth if memory_joules else None
        memory = {"bytes_per_second": bandwidth, "bytes_per_joule": per_joule}
        return {"before": {**rates, "memory": memory}, "after": {**rates, "memory": memory}}

    ours = cell(joules=times(1.7), yardstick=kernel(arithmetic, bandwidth), header=dict(HEADER))
    theirs = cell(joules=STEADY, yardstick=kernel(4e9, 1e9), header=dict(HEADER))
    found = verdict("energy <= saved", ours, saved=[theirs])
    assert found.outcome == "INCONCLUSIVE"
    assert f"the machine itself, by its {name}, is uncertain by 25.0 %" in found.reason


@pytest.mark.parametrize("gate", ["training.energy", "inference.energy", "j_per_sample"])
def test_a_stage_whose_channels_differ_is_not_comparable(gate: str) -> None:
    """A GPU whose counter did not move within a short stage does not make the stage cheaper."""
    sources = {"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl"}

    def measured(gpu_j: float | None) -> dict:
        one = one_round(0, 100.0, sources=sources)
        one["energy"].update(gpu_j=60.0, cpu_j=40.0)
        stage = {"gpu_j": gpu_j, "cpu_j": 0.3, "sources": sources, "seconds": 0.1}
        one["windows"] = [{**stage, "stage": name} for name in ("training", "inference")]
        return one

    moved, still = cell(rounds=[measured(45.0)]), cell(rounds=[measured(None)])
    found = verdict(f"{gate} <= 0.5*saved", still, saved=[moved])
    assert found.outcome == "NOT-COMPARABLE"
    assert found.reason.startswith("scope: cpu zeus:rapl here, gpu zeus:nvml-counter, cpu zeus:")
