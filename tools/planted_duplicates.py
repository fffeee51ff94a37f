"""Shows what near-duplicates do to a score: plants copies in real data, and splits them two ways.

Of a share of the functions, copies are made in which one name is changed and a harmless statement
is added, with the same label. Two classifiers are trained on a random split that ignores them, and
on greenbench's split by clusters.

    python tools/planted_duplicates.py bigvul/dev.parquet
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from greenbench.data import tables
from greenbench.data.deduplication import exact, near
from greenbench.data.examples import Example
from greenbench.data.split_rules import fill
from greenbench.data.splits import Splits
from greenbench.stats import bootstrap
from greenbench.tasks.vulnerability import function_tables
from greenbench.tasks.vulnerability import scores as vulnerability_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE, COPIES = 0.2, 3
SHORT = 3
"""Lines up to which no statement is added."""
SEEDS = range(5)


def copied(example: Example, rng: Random) -> Example:
    """Return a near-copy: one name is another one everywhere, and a statement was added."""
    lines = example.text.splitlines()
    names = sorted(
        set(re.findall(r"\b[a-z]\w{2,}\b", example.text))
        - {"int", "char", "void", "return", "static", "const"}
    )
    text = example.text
    if names:
        name = rng.choice(names)
        text = re.sub(rf"\b{name}\b", f"{name}_{rng.randrange(1000)}", text)
    if len(lines) > SHORT:
        lines = text.splitlines()
        lines.insert(rng.randrange(2, len(lines)), f"trace({rng.randrange(100)});")
        text = "\n".join(lines)
    return replace(example, text=text)


def split(examples: Sequence[Example], seed: int, *, clusters: bool) -> Splits:
    """Split by clusters, or as if every function stood for itself."""
    units = list(examples)
    if not clusters:
        units = [replace(example, group=place) for place, example in enumerate(examples)]
    (train, valid, test), _ = fill(units, "random", seed, "planted")
    return Splits(train=tuple(train), valid=tuple(valid), test=tuple(test))


def mcc_by_classifier(splits: Splits) -> dict[str, float]:
    """Return the MCC of each classifier on the test split."""
    words = TfidfVectorizer(sublinear_tf=True)
    train = words.fit_transform([example.text for example in splits.train])
    others = words.transform([example.text for example in (*splits.valid, *splits.test)])
    labels = [example.label for example in splits.train]
    classifiers: dict[str, Any] = {
        "logistic regression": LogisticRegression(
            class_weight="balanced", solver="liblinear", max_iter=1000
        ),
        "nearest neighbour": KNeighborsClassifier(1, metric="cosine"),
    }
    border = len(splits.valid)
    scores = {}
    for name, classifier in classifiers.items():
        probabilities = classifier.fit(train, labels).predict_proba(others)[:, 1].tolist()
        scoring = vulnerability_scores.choose_scoring(splits, probabilities[:border])
        answers = vulnerability_scores.answered(splits, probabilities[border:], scoring)
        scores[name] = bootstrap.point(answers)["mcc"]
    return scores


def compare(name: str, rows: Sequence[Example]) -> None:
    """Print the clusters of ``rows``, and the scores by both splits."""
    examples, counts = near(exact(rows).examples)
    copies, clusters = counts["near_duplicates"], counts["near_duplicate_clusters"]
    print(f"{name}: {len(examples)} functions, {copies} in {clusters} clusters")
    for by_clusters in (False, True):
        by_seed = []
        for seed in SEEDS:
            by_seed.append(mcc_by_classifier(split(examples, seed, clusters=by_clusters)))
        print(f"  {'by clusters' if by_clusters else 'at random  '}: MCC of {means(by_seed)}")


def means(by_seed: Sequence[dict[str, float]]) -> str:
    """Return each classifier's mean and standard deviation over the seeds."""
    parts = []
    for classifier in by_seed[0]:
        values = [scores[classifier] for scores in by_seed]
        parts.append(
            f"{classifier} {statistics.mean(values):.3f} (s {statistics.stdev(values):.3f})"
        )
    return ", ".join(parts)


def main() -> None:
    """Read the table, plant copies, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="functions with labels, e.g. bigvul/dev.parquet")
    options = parser.parse_args()
    table = tables.read(options.table, function_tables.ROLES, {})
    real = []
    for text, label in zip(table.columns["text"], table.columns["label"], strict=True):
        real.append(Example(text=text, label=int(label)))
    rng = Random(0)
    originals = rng.sample(real, round(SHARE * len(real)))
    planted = [copied(original, rng) for original in originals for _ in range(COPIES)]
    compare("as it is", real)
    compare(f"{len(planted)} near-copies planted", [*real, *planted])


if __name__ == "__main__":
    main()
