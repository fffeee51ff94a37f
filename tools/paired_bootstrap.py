"""Times the paired bootstrap of two classifiers' simulated answers, round by round.

Labels and probabilities are drawn from distributions: no model answers.

    python tools/paired_bootstrap.py --rows 20000 --rounds 8 --score mcc
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import TYPE_CHECKING

import numpy as np

from greenbench.stats import paired
from greenbench.stats.classification_answers import Outcomes, record

if TYPE_CHECKING:
    from greenbench.stats.classification_answers import OutcomesRecord


def main() -> None:
    """Read the arguments, time the comparison, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--score", default="mcc")
    options = parser.parse_args()
    pairs = []
    for seed in range(options.rounds):
        pairs.append((answers(options.rows, 0.8, seed), answers(options.rows, 0.82, 100 + seed)))
    wall, cpu = time.perf_counter(), time.process_time()
    differences = paired.differences_of_each(pairs, [options.score])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    for seed, difference in enumerate(differences):
        value, low, high = difference[options.score]
        print(f"round {seed}: {options.score} {value:+.6f} ({low:+.6f} to {high:+.6f})")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{wall:.1f} s, {cpu:.1f} s of CPU, {peak:.0f} MB at most")


def answers(rows: int, skill: float, seed: int) -> OutcomesRecord:
    """Return a classifier's answers: a normal score around ``skill`` on either side of 0."""
    labels = np.random.default_rng(0).binomial(1, 0.3, rows)
    logits = np.random.default_rng(seed).normal(skill * (2 * labels - 1))
    probabilities = 1 / (1 + np.exp(-logits))
    return record(Outcomes.of(labels, probabilities, threshold=0.5, rows=map(str, range(rows))))


if __name__ == "__main__":
    main()
