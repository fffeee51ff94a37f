"""What ``load`` returned, checked: three splits with their sizes and checksums."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError, UsageError
from greenbench.tasks.functions.functions import FunctionData
from greenbench.tasks.functions.rows import checksum, row_count, row_digests
from greenbench.tasks.request import SCORED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.tasks.functions.functions import TaskFunctions, WantedRows
    from greenbench.tasks.functions.rows import Split

NAMES = ("train", "valid", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSplits:
    """The three splits as ``load`` gave them, with facts about them."""

    train: Split
    valid: Split
    test: Split
    facts: Mapping[str, object]
    test_sha256: str
    """Of the test rows in their order."""
    valid_sha256: str
    """Of the validation rows."""

    @property
    def data(self) -> FunctionData:
        """What the suite's functions take."""
        return FunctionData(self.train, self.valid, self.test)

    @property
    def test_rows(self) -> int:
        """How many rows are answered."""
        return row_count(self.test, "test")

    def scored_on_valid(self, task: str) -> FunctionSplits:
        """Return these splits with the validation rows in place of the test rows too.

        Raises UsageError if there are none.
        """
        if not row_count(self.valid, "valid"):
            raise UsageError(
                f"--green-scored=valid: {task} has no validation rows; let load give some, or "
                "score its test rows"
            )
        facts = {**self.facts, SCORED: "valid"}
        return replace(self, test=self.valid, test_sha256=self.valid_sha256, facts=facts)


def load(functions: TaskFunctions, seed: int, sizes: WantedRows) -> FunctionSplits:
    """Call ``load`` and look at what it gives; raises UsageError."""
    data = checked(_given(functions, seed, sizes), functions, "load")
    counts = {}
    digests = {}
    for name in NAMES:
        split = getattr(data, name)
        what = f"{functions.where}: {name} of load"
        counts[name] = row_count(split, what)
        digests[name] = row_digests(split, what)
    if not counts["test"]:
        raise UsageError(f"{functions.where}: test of load has no rows; there is nothing to score")
    test = digests["test"]
    seen = [*digests["train"], *digests["valid"]]
    everything = [*seen, *test]
    shared = set(seen)
    repeated = sum(digest in shared for digest in test)
    facts = {
        "source": functions.where,
        "sha256": checksum(everything),
        "rows": sum(counts.values()),
        "split_sizes": counts,
        "split_rule": "the task's own",
        "split_seed": seed,
        "test_rows_seen_in_training": repeated,
    }
    return FunctionSplits(
        train=data.train,
        valid=data.valid,
        test=data.test,
        facts=facts,
        test_sha256=checksum(digests["test"]),
        valid_sha256=checksum(digests["valid"]),
    )


def _given(functions: TaskFunctions, seed: int, sizes: WantedRows) -> object:
    """Return what ``load`` gives; raises UsageError, with the line, for what it raises."""
    try:
        given: object = functions.load(seed, sizes)
    except GreenbenchError:
        raise
    except Exception as error:
        *_, frame = traceback.extract_tb(error.__traceback__)
        line = f"{Path(frame.filename).name}:{frame.lineno}"
        raise UsageError(
            f"{functions.where}: load failed with {type(error).__name__}: {error} ({line}); mend it"
        ) from error
    return given


def checked(splits: object, functions: TaskFunctions, name: str) -> FunctionData:
    """Return three splits that ``load`` or ``prepare`` returned; raises UsageError for others."""
    if isinstance(splits, tuple | list) and len(splits) == len(NAMES):
        return FunctionData(*splits)
    count = f" of {len(splits)}" if isinstance(splits, tuple | list) else ""
    found = f"a {type(splits).__name__}{count}"
    raise UsageError(
        f"{functions.where}: {name} returned {found}; return train, valid, test: each a sequence "
        "of rows, or a tuple of columns like (X, y)"
    )


def leak_doubts(facts: Mapping[str, object]) -> tuple[str, ...]:
    """Warn of test rows that training or choosing has seen."""
    repeated = facts.get("test_rows_seen_in_training")
    if not repeated:
        return ()
    seen = f"{repeated} of the test rows are in the training or validation split too"
    return (f"{seen}: the score is too good by what was learnt by heart",)
