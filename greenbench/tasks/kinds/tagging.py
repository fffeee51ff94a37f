"""Token classification: a tag for each word, such as the spans of names, or parts of speech."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from greenbench.data import text_splits
from greenbench.data.examples import relabelled
from greenbench.errors import UsageError
from greenbench.tasks.kinds import judging, labels, marked_spans, rows
from greenbench.types import MOST_ANSWERED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from greenbench.data.examples import ExampleOf
    from greenbench.data.tables import Table
    from greenbench.data.text_splits import TextSplits
    from greenbench.stats.summed_answers import SummedAnswers
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.kinds.description import TaskDescription
    from greenbench.tasks.request import DataRequest
    from greenbench.types import AnsweredRow, Judged

    Tags = tuple[int, ...]
    """The number of the tag of each word."""

NameT = TypeVar("NameT", int, str)
"""A tag, by number or name."""
SCORES = {"f1": True, "precision": True, "recall": True, "accuracy": True}
PRIMARY = ("f1", "accuracy")
"""Of spans if the tags mark any, else of words."""
DESCRIPTIONS = {
    "constant": "giving all words the same tag, O if there is one",
    "words": "giving each word the tag that it mostly has in train",
}


def load(description: TaskDescription, request: DataRequest) -> TextSplits[Tags]:
    """Return the splits that a cell asks for, their tags numbered.

    Raises UsageError for bad data, for a row with more or fewer tags than words, and for a score of
    spans where no tag marks one.
    """
    table = rows.RowsOfTable(description, request)
    read = table.examples(_text, rows.words)
    named = [_named(example, description, table) for example in read]
    numbers = labels.numbered(_all_tags(named), description)
    names = tuple(numbers)
    wants_spans = description.score not in {"", "accuracy"}
    if wants_spans and not marked_spans.marks_spans(names):
        raise description.error(
            f"score is {description.score!r}, that of spans, and no spans are marked by the tags "
            f"{', '.join(names[:5])}; name them B-X, I-X and O, or set score: accuracy"
        )
    examples = []
    for example in named:
        tags = tuple(numbers[tag] for tag in example.label)
        examples.append(relabelled(example, tags))
    splits = text_splits.split(
        examples, rows.wanted(request), origin=table.origin, facts=table.facts, labels=names
    )
    for name in ("train", "test"):
        given = set(_all_tags(getattr(splits, name)))
        if len(given) == 1:
            raise UsageError(
                f"{table.origin}: all words of the {name} split have the tag "
                f"{names[given.pop()]!r}; give more rows, or another split rule"
            )
    return splits


def _text(table: Table, role: str, row: int) -> str:
    return " ".join(rows.words(table, role, row))


def _all_tags(examples: Iterable[ExampleOf[tuple[NameT, ...]]]) -> Iterator[NameT]:
    for example in examples:
        yield from example.label


def _named(
    example: ExampleOf[tuple[str, ...]], description: TaskDescription, table: rows.RowsOfTable
) -> ExampleOf[tuple[str, ...]]:
    """Return an example whose tags are called as the file does, if the data only number them."""
    words = len(example.text.split())
    count = len(example.label)
    if words != count or not words:
        start = example.text[:40]
        raise UsageError(
            f"{table.origin}: the row {start!r} has {words} words and {count} tags; a row needs "
            "words, and one tag for each: mend the row, or name other columns"
        )
    names = description.labels
    tags = []
    for tag in example.label:
        is_number = tag not in names and tag.isdecimal() and int(tag) < len(names)
        tags.append(names[int(tag)] if is_number else tag)
    return relabelled(example, tuple(tags))


def judge(
    splits: TextSplits[Tags],
    outputs: Sequence[Sequence[int]],
    baselines: DummyBaselines,
    primary: str,
) -> Judged:
    """Score the tags of each row; a word without answer counts as O, or as wrong without such.

    Raises ValueError if a row, or a word of it, has none.
    """
    if len(outputs) != len(splits.test):
        raise ValueError(f"{len(splits.test)} rows and {len(outputs)} answers cannot be scored")
    answers = _answered(splits, outputs)
    marking = marked_spans.marks_spans(splits.labels)
    score = primary if marking else "accuracy"
    constants = _constants(splits)
    bar = judging.Bar(decides=score, constants=constants)
    return judging.judged(
        answers,
        baselines,
        scores=SCORES,
        primary=score,
        bar=bar,
        degenerate=_constant(splits, outputs),
        answered=_in_words(splits, outputs),
        doubts=_doubts(splits),
    )


def _answered(splits: TextSplits[Tags], outputs: Sequence[Sequence[int]]) -> SummedAnswers:
    import numpy as np

    from greenbench.stats import summed_answers
    from greenbench.stats.summed_answers import AnsweredRows

    marking = marked_spans.marks_spans(splits.labels)
    counted = []
    for example, output in zip(splits.test, outputs, strict=True):
        truth = _called(splits, example.label)
        answers = _called(splits, output)
        counted.append(marked_spans.counts(truth, answers, marking=marking))
    about = AnsweredRows(texts=splits.test_rows, groups=splits.groups)
    return summed_answers.spans(np.array(counted), about)


def _called(splits: TextSplits[Tags], output: Sequence[int]) -> list[str]:
    """Return the tag of each word: of one that was not read O, or none where there is no O."""
    outside = marked_spans.OUTSIDE if marked_spans.OUTSIDE in splits.labels else ""
    return [splits.labels[tag] if tag >= 0 else outside for tag in output]


def _in_words(
    splits: TextSplits[Tags], outputs: Sequence[Sequence[int]]
) -> tuple[AnsweredRow, ...]:
    """Return the first rows with a tag for each word, a dash for one without."""
    rows = []
    for number, example in enumerate(splits.test[:MOST_ANSWERED]):
        truth = _called(splits, example.label)
        called = _called(splits, outputs[number])
        pairs = zip(truth, called, strict=True)
        hits = sum(tag == true for true, tag in pairs)
        words = len(truth)
        outcome = f"{hits} of {words} tags right"
        expected = " ".join(truth)
        output = " ".join(tag or "-" for tag in called)
        right = hits == words
        row = judging.in_words(number, example.text, expected, output, right=right, outcome=outcome)
        rows.append(row)
    return tuple(rows)


def _constants(splits: TextSplits[Tags]) -> dict[str, float]:
    """Return what the best tag for all words reaches on the test rows."""
    given = Counter(_all_tags(splits.test))
    best: dict[str, float] = {}
    for tag in given:
        same = _same(splits, tag)
        answers = _answered(splits, same)
        scores = answers.point()
        for name in PRIMARY:
            value = scores[name]
            best[name] = max(value, best.get(name, value))
    return best


def _same(splits: TextSplits[Tags], tag: int) -> list[Tags]:
    """Return an answer that gives all words one tag."""
    return [(tag,) * len(example.label) for example in splits.test]


def _constant(splits: TextSplits[Tags], outputs: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Say if the answers are no prediction: one tag for all words."""
    chosen = Counter(tag for output in outputs for tag in output if tag >= 0)
    if len(chosen) > 1:
        return ()
    if not chosen:
        return ("the model reads no word of the test rows",)
    tag, count = chosen.popitem()
    return (f"the model tags all {count} words that it reads {splits.labels[tag]!r}",)


def _doubts(splits: TextSplits[Tags]) -> list[str]:
    trained = set(_all_tags(splits.train))
    tested = set(_all_tags(splits.test))
    unseen = sorted(tested - trained)
    if not unseen:
        return []
    named = [splits.labels[tag] for tag in unseen[:3]]
    names = ", ".join(named)
    return [f"{len(unseen)} tags of test rows are not in train: {names}"]


def baselines(splits: TextSplits[Tags]) -> DummyBaselines:
    """Let each dummy answer the test rows."""
    given = Counter(_all_tags(splits.train))
    commonest = _commonest(given)
    constant = commonest
    if marked_spans.OUTSIDE in splits.labels:
        constant = splits.labels.index(marked_spans.OUTSIDE)
    answered = {}
    same = _same(splits, constant)
    answered["constant"] = _answered(splits, same)
    of_word = _tags_of_words(splits)
    known = []
    for example in splits.test:
        words = example.text.split()
        tags = [of_word.get(word, commonest) for word in words]
        known.append(tags)
    answered["words"] = _answered(splits, known)
    return judging.dummies(answered, DESCRIPTIONS, SCORES)


def _tags_of_words(splits: TextSplits[Tags]) -> Mapping[str, int]:
    """Return the tag that each word of train mostly has."""
    seen: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for example in splits.train:
        for word, tag in zip(example.text.split(), example.label, strict=True):
            seen[word][tag] += 1
    return {word: _commonest(tags) for word, tags in seen.items()}


def _commonest(tags: Counter[int]) -> int:
    """Return the commonest tag, of equally common ones the one of the lowest number."""
    return min(tags, key=lambda tag: (-tags[tag], tag))
