"""Writing: an answer to each prompt by a causal language model, compared with the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.data import text_splits
from greenbench.data.pairs import Pair, PairSplits
from greenbench.tasks.kinds import rows
from greenbench.tasks.translation import dummies, scores
from greenbench.types import Judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.data.examples import ExampleOf
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.kinds.description import TaskDescription
    from greenbench.tasks.request import DataRequest

SCORES = {"exact_match": True, "bleu": True, "chrf": True}
PRIMARY = "bleu"
baselines = dummies.baselines


def load(description: TaskDescription, request: DataRequest) -> PairSplits:
    """Return the splits that a cell asks for; raises UsageError for bad data."""
    table = rows.RowsOfTable(description, request)
    examples = table.examples(rows.plain_text, rows.plain_text)
    wanted = rows.wanted(request)
    splits = text_splits.split(examples, wanted, origin=table.origin, facts=table.facts)
    line = description.data.instruction
    instruction = f"\n{line}\n" if line else "\n"
    train = _pairs(splits.train, instruction)
    valid = _pairs(splits.valid, instruction)
    test = _pairs(splits.test, instruction)
    return PairSplits(train=train, valid=valid, test=test, facts=splits.facts)


def _pairs(examples: Iterable[ExampleOf[str]], instruction: str) -> tuple[Pair, ...]:
    pairs = []
    for example in examples:
        pair = Pair(source=example.text, target=example.label, language="", request=instruction)
        pairs.append(pair)
    return tuple(pairs)


def judge(
    splits: PairSplits, outputs: Sequence[str], dummy: DummyBaselines, primary: str
) -> Judged:
    """Compare each answer with the right one; raises ValueError if a row has none."""
    from greenbench.stats import translation_answers

    count = len(splits.test)
    if len(outputs) != count:
        raise ValueError(f"{count} prompts and {len(outputs)} answers cannot be scored")
    answers = [output.strip() for output in outputs]
    found = scores.scored(splits, answers)
    quality = {name: found.quality[name] for name in SCORES}
    leads = dummy.leads(primary, quality[primary].value, found.drawn.get(primary))
    correct = int(found.answers.right.sum())
    return Judged(
        quality=quality,
        references=dummy.with_leads(leads),
        degenerate=_constant(splits, answers),
        doubts=dummy.doubts(leads, primary),
        correct=correct,
        outcomes=translation_answers.record(found.answers),
        answered=scores.answered_rows(splits.test, answers, found),
    )


def _constant(splits: PairSplits, answers: Sequence[str]) -> tuple[str, ...]:
    """Say if the answers are none: one for everything, or the prompts."""
    count = len(answers)
    if count > 1 and len(set(answers)) == 1:
        return (f"the model gives one answer to all {count} prompts",)
    prompts = [pair.source.strip() for pair in splits.test]
    if prompts == list(answers):
        return (f"the model gives back all {count} prompts",)
    return ()
