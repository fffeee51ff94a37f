"""The trivial predictors see what they are meant to see and nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.tasks import references, vulnerability
from greenbench.tasks.splits import Example, Splits, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHARED = Path(__file__).resolve().parents[3] / "shared" / "datasets"


def splits(made: list[Example]) -> Splits:
    """Take the first half to train, a quarter to choose thresholds by, and the rest to test."""
    half, border = len(made) // 2, 3 * len(made) // 4
    return Splits(train=tuple(made[:half]), valid=tuple(made[half:border]), test=tuple(made[border:]))


def scored(made: Splits) -> Mapping[str, Mapping[str, float | None]]:
    """Return the references' scores."""
    return references.rivals(made).scores


def words(rng: random.Random, count: int) -> str:
    """Draw ``count`` words that mean nothing."""
    return " ".join(rng.choice(("alpha", "beta", "gamma")) for _ in range(count))


def test_length_is_seen_by_length_alone() -> None:
    """Where vulnerable functions are longer, in the same words, the length tells all and the majority nothing."""
    rng = random.Random(0)
    made = [Example(text=words(rng, 40 + 60 * (i % 2)), label=i % 2) for i in range(120)]
    found = scored(splits(made))
    assert [found["length"][name] for name in ("mcc", "roc_auc", "macro_f1")] == [1.0, 1.0, 1.0]
    assert found["majority"]["mcc"] == 0.0
    assert found["majority"]["roc_auc"] == 0.5


def test_a_telling_word_is_seen_by_counting_words() -> None:
    """Where one word gives the label away at equal length, TF-IDF finds it and the length does not."""
    rng = random.Random(0)
    made = [Example(text=f"{words(rng, 20)} {('strcpy', 'memcpy')[i % 2]}", label=i % 2) for i in range(120)]
    made = [Example(text=e.text.ljust(200), label=e.label) for e in made]
    found = scored(splits(made))
    assert found["tfidf"]["roc_auc"] == 1.0
    assert (found["tfidf"]["mcc"] or 0.0) > 0.9
    assert found["length"]["roc_auc"] == 0.5


def test_order_is_seen_by_none() -> None:
    """Where only the order of two words tells, no reference does better than chance."""
    made = [Example(text=("check use", "use check")[i % 2], label=i % 2) for i in range(120)]
    assert {m["roc_auc"] for name, m in scored(splits(made)).items() if name != "random"} == {0.5}


@pytest.mark.parametrize(("rare", "answer"), [(1, 0.0), (0, 1.0)])
def test_majority_answers_the_more_frequent_class_of_the_train_rows(rare: int, answer: float) -> None:
    """Its accuracy is high where classes are unbalanced, and its macro F1 is not."""
    made = [Example(text=f"f{i}", label=rare if i % 10 == 0 else 1 - rare) for i in range(120)]
    predict = references.PREDICTORS["majority"]
    assert set(predict([], [e.label for e in made], ["x", "y"])) == {answer}
    assert scored(splits(made))["majority"]["macro_f1"] == pytest.approx(9 / 19)


def test_scores_are_the_same_twice() -> None:
    """A reference that moved between rounds would be no reference."""
    made = vulnerability.load("generated", columns={}, wanted=Wanted(seed=0, sizes=(80, 20, 40)))
    assert scored(made) == scored(made)


def test_real_functions_are_told_apart_by_length_to_the_known_degree() -> None:
    """On real data the length is worth a ROC-AUC near 0.7 and words a little more."""
    path = SHARED / "bigvul" / "dev.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    found = scored(vulnerability.load(path, columns={}, wanted=Wanted(seed=0)))
    assert found["length"]["roc_auc"] == pytest.approx(0.69, abs=0.05)
    assert found["tfidf"]["roc_auc"] == pytest.approx(0.72, abs=0.05)
    assert found["random"]["roc_auc"] == pytest.approx(0.5, abs=0.1)


def test_layout_is_seen_by_layout_alone() -> None:
    """Where vulnerable functions have lost their indentation, the layout tells all; words and length of code do not."""
    rng = random.Random(0)
    bodies = [[words(rng, 3) for _ in range(12)] for _ in range(160)]
    made = [
        Example(text="\n".join(("" if i % 2 else "    ") + line for line in body), label=i % 2) for i, body in enumerate(bodies)
    ]
    found = scored(splits(made))
    assert found["layout"]["mcc"] == 1.0
    assert (found["tfidf"]["roc_auc"] or 0.0) < 0.8


def test_a_coin_at_the_base_rate_ranks_nothing() -> None:
    """It calls about the base rate vulnerable, the same rows every time."""
    answers = references.PREDICTORS["random"]([], [1, 0, 0, 0], ["x"] * 4000)
    assert sum(a >= 0.5 for a in answers) / 4000 == pytest.approx(0.25, abs=0.03)
    assert answers == references.PREDICTORS["random"]([], [1, 0, 0, 0], ["x"] * 4000)


def test_of_very_many_train_rows_a_part_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting stays a matter of seconds: every fourth of a hundred rows where thirty are the limit."""
    seen: list[int] = []

    def predict(texts: Sequence[str], _labels: Sequence[int], others: Sequence[str]) -> list[float]:
        seen.append(len(texts))
        return [0.5] * len(others)

    monkeypatch.setattr(references, "MOST", 30)
    monkeypatch.setattr(references, "PREDICTORS", {"one": predict})
    scored(splits([Example(text=f"f{i}", label=i % 2) for i in range(200)]))
    assert seen == [25]
