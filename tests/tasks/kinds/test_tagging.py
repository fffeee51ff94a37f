"""Tags of words: spans counted by hand, right and constant answers, and rows that are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import task_suites
from hypothesis import given
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.experiment import task_definitions
from greenbench.tasks.kinds import marked_spans
from greenbench.tasks.kinds.marked_spans import MarkedSpan
from greenbench.tasks.request import DataRequest

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.data.text_splits import TextSplits
    from greenbench.tasks import Task

Loaded = tuple["Task", "TextSplits[tuple[int, ...]]"]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", set()),
        ("B-X I-X O B-X", {(0, 2, "X"), (3, 4, "X")}),
        ("B-X B-X I-X", {(0, 1, "X"), (1, 3, "X")}),
        ("O I-X I-X", {(1, 3, "X")}),
        ("B-X I-Y", {(0, 1, "X"), (1, 2, "Y")}),
        ("B-per-son I-per-son", {(0, 2, "per-son")}),
    ],
)
def test_spans_are_those_of_conll(tags: str, found: set[tuple[int, int, str]]) -> None:
    """B begins one, I goes on with one of its type, or begins one."""
    assert marked_spans.spans(tags.split()) == {MarkedSpan(*span) for span in found}


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y", ""]), max_size=12))
def test_spans_hold_the_words_that_are_tagged_and_no_two_the_same(tags: list[str]) -> None:
    """Every word that is not outside is in one span, and no other word is."""
    inside = []
    for span in marked_spans.spans(tags):
        inside += range(span.start, span.end)
    assert sorted(inside) == [place for place, tag in enumerate(tags) if tag not in {"O", ""}]


def test_a_text_s_counts_are_those_by_hand() -> None:
    """Two spans, three marked, one of them right; five of seven words."""
    truth = ["B-X", "I-X", "O", "O", "B-Y", "O", "O"]
    answers = ["B-X", "I-X", "O", "B-Y", "B-X", "O", "O"]
    assert marked_spans.counts(truth, answers, marking=True) == (7, 5, 2, 3, 1)
    assert marked_spans.counts(truth, answers, marking=False) == (7, 5, 0, 0, 0)
    assert not marked_spans.marks_spans({"NOUN", "O"})
    assert not marked_spans.marks_spans({"O"})


def loaded(folder: Path) -> Loaded:
    """Return the task of a suite and its splits."""
    task = task_definitions.find("T6", folder)
    source = task.sizes["tiny"].data
    return task, task.load(DataRequest(source=source, columns={}, sizes=None, seed=0, rule=None))


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Load made-up tickets whose items and days are tagged."""
    folder = tmp_path_factory.mktemp("tags")
    task_suites.write(folder, {"T6": "token-classification"}, rows=200)
    return loaded(folder)


def test_right_answers_score_best(tagged: Loaded) -> None:
    """Spans count; a word that lacks an answer counts as outside."""
    task, splits = tagged
    assert splits.labels == ("B-DAY", "B-ITEM", "I-ITEM", "O")
    dummies = task.baselines(splits)
    right = [list(example.label) for example in splits.test]
    judged = task.judge(splits, right, (), dummies)
    assert [judged.quality[name].value for name in task.scores] == [1.0] * 4
    assert judged.quality["f1"].decides
    assert judged.correct == len(right)
    assert not judged.degenerate
    outside = splits.labels.index("O")
    unread = [[-1 if tag == outside else tag for tag in tags] for tags in right]
    assert task.judge(splits, unread, (), dummies).quality["f1"].value == 1.0


def test_one_tag_for_all_words_is_no_prediction(tagged: Loaded) -> None:
    """It has the score of the dummy that does so."""
    task, splits = tagged
    dummies = task.baselines(splits)
    outside = splits.labels.index("O")
    same = [[outside] * len(example.label) for example in splits.test]
    judged = task.judge(splits, same, (), dummies)
    assert "that it reads 'O'" in judged.degenerate[0]
    assert judged.quality["f1"].value == 0.0
    assert judged.quality["precision"].value is None
    accuracy = judged.quality["accuracy"]
    assert accuracy.value == accuracy.constant == dummies.scores["constant"]["accuracy"]
    assert judged.references["words"]["f1_lead"] < 0


def test_words_behind_the_cut_lose_their_spans(tagged: Loaded) -> None:
    """Recall falls, precision does not."""
    task, splits = tagged
    cut = [[*example.label[:8]] + [-1] * len(example.label[8:]) for example in splits.test]
    judged = task.judge(splits, cut, (), task.baselines(splits))
    assert judged.quality["recall"].value < 1
    assert judged.quality["precision"].value > judged.quality["recall"].value
    cut_row = next(row for row in judged.answered if not row.right)
    assert "tags right" in cut_row.outcome
    assert cut_row.output.endswith(" O")
    assert len(cut_row.output.split()) == len(cut_row.expected.split())
    with pytest.raises(ValueError, match="cannot be scored"):
        task.judge(splits, cut[1:], (), task.baselines(splits))


def write_rows(folder: Path, rows: list[dict[str, object]], more: str = "") -> None:
    """Write a suite whose task has these rows, as lines of JSON."""
    task_suites.write(folder, {"T6": "token-classification"}, rows=10)
    lines = [json.dumps(row) for row in rows]
    (folder / "data/T6.jsonl").write_text("\n".join(lines))
    text = task_suites.description("token-classification", "data/T6.jsonl", more)
    (folder / "tasks/T6.yaml").write_text(text)


def rows_of(tags: list[object], count: int = 40) -> list[dict[str, object]]:
    """Return rows of distinct words with the same tags."""
    words = ("amber", "birch", "coral", "dune", "ember", "fjord", "grove", "heath")
    rows = []
    for number in range(count):
        tokens = [words[number % 8], words[number // 8], "stands"]
        rows.append({"tokens": tokens, "tags": tags})
    return rows


def test_without_spans_the_words_that_are_right_count(tmp_path: Path) -> None:
    """The first primary score that has a value stands in the table; spans have a reason."""
    write_rows(tmp_path, rows_of(["ADJ", "NOUN", "VERB"]))
    task, splits = loaded(tmp_path)
    assert task.primary == ("f1", "accuracy")
    right = [example.label for example in splits.test]
    judged = task.judge(splits, right, (), task.baselines(splits))
    assert judged.quality["f1"].value is None
    assert judged.quality["accuracy"].value == 1.0
    assert judged.quality["accuracy"].decides
    assert "accuracy_lead" in judged.references["constant"]
    wrong = [(-1, *tags[1:]) for tags in right]
    two_thirds = task.judge(splits, wrong, (), task.baselines(splits)).quality["accuracy"]
    assert two_thirds.value == pytest.approx(2 / 3)


def test_numbers_of_tags_take_the_names_of_the_file(tmp_path: Path) -> None:
    """Data of the hub have numbers in place of tags."""
    write_rows(tmp_path, rows_of([1, 2, 0]), "labels: [O, B-X, I-X]\n")
    _, splits = loaded(tmp_path)
    assert splits.labels == ("O", "B-X", "I-X")
    assert splits.test[0].label == (1, 2, 0)


@pytest.mark.parametrize(
    ("tags", "more", "sentence"),
    [
        (["B-X", "O"], "", r"T6\.jsonl: the row 'amber amber stands' has 3 words and 2 tags"),
        (["B-X", "", "O"], "", "column 'tags' holds .* where words without blanks"),
        (["O", "O", "O"], "", "has 1 different values"),
        (["A", "B", "C"], "score: f1\n", "no spans are marked by the tags A, B, C; .* accuracy"),
    ],
)
def test_tags_that_do_not_fit_are_refused(
    tmp_path: Path, tags: list[object], more: str, sentence: str
) -> None:
    """The sentence names the file and what would do."""
    write_rows(tmp_path, rows_of(tags), more)
    with pytest.raises(UsageError, match=sentence):
        loaded(tmp_path)


def test_knobs_of_labels_of_texts_are_refused(tagged: Loaded) -> None:
    """No head could be sure early of all words; batches are as anywhere."""
    task, _ = tagged
    assert "skip_layers" in task.lacks("inference.exit_confidence")
    assert "writes no text" in task.lacks("inference.cache")
    assert task.lacks("data.batching") == ""
