"""The words of a report that a reader without the documentation cannot know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.report.comparison import TaskComparison

BASELINE = "V0 is the baseline, with no optimisation turned on"
ROUND = "a round is one run of the whole pipeline, with a seed of its own"
WORDS = {
    "variant": "a choice of knobs, in one stage or several; its name says which: V4_architecture "
    "changes the stage architecture",
    "stage": "a part of the pipeline: data, architecture, training, system or inference",
    "cell": "one variant on one task",
    "block": "one round of each cell, in which all meet the same state of the machine",
    "session": "one run of pytest",
    "95 % interval": "holds the true value in 95 of 100 such sessions; n is how many rounds it "
    "stands on",
    "warm-up": "a first block that does not fit the others: it is left out",
    "front": "the cells that no other one beats in both joules and score",
}
"""What the page calls things."""
TINY = (
    "The profile tiny is the smallest size of the tasks: with larger models and more data the "
    "answer may be another"
)
SCORES = {
    "pass_at_1": "the share of translations that pass their tests",
    "bleu": "likeness to the reference translation, up to 100",
    "mcc": "Matthews correlation: 1 if all answers are right, 0 for guesses",
    "macro_f1": "F1, averaged over the classes",
    "accuracy": "the share of answers that are right",
    "exact_match": "the share of answers that equal the reference",
    "mae": "the mean distance of answers from the truth: lower is better",
    "rmse": "the root mean square distance of answers from the truth: lower is better",
    "r2": "the share of the variance that answers explain: 1 if all are right, 0 for the mean",
    "pearson": "the correlation of answers with the truth",
}


def glossary(comparisons: Iterable[TaskComparison], profiles: Iterable[str | None]) -> str:
    """Explain V0, the tasks, their scores and the tiny profile in a few sentences."""
    sentences = [f"{BASELINE}; {ROUND}"]
    for comparison in comparisons:
        task = _description(comparison)
        score = SCORES.get(comparison.score)
        if task and score:
            sentences.append(f"{task}; its score, {comparison.score}, is {score}")
        elif task:
            sentences.append(task)
    if "tiny" in profiles:
        sentences.append(TINY)
    return f"{'. '.join(sentences)}."


def _description(comparison: TaskComparison) -> str:
    """Say what a task does, if its cells' records do."""
    for cell in comparison.cells:
        if cell.definition.description:
            return f"{comparison.task} {cell.definition.description}"
    return ""
