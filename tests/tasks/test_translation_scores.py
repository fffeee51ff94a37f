"""Scores of translations: by running, by text, with references and doubts."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.errors import UnavailableError
from greenbench.tasks import judging, translation
from greenbench.tasks.judging import FAILURES, Verdict
from greenbench.tasks.pairs import Pair, PairSplits
from greenbench.tasks.translation_scores import NO_TESTS, bleu, chrf, doubts, judge, primary, references, score, tidy
from greenbench.types import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = st.lists(
    st.tuples(st.text("ab (;\n", max_size=30), st.text("ab (;\n", min_size=1, max_size=30)), min_size=1, max_size=6
)
PLAIN = [Pair(source=f"int f{n}();", target=f"public virtual int F{n}() {{ return {n}; }}", language="cs") for n in range(40)]


@pytest.fixture(scope="module")
def splits() -> PairSplits:
    """Give a few generated programs, whose translations can be run here."""
    if sys.platform != "linux":
        pytest.skip("the sandbox is made of util-linux")
    made = translation.load("generated", columns={}, sizes=(12, 4, 10), seed=0)
    try:
        judging.judge_one("", made.test[0].tests)
    except UnavailableError as lacking:
        pytest.skip(str(lacking))
    return made


def targets(pairs: Sequence[Pair]) -> list[str]:
    """Return the true translations."""
    return [p.target for p in pairs]


def quality(**values: float | None) -> dict[str, Metric]:
    """Make metrics."""
    return {name: Metric(value=value, n=1) for name, value in values.items()}


# --- texts ------------------------------------------------------------------------------------------------------------


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_text_scores_are_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    """BLEU over tokens between white space and chrF are those of sacrebleu's own functions."""
    outputs, wanted = ([one for one, _ in pairs], [other for _, other in pairs])
    assert math.isclose(bleu(outputs, wanted), sacrebleu.corpus_bleu(outputs, [wanted], tokenize="none", force=True).score)
    assert math.isclose(chrf(outputs, wanted), sacrebleu.corpus_chrf(outputs, [wanted]).score)


def test_bleu_by_hand() -> None:
    """Precisions of 4/5, 3/4, 2/3 and 1/2 multiply to 1/5, whose fourth root is the score at equal length."""
    assert math.isclose(bleu(["a b c d e"], ["a b c d f"]), 100 * (1 / 5) ** 0.25, rel_tol=1e-9)


def test_bleu_of_a_short_output_pays_for_its_brevity() -> None:
    """Four right words of five: all precisions are 1, and the penalty is exp(1 - 5/4)."""
    assert math.isclose(bleu(["a b c d"], ["a b c d e"]), 100 * math.exp(1 - 5 / 4), rel_tol=1e-9)


def test_scores_of_equal_and_of_disjoint_texts() -> None:
    """The ends of both scales."""
    assert (round(bleu(targets(PLAIN), targets(PLAIN)), 6), round(chrf(targets(PLAIN), targets(PLAIN)), 6)) == (100, 100)
    assert (bleu(["a b c d e"], ["v w x y z"]), chrf(["a b c d e"], ["v w x y z"])) == (0, 0)


@pytest.mark.parametrize(
    ("output", "equal"),
    [
        ("def f(a):\n    return a", True),
        ("\n\ndef f(a):   \n    return a  \n\n", True),
        ("def f(a):\r\n    return a", True),
        ("def f(a):\n  return a", False),
        ("def f(a):\n\n    return a", False),
        ("def f(a) :\n    return a", False),
    ],
)
def test_exact_match_forgives_white_space_at_ends_only(output: str, equal: bool) -> None:  # noqa: FBT001
    """Ends of lines and of the text do not count, indentation does."""
    pair = Pair(source="", target="def f(a):\n    return a\n", language="python")
    assert (tidy(output) == tidy(pair.target)) is equal
    assert score([pair], [output], [], NO_TESTS)["exact_match"].value == equal


# --- without tests ----------------------------------------------------------------------------------------------------


def test_without_tests_the_texts_count() -> None:
    """Metrics of running are None with their reason, no failure is counted, and BLEU is the one that counts."""
    outputs = [*targets(PLAIN[:10]), *(["something else"] * 30)]
    judged = judge(PLAIN, outputs, {})
    for name in ("pass_at_1", "compile_rate"):
        assert (judged.quality[name].value, judged.quality[name].reason) == (None, NO_TESTS)
    assert judged.quality["exact_match"].value == 0.25
    assert judged.quality["bleu"].value == pytest.approx(
        sacrebleu.corpus_bleu(outputs, [targets(PLAIN)], tokenize="none", force=True).score
    )
    assert judged.quality["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(outputs, [targets(PLAIN)]).score)
    assert (judged.failures, primary(judged.quality)) == ({}, "bleu")
    assert {m.n for m in judged.quality.values()} == {40}


def test_one_pair_without_tests_leaves_all_unrun(splits: PairSplits) -> None:
    """A share of some programs only would be another metric."""
    pairs = [*splits.test[:2], PLAIN[0]]
    assert judge(pairs, targets(pairs), {}).quality["pass_at_1"].reason == NO_TESTS


def test_programs_that_cannot_be_run_here_say_why(splits: PairSplits, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Without Java, translations into Java have text scores only, and the reason names what is lacking."""
    back = translation.load("generated", columns={}, sizes=(4, 2, 3), seed=0, direction="python:java")
    monkeypatch.setenv("PATH", str(tmp_path))
    judged = judge(back.test, targets(back.test), {})
    assert judged.quality["pass_at_1"].value is None
    assert "no Java on PATH" in judged.quality["pass_at_1"].reason
    assert judged.quality["exact_match"].value == 1
    assert splits.test


# --- with tests -------------------------------------------------------------------------------------------------------


def test_the_true_targets_reach_everything(splits: PairSplits) -> None:
    """Each generated translation passes its own tests, and equals itself."""
    judged = judge(splits.test, targets(splits.test), {})
    assert {name: round(m.value, 6) for name, m in judged.quality.items()} == {
        "pass_at_1": 1, "compile_rate": 1, "exact_match": 1, "bleu": 100, "chrf": 100,
    }  # fmt: skip
    assert judged.failures == dict.fromkeys(FAILURES, 0)
    assert primary(judged.quality) == "pass_at_1"


@pytest.mark.skipif(judging.unavailable("java") is not None, reason=str(judging.unavailable("java")))
def test_the_true_targets_reach_everything_in_java(splits: PairSplits) -> None:
    """So do the Java texts of a few programs."""
    back = translation.load("generated", columns={}, sizes=(4, 2, 3), seed=0, direction="python:java")
    judged = judge(back.test, targets(back.test), {})
    assert (judged.quality["pass_at_1"].value, judged.quality["exact_match"].value) == (1, 1)
    assert splits.test


def test_failures_are_counted_by_kind(splits: PairSplits) -> None:
    """Each output that fails is one of its kind, and the shares follow from the counts."""
    bad = ["def (", "", "raise ValueError", "def " + splits.test[3].tests.entry + "(*_):\n    return None"]
    judged = judge(splits.test, [*bad, *targets(splits.test)[4:]], {})
    assert judged.failures == {"does_not_compile": 1, "runtime_error": 2, "wrong_output": 1, "timeout": 0}
    assert (judged.quality["pass_at_1"].value, judged.quality["compile_rate"].value) == (0.6, 0.9)
    assert judged.quality["exact_match"].value == 0.6


def test_copying_the_source_passes_nothing(splits: PairSplits) -> None:
    """The reference is scored as the model is: Java is no Python, though its text is not far."""
    found = references(splits)["copy_source"]
    assert (found["pass_at_1"], found["compile_rate"], found["exact_match"]) == (0, 0, 0)
    assert 0 < found["chrf"] < 100


def test_copying_the_source_without_tests_has_text_scores() -> None:
    """What was not run has no score, also of a reference."""
    found = references(PairSplits(train=(), valid=(), test=tuple(PLAIN)))["copy_source"]
    assert found["pass_at_1"] is None
    assert found["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu([p.source for p in PLAIN], [targets(PLAIN)], tokenize="none", force=True).score
    )


@pytest.mark.parametrize("count", [0, 9, 41])
def test_a_wrong_number_of_outputs_is_refused(count: int) -> None:
    """Outputs that do not belong to pairs are no score."""
    with pytest.raises(ValueError, match=f"40 pairs and {count} translations"):
        judge(PLAIN, ["x"] * count, {})
    with pytest.raises(ValueError, match="0 pairs and 0"):
        judge([], [], {})


# --- doubts -----------------------------------------------------------------------------------------------------------


def test_no_doubts_where_there_are_none() -> None:
    """Enough programs, different answers, and better than the reference."""
    outputs = [f"answer {n}" for n in range(30)]
    assert doubts(outputs, quality(pass_at_1=0.5, bleu=10.0), {"copy_source": {"pass_at_1": 0.0, "bleu": 90.0}}) == ()


def test_few_programs_are_doubted() -> None:
    """Twenty-nine are few."""
    assert "29 programs: few" in doubts([str(n) for n in range(29)], quality(pass_at_1=0.5), {})[0]


def test_a_constant_answer_is_degenerate() -> None:
    """One answer to all is no translation, whatever it scores; one answer to one is."""
    same = judge(PLAIN, ["same"] * len(PLAIN), {})
    assert same.degenerate == (f"the model gives one answer to all {len(PLAIN)} programs",)
    assert judge(PLAIN[:1], ["same"], {}).degenerate == ()
    assert judge(PLAIN, [str(n) for n in range(len(PLAIN))], {}).degenerate == ()


@pytest.mark.parametrize(
    ("passed", "rival", "doubted"), [(0.2, 0.2, True), (0.2, 0.3, True), (0.2, 0.1, False), (0.0, 0.0, True)]
)
def test_a_reference_that_does_as_well_is_doubted(passed: float, rival: float, doubted: bool) -> None:  # noqa: FBT001
    """By the metric that counts, and equal is as well."""
    outputs = [str(n) for n in range(40)]
    found = doubts(outputs, quality(pass_at_1=passed, bleu=99.0), {"copy_source": {"pass_at_1": rival, "bleu": 1.0}})
    assert found == ((f"the reference 'copy_source' reaches pass_at_1 {rival:.3f}, the model {passed:.3f}",) if doubted else ())


def test_without_tests_the_reference_is_held_against_bleu() -> None:
    """A reference without a value raises no doubt."""
    outputs, mine = [str(n) for n in range(40)], quality(pass_at_1=None, bleu=5.0)
    assert "reaches bleu 7.000, the model 5.000" in doubts(outputs, mine, {"copy_source": {"pass_at_1": None, "bleu": 7.0}})[0]
    assert doubts(outputs, mine, {"copy_source": {"pass_at_1": None, "bleu": None}}) == ()


def test_programs_that_ran_without_protection_are_told(monkeypatch: pytest.MonkeyPatch, splits: PairSplits) -> None:
    """Where the network could not be shut off, the score says so, once."""
    from greenbench import sandbox

    line = "not isolated: no namespaces here"
    weak = Verdict(outcome="passed", isolation=sandbox.Isolation(network=line, processes="", user="", files=""))
    monkeypatch.setattr(judging, "judge", lambda programs: [weak for _ in programs])
    judged = judge(splits.test, targets(splits.test), {})
    assert [d for d in judged.doubts if "network" in d] == [f"translations ran with the network {line}"]
