"""The trivial predictors see what they are meant to see and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from greenbench.tasks import references, vulnerability
from greenbench.tasks.splits import Example, Splits

SHARED = Path(__file__).resolve().parents[3] / "shared" / "datasets"


def splits(made: list[Example]) -> Splits:
    """Take the first two thirds to train and the rest to test."""
    border = 2 * len(made) // 3
    return Splits(train=tuple(made[:border]), valid=(), test=tuple(made[border:]))


def words(rng: random.Random, count: int) -> str:
    """Draw ``count`` words that mean nothing."""
    return " ".join(rng.choice(("alpha", "beta", "gamma")) for _ in range(count))


def test_length_is_seen_by_length_alone() -> None:
    """Where vulnerable functions are longer, in the same words, the length tells all and the majority nothing."""
    rng = random.Random(0)
    made = [Example(text=words(rng, 40 + 60 * (i % 2)), label=i % 2) for i in range(120)]
    scored = references.score_all(splits(made))
    assert scored["length"] == {"mcc": 1.0, "roc_auc": 1.0, "macro_f1": 1.0}
    assert scored["majority"]["mcc"] == 0.0
    assert scored["majority"]["roc_auc"] == 0.5


def test_a_telling_word_is_seen_by_the_bag_of_words() -> None:
    """Where one word gives the label away at equal length, the bag of words finds it and the length does not."""
    rng = random.Random(0)
    made = [Example(text=f"{words(rng, 20)} {('strcpy', 'memcpy')[i % 2]}", label=i % 2) for i in range(120)]
    made = [Example(text=e.text.ljust(200), label=e.label) for e in made]
    scored = references.score_all(splits(made))
    assert scored["bag_of_words"]["mcc"] == 1.0
    assert scored["length"]["roc_auc"] == 0.5


def test_order_is_seen_by_none() -> None:
    """Where only the order of two words tells, no reference does better than chance."""
    made = [Example(text=("check use", "use check")[i % 2], label=i % 2) for i in range(120)]
    assert {m["roc_auc"] for m in references.score_all(splits(made)).values()} == {0.5}


@pytest.mark.parametrize(("rare", "answer"), [(1, 0.0), (0, 1.0)])
def test_majority_answers_the_more_frequent_class_of_the_train_rows(rare: int, answer: float) -> None:
    """Its accuracy is high where classes are unbalanced, and its macro F1 is not."""
    made = [Example(text=f"f{i}", label=rare if i % 10 == 0 else 1 - rare) for i in range(90)]
    predict = references._PREDICTORS["majority"]
    assert set(predict([], [e.label for e in made], ["x", "y"])) == {answer}
    assert references.score_all(splits(made))["majority"]["macro_f1"] == pytest.approx(9 / 19)


def test_scores_are_the_same_twice() -> None:
    """A reference that moved between rounds would be no reference."""
    made = vulnerability.load("generated", columns={}, sizes=(80, 20, 40), seed=0)
    assert references.score_all(made) == references.score_all(made)


def test_real_functions_are_told_apart_by_length_to_the_known_degree() -> None:
    """On real data the length is worth a ROC-AUC near 0.7 and words a little more."""
    path = SHARED / "bigvul" / "dev.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    scored = references.score_all(vulnerability.load(path, columns={}, sizes=None, seed=0))
    assert scored["length"]["roc_auc"] == pytest.approx(0.69, abs=0.02)
    assert scored["bag_of_words"]["roc_auc"] == pytest.approx(0.75, abs=0.02)
