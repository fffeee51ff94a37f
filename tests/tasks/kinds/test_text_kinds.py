"""Tasks over tables: what is read, how answers are judged, and when they are no prediction."""

from __future__ import annotations

import csv
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import task_suites
from pyarrow import Table, parquet

from greenbench.data import hub
from greenbench.data.synthetic import tickets
from greenbench.errors import UsageError
from greenbench.experiment import task_definitions
from greenbench.experiment.profiles import PROFILES
from greenbench.run import inputs
from greenbench.tasks.request import DataRequest

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.tasks import Task


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a suite with a task of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    task_suites.write(folder, {"T3": "text-classification", "T4": "regression"}, rows=200)
    return folder


def loaded(folder: Path, name: str, **changed: object) -> tuple[Task, object]:
    """Return a task of the suite and its splits."""
    task = task_definitions.find(name, folder)
    asked = {"source": task.sizes["tiny"].data, "columns": {}, "sizes": None, "seed": 0}
    return task, task.load(DataRequest(**{**asked, "rule": None, **changed}))


def test_labels_are_numbered_by_letters_and_kept(tables: Path) -> None:
    """The order does not depend on the rows'."""
    _, splits = loaded(tables, "T3")
    assert splits.labels == ("billing", "delivery", "technical")
    assert splits.facts["labels"] == ["billing", "delivery", "technical"]
    assert {example.label for example in splits.test} == {0, 1, 2}
    texts = [{example.text for example in part} for part in (splits.train, splits.test)]
    assert not texts[0] & texts[1]


def test_the_seed_draws_the_split(tables: Path) -> None:
    """The same seed gives the same rows, another one others."""
    rows = [loaded(tables, "T4", seed=seed)[1].test_rows for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_right_answers_score_best_and_constant_ones_are_degenerate(tables: Path) -> None:
    """A classifier that is right, and one that always gives the first label."""
    task, splits = loaded(tables, "T3")
    dummies = task.baselines(splits)
    right = np.eye(3)[[example.label for example in splits.test]].tolist()
    judged = task.judge(splits, right, (), dummies)
    assert judged.quality["accuracy"].value == 1.0
    assert judged.correct == len(splits.test)
    assert not judged.degenerate
    first = judged.answered[0]
    assert first.expected == splits.labels[splits.test[0].label]
    assert first.output == f"{first.expected} (probability 1.000)"
    assert (first.source, first.outcome, first.right) == (splits.test[0].text, "right", True)
    constant = [[0.8, 0.1, 0.1]] * len(splits.test)
    assert "one output for all" in task.judge(splits, constant, (), dummies).degenerate[0]
    assert dummies.scores["tfidf"]["accuracy"] > dummies.scores["majority"]["accuracy"]


def test_an_error_is_better_if_it_is_lower(tables: Path) -> None:
    """The lead over a dummy is how much lower the error is; the mean of all is no prediction."""
    task, splits = loaded(tables, "T4")
    dummies = task.baselines(splits)
    truth = [example.label for example in splits.test]
    judged = task.judge(splits, truth, (), dummies)
    assert judged.quality["mae"].value == 0.0
    assert not judged.quality["mae"].higher_is_better
    assert judged.references["mean"]["mae_lead"] > 0
    assert judged.correct is None
    constant = task.judge(splits, [3.0] * len(truth), (), dummies)
    first = constant.answered[0]
    assert (first.output, first.right) == ("3", None)
    assert first.outcome == f"off by {abs(3 - truth[0]):.3g}"
    assert "one number" in constant.degenerate[0]
    assert constant.quality["r2"].constant == 0.0
    assert any("below the model" in doubt for doubt in constant.doubts)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("value", "many", "a finite number is needed"),
        ("value", "nan", "a finite number is needed"),
    ],
)
def test_a_row_that_is_wrong_is_named(
    tmp_path: Path, column: str, value: str, sentence: str
) -> None:
    """File, row, what it holds and what is needed."""
    task_suites.write(tmp_path, {"T4": "regression"}, rows=30)
    rows = tickets.rows("regression", 30)
    rows[4][column] = value
    with (tmp_path / "data/T4.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(UsageError, match=rf"T4\.csv: row 5: column 'value'.*{sentence}"):
        loaded(tmp_path, "T4")


def tables_of(folder: Path, source: str) -> dict[str, str]:
    """Write tickets in a form of data, and return the file that holds each of them."""
    rows = tickets.rows("text-classification", 90)
    parts = {"data/T3.parquet": rows}
    if source != "data/T3.parquet":
        names = ("train-00000", "train-00001", "validation", "test")
        parts = {f"data/T3/{name}.parquet": rows[n::4] for n, name in enumerate(names)}
    files = {}
    for name, part in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(Table.from_pylist(part), folder / name)
        files.update(dict.fromkeys([row["text"] for row in part], name))
    return files


@pytest.mark.parametrize("source", ["data/T3.parquet", "data/T3", "owner/tickets@main"])
def test_data_are_a_parquet_file_a_folder_of_them_or_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Where the names of files tell the split, it is kept; else it is drawn."""
    task_suites.write(tmp_path, {"T3": "text-classification"}, rows=10)
    text = task_suites.description("text-classification", source)
    (tmp_path / "tasks/T3.yaml").write_text(text)
    files = tables_of(tmp_path, source)
    fetched = tmp_path / "data/T3", "a commit"
    monkeypatch.setattr(hub, "fetch", lambda _name, *, task: fetched if task == "T3" else None)
    _, splits = loaded(tmp_path, "T3")
    sizes = splits.facts["split_sizes"]
    where = {files[example.text] for example in splits.test}
    if source == "data/T3.parquet":
        assert (sizes, where) == ({"train": 72, "valid": 9, "test": 9}, {source})
    else:
        assert (sizes["train"], where) == (46, {"data/T3/test.parquet"})
    is_fetched = source == "owner/tickets@main"
    assert splits.facts["source"] == (f"hub:{source}" if is_fetched else source.split("/")[1])
    assert splits.facts["revision"] == ("a commit" if is_fetched else None)


@pytest.mark.parametrize("kind", ["text-classification", "regression", "token-classification"])
def test_a_task_that_writes_nothing_has_no_size_for_what_is_written(
    tmp_path: Path, kind: str
) -> None:
    """It would be taken for a model that writes, to which other knobs belong."""
    task_suites.write(tmp_path, {"T3": kind}, rows=10)
    settings = SimpleNamespace(size={"T3": {"max_new_tokens": 4}}, data={})
    task = task_definitions.find("T3", tmp_path)
    with pytest.raises(UsageError, match=r"--green-size T3=max_new_tokens: .* writes no text"):
        inputs.dataset(task, task.sizes["tiny"], settings)
    path = tmp_path / "tasks/T3.yaml"
    path.write_text(path.read_text() + "profiles: {tiny: {max_new_tokens: 4}}\n")
    with pytest.raises(UsageError, match=r"profiles\.tiny\.max_new_tokens: .* writes no text"):
        task_definitions.find("T3", tmp_path)


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    """The task's file is named, and what would do."""
    task_suites.write(tmp_path, {"T4": "regression"}, rows=30)
    (tmp_path / "data/T4.csv").unlink()
    with pytest.raises(UsageError, match=r"tasks/T4\.yaml: data\.source is 'data/T4\.csv'"):
        loaded(tmp_path, "T4")


def test_a_model_in_place_of_the_file_s_has_the_learning_rate_of_its_size(tmp_path: Path) -> None:
    """What the file itself says of a profile holds for it too."""
    task_suites.write(tmp_path, {"T3": "causal-lm"}, rows=40)
    path = tmp_path / "tasks" / "T3.yaml"
    path.write_text(path.read_text() + "profiles:\n  small: {learning_rate: 1e-4}\n")
    task = task_definitions.find("T3", tmp_path)
    assert task.sizes["full"].learning_rate == 3e-3  # that of the shipped model
    rates = {}
    for chosen in (None, "llama_tiny", "Qwen/Qwen3-0.6B"):
        for profile in ("tiny", "small"):
            settings = SimpleNamespace(model={"M1": chosen} if chosen else {}, size={}, balance={})
            size = inputs.task_size(task, "M1", settings, PROFILES[profile])
            rates[chosen, profile] = size.learning_rate
    assert rates == {
        (None, "tiny"): 3e-3,
        (None, "small"): 1e-4,
        ("llama_tiny", "tiny"): 3e-3,
        ("llama_tiny", "small"): 1e-4,
        ("Qwen/Qwen3-0.6B", "tiny"): 2e-5,
        ("Qwen/Qwen3-0.6B", "small"): 1e-4,
    }


def test_knobs_that_a_kind_does_not_have_are_named(tables: Path) -> None:
    """With what would work."""
    classes, numbers = (task_definitions.find(name, tables) for name in ("T3", "T4"))
    assert "writes no text" in classes.lacks("inference.cache")
    assert classes.lacks("inference.exit_confidence") == ""
    assert "skip_layers" in numbers.lacks("inference.exit_confidence")
    assert numbers.lacks("data.batching") == ""


def test_a_model_that_writes_is_compared_with_the_right_answers(tmp_path: Path) -> None:
    """Right answers score best; one for all, and the prompts, are none."""
    task_suites.write(tmp_path, {"T5": "causal-lm"}, rows=100)
    task, splits = loaded(tmp_path, "T5")
    dummies = task.baselines(splits)
    right = [pair.target for pair in splits.test]
    judged = task.judge(splits, right, (), dummies)
    assert judged.quality["exact_match"].value == 1.0
    assert judged.quality["bleu"].value == pytest.approx(100)
    assert judged.correct == len(right)
    same = task.judge(splits, ["yes"] * len(right), (), dummies)
    assert [row.outcome for row in judged.answered] == ["equal"] * len(right)
    assert (same.answered[0].output, same.answered[0].right) == ("yes", False)
    assert "one answer to all" in same.degenerate[0]
    back = task.judge(splits, [pair.source for pair in splits.test], (), dummies)
    assert "gives back" in back.degenerate[0]
