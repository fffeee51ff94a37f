"""Show what near-duplicates do to a score: plant copies in real data, and split with and without regard to them.

Of a share of the functions, copies are made in which one name is changed and a harmless statement is added, with the same
label. Two classifiers are trained on a random split that knows nothing of them, and on the split by clusters that is made here.

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
from greenbench.tasks.vulnerability import load as vulnerability
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


def sides(examples: Sequence[Example], seed: int, *, clusters: bool) -> Splits:
    """Split by clusters, or as if every function stood for itself."""
    loose = examples if clusters else [replace(e, group=place) for place, e in enumerate(examples)]
    (train, valid, test), _ = fill(loose, "random", seed, "planted")
    return Splits(train=tuple(train), valid=tuple(valid), test=tuple(test))


def scores(splits: Splits) -> dict[str, float]:
    """Return the MCC of each classifier."""
    words = TfidfVectorizer(sublinear_tf=True)
    train, rest = (
        words.fit_transform([e.text for e in splits.train]),
        words.transform([e.text for e in (*splits.valid, *splits.test)]),
    )
    labels = [e.label for e in splits.train]
    models: dict[str, Any] = {
        "logistic regression": LogisticRegression(
            class_weight="balanced", solver="liblinear", max_iter=1000
        ),
        "nearest neighbour": KNeighborsClassifier(1, metric="cosine"),
    }
    found = {}
    for name, model in models.items():
        answers = model.fit(train, labels).predict_proba(rest)[:, 1].tolist()
        border = len(splits.valid)
        asked = vulnerability_scores.choose_scoring(splits, answers[:border])
        found[name] = bootstrap.point(
            vulnerability_scores.answered(splits, answers[border:], asked)
        )["mcc"]
    return found


def main() -> None:
    """Read the command line, plant, and print a table."""
    parser = argparse.ArgumentParser(description="Plant near-duplicates and compare two splits.")
    parser.add_argument("table", type=Path, help="functions with labels, e.g. bigvul/dev.parquet")
    given = parser.parse_args()
    table = tables.read(given.table, vulnerability.ROLES, {})
    real = [
        Example(text=t, label=int(y))
        for t, y in zip(table.columns["text"], table.columns["label"], strict=True)
    ]
    rng = Random(0)
    chosen = rng.sample(real, round(SHARE * len(real)))
    planted = [copied(e, rng) for e in chosen for _ in range(COPIES)]
    for name, rows in (
        ("as it is", real),
        (f"{len(planted)} near-copies planted", [*real, *planted]),
    ):
        examples, found = near(exact(rows).examples)
        print(
            f"{name}: {len(examples)} functions, {found['near_duplicates']} in {found['near_duplicate_clusters']} clusters"
        )
        for clusters in (False, True):
            each = [scores(sides(examples, seed, clusters=clusters)) for seed in SEEDS]
            means = {
                m: (statistics.mean(e[m] for e in each), statistics.stdev(e[m] for e in each))
                for m in each[0]
            }
            told = ", ".join(
                f"{m} {mean:.3f} (s {spread:.3f})" for m, (mean, spread) in means.items()
            )
            print(f"  {'by clusters' if clusters else 'at random  '}: MCC of {told}")


if __name__ == "__main__":
    main()
