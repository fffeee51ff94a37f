"""``--green-scored=valid``: validation rows in place of the test rows, and what records say."""

from __future__ import annotations

import function_suite
import pytest

from greenbench.data.examples import Example
from greenbench.data.splits import Splits
from greenbench.errors import UsageError
from greenbench.tasks.dataset import scored_on_valid
from greenbench.tasks.functions import splits as function_splits
from greenbench.tasks.functions.functions import WantedRows, task_functions


def own(**changed: object) -> function_splits.FunctionSplits:
    """Return the splits of a suite's own functions."""
    names: dict[str, object] = {}
    exec(function_suite.NEAREST, names)
    functions = task_functions(type("Own", (), {**names, **changed}), "tasks/T3.py")
    return function_splits.load(functions, 0, WantedRows(train=30, valid=10, test=20))


def test_validation_rows_take_the_place_of_the_test_rows() -> None:
    """The examples that are answered and scored are the validation examples, which also stay."""
    parts = [tuple(Example(text=f"{name}{n}", label=n % 2) for n in range(4)) for name in "abc"]
    train, valid, test = parts
    splits = Splits(train=train, valid=valid, test=test, facts={"source": "own"})
    scored = scored_on_valid(splits, "T2")
    assert (scored.train, scored.valid, scored.test) == (train, valid, valid)
    assert scored.facts == {"source": "own", "scored_split": "valid"}


def test_rows_of_functions_have_the_checksum_of_what_is_scored() -> None:
    """Answers to validation rows are never paired with answers to test rows."""
    splits = own()
    scored = scored_on_valid(splits, "T3")
    assert scored.test_rows == 10
    assert scored.test_sha256 == splits.valid_sha256 != splits.test_sha256
    assert scored.facts["scored_split"] == "valid"


def test_without_validation_rows_it_is_refused() -> None:
    """The sentence says what is missing."""
    splits = Splits(train=(), valid=(), test=(), facts={})
    with pytest.raises(UsageError, match="--green-scored=valid: T2 has no validation rows"):
        scored_on_valid(splits, "T2")

    def load(_seed: int, _sizes: object) -> object:
        return [1], [], [2]

    with pytest.raises(UsageError, match="T3 has no validation rows; let load give some"):
        scored_on_valid(own(load=staticmethod(load)), "T3")
