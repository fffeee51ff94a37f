"""Whether a task's data are split as they should: by the seed, and no test row in training."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING

from greenbench import extras
from greenbench.tasks.functions.rows import row_digests, rows_of
from greenbench.tasks.functions.splits import FunctionSplits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.testing.task_report import TaskFaults
    from greenbench.testing.trial import Trial

NAMES = ("train", "valid", "test")
FEWEST_WORDS = 8
"""Of a row's texts: shorter ones resemble each other by chance."""


@dataclass(frozen=True, slots=True)
class SplitDigests:
    """A checksum of each row, by split."""

    rows: Mapping[str, Sequence[bytes]]

    @classmethod
    def of(cls, splits: object) -> SplitDigests:
        """Look at every row of the three splits."""
        return cls({name: row_digests(_split(splits, name), name) for name in NAMES})

    def changed(self, later: SplitDigests) -> list[str]:
        """Return the splits whose rows, or their order, are others later."""
        return [name for name in NAMES if self.rows[name] != later.rows[name]]

    def leaked(self) -> list[int]:
        """Return the numbers of the test rows, from 0, that are a training row too."""
        seen = set(self.rows["train"])
        return [number for number, row in enumerate(self.rows["test"]) if row in seen]


def check_seed(trial: Trial, first: SplitDigests, findings: TaskFaults) -> None:
    """Find a split that is another one whenever it is loaded."""
    again = SplitDigests.of(trial.dataset().splits)
    changed = first.changed(again)
    if changed:
        findings.problems.append(
            f"{findings.task}: load gave other rows in {_listed(changed)} when it was called again "
            "with the same seed, so that variants are scored on different rows; draw the split "
            "from the seed: numpy.random.default_rng(seed)"
        )


def check_leaks(splits: object, digests: SplitDigests, findings: TaskFaults) -> None:
    """Find test rows that training has seen, and those that are nearly the same."""
    total = len(digests.rows["test"])
    leaked = digests.leaked()
    if leaked:
        findings.problems.append(
            f"{findings.task}: {len(leaked)} of {total} test rows are training rows too (the first "
            f"is test row {leaked[0]}), which rewards learning by heart; remove duplicates before "
            "the split"
        )
    _check_near(splits, set(leaked), findings)


def check_untouched(before: SplitDigests, splits: object, findings: TaskFaults) -> None:
    """Find what the stages of a round have changed of the data, which all rounds share."""
    changed = before.changed(SplitDigests.of(splits))
    if changed:
        findings.problems.append(
            f"{findings.task}: a round changed the rows of {_listed(changed)}, which all rounds "
            "and variants share; work on a copy, or return new rows from prepare"
        )


def _check_near(splits: object, leaked: set[int], findings: TaskFaults) -> None:
    """Warn of test texts that are near-duplicates of training texts."""
    train = _long_texts(splits, "train")
    test = _long_texts(splits, "test")
    for number in leaked:
        test.pop(number, None)
    if not train or not test:
        return
    if "rensa" in extras.missing("suite"):
        findings.warnings.append(
            f"{findings.task}: near-duplicates of test rows were not looked for, which needs "
            f"rensa: {extras.install_line('suite')}"
        )
        return
    from greenbench.data import near_duplicates

    signed = near_duplicates.signatures(test.values())
    others = near_duplicates.signatures(train.values())
    near = near_duplicates.near_any(signed, others, near_duplicates.THRESHOLD)
    numbers = [number for number, close in zip(test, near, strict=True) if close]
    if numbers:
        findings.warnings.append(
            f"{findings.task}: {len(numbers)} test rows are nearly the same as a training row "
            f"(the first is test row {numbers[0]}: {test[numbers[0]]:.40}...); leave them out, or "
            "keep such rows together in one split"
        )


def _split(splits: object, name: str) -> object:
    """Return a split; a tuple of examples is no tuple of columns, as functions may give one."""
    rows: object = getattr(splits, name)
    if isinstance(rows, tuple) and not isinstance(splits, FunctionSplits):
        return list(rows)
    return rows


def _long_texts(splits: object, name: str) -> dict[int, str]:
    """Return by number the texts of each row as one; rows of few words are left out."""
    found = {}
    for number, row in enumerate(rows_of(_split(splits, name))):
        text = "\n".join(_texts(row))
        if len(text.split()) >= FEWEST_WORDS:
            found[number] = text
    return found


def _texts(row: object) -> Iterator[str]:
    """Yield the texts in a row of any form."""
    if isinstance(row, str):
        yield row
    elif isinstance(row, dict):
        yield from _texts(list(row.values()))
    elif isinstance(row, list | tuple):
        for part in row:
            yield from _texts(part)
    elif is_dataclass(row):
        yield from _texts([getattr(row, field.name) for field in fields(row)])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
