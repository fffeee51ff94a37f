"""A task's data set is one for all cells, loaded once, and scores the test rows alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.data.examples import Example
from greenbench.data.splits import Splits
from greenbench.errors import UsageError
from greenbench.experiment.resolving import resolve_settings
from greenbench.run.inputs import dataset
from greenbench.tasks import BUILT_IN, Task
from greenbench.tasks.dummies import DummyBaselines

if TYPE_CHECKING:
    from greenbench.experiment.settings import Settings

SIZE = BUILT_IN["T2"].sizes["tiny"]
TEST = tuple(Example(text=f"t{i}", label=i % 2) for i in range(4))


class Loader:
    """A task's load and references that remember how they were asked."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.loads: list[tuple[Any, dict[str, Any]]] = []
        self.judged: list[Splits] = []

    def load(self, asked: Any) -> Splits:
        """Give six rows."""
        self.loads.append(
            (asked.source, {"columns": asked.columns, "sizes": asked.sizes, "seed": asked.seed})
        )
        return Splits(
            train=(Example(text="a", label=0),),
            valid=(Example(text="b", label=1),),
            test=TEST,
            facts={"rows": 6},
        )

    def baselines(self, splits: Splits) -> DummyBaselines:
        """Give no trivial predictor."""
        self.judged.append(splits)
        return DummyBaselines(scores={}, drawn={}, descriptions={})


@pytest.fixture
def loader() -> Loader:
    """Count what is loaded."""
    return Loader()


@pytest.fixture
def task(loader: Loader) -> Task:
    """Give the vulnerability task with counted data."""
    return replace(BUILT_IN["T2"], load=loader.load, baselines=loader.baselines)


def asked(**changed: Any) -> Settings:
    """Return settings as of a bare command line, but for what is changed."""
    bare = resolve_settings({}.get, Path("/nowhere"), tasks=("T1", "T2"), models=("M1", "M2"))
    return replace(bare, **{"device": "cpu", "gpus": "none", **changed})


def test_cells_of_a_task_share_one_handle_that_loads_once(task: Task, loader: Loader) -> None:
    """Every cell gets the same object; nothing is loaded before it is looked at, or twice."""
    first, second = (dataset(task, SIZE, asked()) for _ in range(2))
    assert first is second
    assert loader.loads == []
    assert (first.test, second.test, len(first.train)) == (TEST, TEST, 1)
    assert first.facts["rows"] == 6
    assert loader.loads == [("generated", {"columns": {}, "sizes": SIZE.sizes, "seed": 0})]


def test_other_data_are_another_handle(task: Task) -> None:
    """Seed, file, columns and sizes tell data apart."""
    settings = [
        asked(),
        asked(seed=1),
        asked(data={"T2": "a.csv"}),
        asked(data={"T2": "a.csv"}, columns={"T2": {"text": "code"}}),
    ]
    handles = [dataset(task, SIZE, s) for s in settings] + [
        dataset(task, replace(SIZE, sizes=(9, 9, 9)), asked())
    ]
    assert len({id(h) for h in handles}) == len(handles)


def test_data_of_the_user_are_taken_whole_with_their_columns(
    task: Task, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is one, from the home folder too, and the profile's sizes are not for it."""
    monkeypatch.setenv("HOME", "/home/someone")
    columns = {"text": "code", "label": "flaw"}
    _ = dataset(task, SIZE, asked(data={"T2": "~/a.csv"}, columns={"T2": columns}, seed=3)).train
    assert loader.loads == [
        (Path("/home/someone/a.csv"), {"columns": columns, "sizes": None, "seed": 3})
    ]


def test_profiles_hub_data_carry_their_pinned_revision(task: Task, loader: Loader) -> None:
    """A revision in the profile is asked of the hub."""
    _ = dataset(
        task, replace(SIZE, data="owner/name", data_revision="v1", sizes=None), asked()
    ).train
    assert loader.loads[0][0] == "owner/name@v1"


def test_columns_without_data_are_refused(task: Task) -> None:
    """Columns of data that nobody gave are a mistake; the sentence names both options."""
    with pytest.raises(UsageError, match=r"--green-columns T2=\.\.\.: .*--green-data T2=PATH"):
        dataset(task, SIZE, asked(columns={"T2": {"text": "code"}}))


def test_references_are_computed_once(task: Task, loader: Loader) -> None:
    """They do not depend on the variant: the first cell pays for all."""
    handle = dataset(task, SIZE, asked())
    first, second = handle.baselines, handle.baselines
    assert first is second
    assert loader.judged == [handle.splits]


def test_outputs_are_scored_against_the_test_rows(task: Task) -> None:
    """One probability per test row, in order; any other number of them is an error and no score."""
    handle = dataset(task, SIZE, asked())
    scored = handle.judge([0.1, 0.9, 0.2, 0.8]).quality
    assert (scored["mcc"].value, scored["mcc"].n) == (1.0, 4)
    for outputs in ([0.1] * 3, [0.1] * 5, []):
        with pytest.raises(
            ValueError, match=f"4 labels and {len(outputs)} probabilities cannot be scored"
        ):
            handle.judge(outputs)
