"""Scores of programs that were run depend on compilers and interpreters; nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gates.made import cell, one_round

from greenbench.gates.comparability import differences, refusal
from greenbench.gates.expression import parse

if TYPE_CHECKING:
    from greenbench.gates.verdict import Measured

OLD, NEW = "g++ (Debian 12.2.0-13) 12.2.0", "g++ (Debian 12.2.0-14) 12.2.0"


def compiled_by(version: str | None) -> Measured:
    """Return a T1 cell whose translations were compiled by a version of g++; None tells nothing."""
    tools = {} if version is None else {"tools": {"g++": version}}
    return cell("T1-V1_x", rounds=[one_round(seed, 100.0, **tools) for seed in (0, 1)])


@pytest.mark.parametrize("metric", ["pass_at_1", "compile_rate", "j_per_correct"])
def test_another_compiler_keeps_run_programs_from_being_compared(metric: str) -> None:
    """Both versions are named, to the patch level, and the option that compares all the same."""
    gate = parse(f"T1.{metric} <= saved")
    reason = refusal(compiled_by(NEW), compiled_by(OLD), gate, ())
    assert reason == (
        f"tools: g++ {NEW} here, g++ {OLD} there (--green-allow tools compares all the same)"
    )
    assert refusal(compiled_by(NEW), compiled_by(OLD), gate, ("tools",)) == ""
    assert refusal(compiled_by(NEW), compiled_by(NEW), gate, ()) == ""


@pytest.mark.parametrize("metric", ["energy", "time", "bleu", "exact_match", "j_per_sample"])
def test_another_compiler_does_not_matter_to_other_metrics(metric: str) -> None:
    """Programs are run outside of what is measured, and texts are compared without them."""
    gate = parse(f"T1.{metric} <= saved")
    assert refusal(compiled_by(NEW), compiled_by(OLD), gate, ()) == ""


def test_a_record_without_tools_is_compared() -> None:
    """Records of earlier versions do not tell them."""
    gate = parse("T1.pass_at_1 >= saved")
    assert refusal(compiled_by(NEW), compiled_by(None), gate, ()) == ""
    assert differences(compiled_by(None), compiled_by(OLD)) == {}


def test_the_search_for_a_baseline_looks_at_the_tools() -> None:
    """A cell without a gate in mind is compared in all that it holds."""
    assert list(differences(compiled_by(NEW), compiled_by(OLD))) == ["tools"]


def test_other_code_of_a_suite_s_functions_is_compared_and_another_checkpoint_is_not() -> None:
    """The code is what may change between two commits."""
    gate = parse("energy <= saved")
    for kind, reason in (("function", ""), ("text-classification", "model: tiny aaaa")):
        definition = {"kind": kind, "primary": ["mcc"]}
        sides = []
        for letter in "ab":
            hashed = {"sha256": letter * 64}
            sides.append(cell("T3-V0_baseline", checkpoint=hashed, definition=definition))
        found = refusal(*sides, gate, ())
        assert found.startswith(reason)
        assert bool(found) == bool(reason)


def test_a_compiler_that_changed_between_rounds_is_named_too() -> None:
    """Then the rounds hold two versions."""
    rounds = [one_round(n, 100.0, tools={"g++": version}) for n, version in enumerate((OLD, NEW))]
    changed = cell("T1-V1_x", rounds=rounds)
    ((here, there),) = differences(changed, compiled_by(OLD)).values()
    assert (here, there) == (f"g++ {OLD}, g++ {NEW}", f"g++ {OLD}")
