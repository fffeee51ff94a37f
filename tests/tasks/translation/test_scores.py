"""Scores of translations: by running, by text, with references and doubts."""

from __future__ import annotations

import json
import math
import platform
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.pairs import Pair, PairSplits
from greenbench.errors import UnavailableError
from greenbench.tasks.dummies import DummyBaselines
from greenbench.tasks.translation import load as translation
from greenbench.tasks.translation.dummies import baselines, most_similar
from greenbench.tasks.translation.execution import run_tests
from greenbench.tasks.translation.execution.run_tests import FAILURES, ProgramOutcome
from greenbench.tasks.translation.scores import (
    NO_TARGETS,
    NO_TESTS,
    chrf,
    few,
    primary,
    scored,
    tidy,
)
from greenbench.tasks.translation.scores import judge as judge_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import Judged

WRITTEN = st.text("ab (;\n", max_size=30)
TEXTS = st.lists(st.tuples(WRITTEN, WRITTEN.filter(str.strip)), min_size=1, max_size=6)
PLAIN = [
    Pair(
        source=f"int f{n}();", target=f"public virtual int F{n}() {{ return {n}; }}", language="cs"
    )
    for n in range(40)
]


@pytest.fixture(scope="module")
def splits() -> PairSplits:
    """Give a few generated programs, whose translations can be run here."""
    if sys.platform != "linux":
        pytest.skip("the sandbox is made of util-linux")
    made = translation.load("generated", columns={}, sizes=(12, 4, 10), seed=0)
    try:
        run_tests.judge_one(made.test[0].language, "", made.test[0].tests)
    except UnavailableError as lacking:
        pytest.skip(str(lacking))
    return made


def targets(pairs: Sequence[Pair]) -> list[str]:
    """Return the true translations."""
    return [p.target for p in pairs]


NOBODY = DummyBaselines(scores={}, drawn={}, descriptions={})


def sides(pairs: Sequence[Pair], train: Sequence[Pair] = ()) -> PairSplits:
    """Make splits with these pairs to test on."""
    return PairSplits(train=tuple(train), valid=(), test=tuple(pairs))


def judge(
    pairs: Sequence[Pair], outputs: Sequence[str], references: DummyBaselines = NOBODY
) -> Judged:
    """Judge outputs for pairs."""
    return judge_splits(sides(pairs), outputs, references)


def bleu(outputs: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the BLEU that pairs with these targets get."""
    pairs = [Pair(source="s", target=target, language="cs") for target in wanted]
    return float(scored(sides(pairs), outputs).quality["bleu"].value or 0)


# --- texts ----------------------------------------------------------------------------------------


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_text_scores_are_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    """BLEU over tokens between white space and chrF are those of sacrebleu's own functions."""
    outputs, wanted = ([one for one, _ in pairs], [other for _, other in pairs])
    assert math.isclose(
        bleu(outputs, wanted),
        sacrebleu.corpus_bleu(outputs, [wanted], tokenize="none", force=True).score,
    )
    assert math.isclose(chrf(outputs, wanted), sacrebleu.corpus_chrf(outputs, [wanted]).score)


def test_bleu_by_hand() -> None:
    """Precisions of 4/5, 3/4, 2/3 and 1/2 multiply to 1/5, whose fourth root is the score."""
    assert math.isclose(bleu(["a b c d e"], ["a b c d f"]), 100 * (1 / 5) ** 0.25, rel_tol=1e-9)


def test_bleu_of_a_short_output_pays_for_its_brevity() -> None:
    """Four right words of five: all precisions are 1, and the penalty is exp(1 - 5/4)."""
    assert math.isclose(bleu(["a b c d"], ["a b c d e"]), 100 * math.exp(1 - 5 / 4), rel_tol=1e-9)


def test_scores_of_equal_and_of_disjoint_texts() -> None:
    """The ends of both scales."""
    assert (
        round(bleu(targets(PLAIN), targets(PLAIN)), 6),
        round(chrf(targets(PLAIN), targets(PLAIN)), 6),
    ) == (100, 100)
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
    assert judge([pair], [output]).quality["exact_match"].value == equal


# --- without tests --------------------------------------------------------------------------------


def test_without_tests_the_texts_count() -> None:
    """Metrics of running are None with their reason, no failure is counted, and BLEU decides."""
    outputs = [*targets(PLAIN[:10]), *(["something else"] * 30)]
    judged = judge(PLAIN, outputs)
    for name in ("pass_at_1", "compile_rate"):
        assert (judged.quality[name].value, judged.quality[name].reason) == (None, NO_TESTS)
    assert judged.quality["exact_match"].value == 0.25
    assert judged.quality["bleu"].value == pytest.approx(
        sacrebleu.corpus_bleu(outputs, [targets(PLAIN)], tokenize="none", force=True).score
    )
    assert judged.quality["chrf"].value == pytest.approx(
        sacrebleu.corpus_chrf(outputs, [targets(PLAIN)]).score
    )
    assert (judged.failures, primary(judged.quality)) == ({}, "bleu")
    assert {m.n for m in judged.quality.values()} == {40}


def test_one_pair_without_tests_leaves_all_unrun(splits: PairSplits) -> None:
    """A share of some programs only would be another metric."""
    pairs = [*splits.test[:2], PLAIN[0]]
    assert judge(pairs, targets(pairs)).quality["pass_at_1"].reason == NO_TESTS


def test_programs_that_cannot_be_run_here_say_why(
    splits: PairSplits, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """Without Java, translations into Java have text scores only, and a reason says why."""
    back = translation.load(
        "generated", columns={}, sizes=(4, 2, 1), seed=0, direction="python:java"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    judged = judge(back.test, targets(back.test))
    assert judged.quality["pass_at_1"].value is None
    assert "no javac on PATH" in judged.quality["pass_at_1"].reason
    assert judged.quality["exact_match"].value == 1
    assert splits.test


# --- with tests -----------------------------------------------------------------------------------


def test_the_true_targets_reach_everything(splits: PairSplits) -> None:
    """Each generated translation passes its own tests, and equals itself."""
    judged = judge(splits.test, targets(splits.test))
    known = {name: m.value for name, m in judged.quality.items() if m.value is not None}
    assert {name: round(value, 6) for name, value in known.items()} == {
        "pass_at_1": 1, "compile_rate": 1, "exact_match": 1, "bleu": 100, "chrf": 100,
    }  # fmt: skip
    assert judged.failures == dict.fromkeys(FAILURES, 0)
    assert primary(judged.quality) == "pass_at_1"


@pytest.mark.usefixtures("java")
def test_the_true_targets_reach_everything_in_java(splits: PairSplits) -> None:
    """So does the Java text of a program."""
    back = translation.load(
        "generated", columns={}, sizes=(4, 2, 1), seed=0, direction="python:java"
    )
    judged = judge(back.test, targets(back.test))
    assert (judged.quality["pass_at_1"].value, judged.quality["exact_match"].value) == (1, 1)
    assert splits.test


def test_failures_are_counted_by_kind(splits: PairSplits) -> None:
    """Each output that fails is one of its kind, and the shares follow from the counts."""
    bad = [
        "def (",
        "",
        "raise ValueError",
        "def " + splits.test[3].tests.entry + "(*_):\n    return None",
    ]
    judged = judge(splits.test, [*bad, *targets(splits.test)[4:]])
    assert judged.failures == {
        "does_not_compile": 1,
        "runtime_error": 2,
        "wrong_output": 1,
        "timeout": 0,
    }
    assert (judged.quality["pass_at_1"].value, judged.quality["compile_rate"].value) == (0.6, 0.9)
    assert judged.quality["exact_match"].value == 0.6


def test_references_are_scored_as_the_model_is(splits: PairSplits) -> None:
    """Java is no Python, though its text is not far.

    Nothing at all compiles, and passes no test.
    """
    found = baselines(splits).scores
    assert list(found) == ["copy_source", "nearest", "empty"]
    copied, empty = found["copy_source"], found["empty"]
    assert (copied["pass_at_1"], copied["compile_rate"], copied["exact_match"]) == (0, 0, 0)
    assert 0 < copied["chrf"] < 100
    assert (empty["pass_at_1"], empty["bleu"]) == (0, 0)


def test_references_without_tests_have_text_scores() -> None:
    """What was not run has no score, also of a reference."""
    found = baselines(sides(PLAIN)).scores["copy_source"]
    assert found["pass_at_1"] is None
    assert found["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(
            [p.source for p in PLAIN], [targets(PLAIN)], tokenize="none", force=True
        ).score
    )


def test_the_nearest_training_pair_gives_its_target() -> None:
    """Words and signs say how similar two sources are.

    A pair without a target is nobody's neighbour.
    """
    known = [
        Pair(source="int add(int a, int b)", target="Add", language="cs"),
        Pair(source="void close(File f)", target="Close", language="cs"),
        Pair(source="void shut(File g)", target=None, language="cs"),
    ]
    asked = [
        Pair(source="void shut(File g)", target="Shut", language="cs"),
        Pair(source="int add(int c)", target="x", language="cs"),
    ]
    assert most_similar(known[:2], asked) == [1, 0]
    found = baselines(sides(asked, known)).scores["nearest"]
    assert found["exact_match"] == 0
    assert baselines(sides(known[:2], known)).scores["nearest"]["exact_match"] == 1


@pytest.mark.parametrize("count", [0, 9, 41])
def test_a_wrong_number_of_outputs_is_refused(count: int) -> None:
    """Outputs that do not belong to pairs are no score."""
    with pytest.raises(ValueError, match=f"40 pairs and {count} translations"):
        judge(PLAIN, ["x"] * count)
    with pytest.raises(ValueError, match="0 pairs and 0"):
        judge([], [])


# --- doubts ---------------------------------------------------------------------------------------


def test_few_programs_are_doubted() -> None:
    """Twenty-nine are few, thirty are not."""
    assert "29 programs: few" in few([str(n) for n in range(29)])[0]
    assert few([str(n) for n in range(30)]) == ()


def test_a_constant_answer_is_degenerate() -> None:
    """One answer to all is no translation, whatever it scores; one answer to one is."""
    same = judge(PLAIN, ["same"] * len(PLAIN))
    assert same.degenerate == (f"the model gives one answer to all {len(PLAIN)} programs",)
    assert judge(PLAIN[:1], ["same"]).degenerate == ()
    assert judge(PLAIN, [str(n) for n in range(len(PLAIN))]).degenerate == ()


def test_giving_back_the_sources_is_degenerate() -> None:
    """Whoever copies does not translate, unless the source is the translation."""
    assert judge(PLAIN, [p.source for p in PLAIN]).degenerate == (
        f"the model gives back the source of all {len(PLAIN)} programs",
    )
    assert judge(PLAIN, [PLAIN[0].source, *targets(PLAIN[1:])]).degenerate == ()
    alike = [Pair(source=f"return {n};", target=f"return {n};", language="cs") for n in range(3)]
    assert judge(alike, [p.source for p in alike]).degenerate == ()


def test_references_that_do_as_well_are_doubted() -> None:
    """The true targets beat every reference; copies of the sources do not beat copying."""
    references = baselines(sides(PLAIN, PLAIN[:2]))
    best = judge(PLAIN, targets(PLAIN), references)
    assert not [d for d in best.doubts if "scores" in d]
    assert best.references["copy_source"]["bleu_lead"] > 0
    assert best.references["copy_source"]["bleu_lead_low"] > 0
    told = judge(PLAIN, [p.source for p in PLAIN], references).doubts
    assert [
        d
        for d in told
        if d.startswith("giving the source back scores bleu") and d.endswith("as the model does")
    ]


def test_passing_no_test_is_not_better_than_writing_nothing(splits: PairSplits) -> None:
    """The share of passed programs has to be shown to be above that of an empty text."""
    references = baselines(splits)
    none, all_ = (
        judge_splits(splits, o, references)
        for o in (["x = 1"] * 9 + ["y = 2"], targets(splits.test))
    )
    assert (none.quality["pass_at_1"].decides, none.quality["pass_at_1"].constant) == (True, 0)
    assert none.quality["pass_at_1"].low == 0
    assert all_.quality["pass_at_1"].low > 0.5


def test_pairs_without_a_target_are_scored_by_their_tests_alone(splits: PairSplits) -> None:
    """Texts have nothing to be compared with, and say so."""
    lone = [replace(p, target=None) for p in splits.test]
    judged = judge(lone, targets(splits.test))
    assert judged.quality["pass_at_1"].value == 1
    for name in ("exact_match", "bleu", "chrf"):
        assert (judged.quality[name].value, judged.quality[name].reason) == (None, NO_TARGETS)
    mixed = judge([lone[0], *splits.test[1:]], targets(splits.test))
    assert (
        mixed.quality["bleu"].n,
        mixed.quality["exact_match"].n,
        mixed.quality["pass_at_1"].n,
    ) == (9, 9, 10)


def test_what_is_kept_of_an_answer_gives_the_same_scores(splits: PairSplits) -> None:
    """A results file holds enough to compute each score and each resample again."""
    from greenbench.stats import bootstrap
    from greenbench.stats import translation_answers as translations

    judged = judge(splits.test, ["", *targets(splits.test)[1:]])
    kept = translations.read(json.loads(json.dumps(judged.outcomes)))
    again = bootstrap.point(kept)
    for name, value in again.items():
        assert value == pytest.approx(judged.quality[name].value)
    assert int(kept.right.sum()) == judged.correct == 9


def test_what_ran_the_programs_stands_in_the_record(splits: PairSplits) -> None:
    """Compilers and interpreters with their versions; nothing if no program was run."""
    ran = judge(splits.test, targets(splits.test))
    assert ran.tools == {"python": f"CPython {platform.python_version()}"}
    untested = [replace(pair, tests=None) for pair in splits.test]
    assert judge(untested, targets(untested)).tools == {}


def test_programs_that_ran_without_isolation_are_reported(
    monkeypatch: pytest.MonkeyPatch, splits: PairSplits
) -> None:
    """Where the network or system calls could not be shut off, the score says so, once."""
    from greenbench import sandbox

    line = "not isolated: no namespaces here"
    weak = ProgramOutcome(
        outcome="passed",
        isolation=sandbox.Isolation(
            backend="none",
            network=line,
            processes="",
            user="",
            files="",
            sums="",
            system_calls="not filtered: no list",
        ),
    )

    def judge_weakly(_language: str, programs: list, **_: object) -> list:
        return [weak] * len(programs)

    monkeypatch.setattr(run_tests, "judge", judge_weakly)
    judged = judge(splits.test, targets(splits.test))
    assert [d for d in judged.doubts if d.startswith("translations ran with")] == [
        f"translations ran with the network {line}",
        "translations ran with system calls not filtered: no list",
    ]
