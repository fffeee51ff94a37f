"""What records and files say beside rounds and scores: status, knobs, kernels, circumstances.

What comparisons read of it is checked; the rest stays as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from greenbench.machine.allocation import Allocation
from greenbench.results.fields import Fields, amount
from greenbench.stats.looks import MOST_BLOCKS, Looks
from greenbench.types import TaskDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.types import Facts, Status

OLD_DEFINITIONS = {
    "T1": TaskDefinition(
        kind="translation",
        description="translates methods into another programming language",
        primary=("pass_at_1", "bleu"),
        origin="greenbench",
    ),
    "T2": TaskDefinition(
        kind="vulnerability",
        description="finds vulnerable functions",
        primary=("mcc",),
        origin="greenbench",
    ),
}
"""What the tasks were when results files did not say it, before format 11: there were no others."""
STATUSES = ("ok", "partial", "failed")
KERNEL_RATES = ("operations_per_second", "operations_per_joule")
MEMORY_RATES = ("bytes_per_second", "bytes_per_joule")


def knobs(options: Fields) -> dict[str, object]:
    """Return the value of each knob by its full name."""
    values = {}
    for stage in options.whole():
        for name, value in options.mapping(stage).items():
            values[f"{stage}.{name}"] = value
    return values


def status(fields: Fields) -> Status:
    """Read how a cell ended; raises UsageError for another word."""
    word = fields.text("status")
    if word not in STATUSES:
        fields.refuse(f"status {word!r}", f"one of {', '.join(STATUSES)}")
    return cast("Status", word)


def definition(fields: Fields) -> TaskDefinition:
    """Return what a cell's task is; files before format 11 know greenbench's own two alone."""
    if "definition" not in fields:
        return OLD_DEFINITIONS.get(fields.text("task"), TaskDefinition())
    stated = fields.fields("definition")
    return TaskDefinition(
        kind=stated.text("kind", ""),
        description=stated.text("description", ""),
        primary=stated.texts("primary"),
        origin=stated.text("origin", ""),
    )


def changed_knobs(fields: Fields) -> tuple[str, ...] | None:
    """Return the knobs that a cell's variant sets; None if its record does not say."""
    if "differs_from_baseline" not in fields:
        return None
    return fields.each("differs_from_baseline", lambda difference: difference.text("knob"))


def kernel_rates(fields: Fields) -> dict[str, Mapping[str, float]]:
    """Return the rates of the reference kernels before and after a cell, as far as known."""
    runs: dict[str, Mapping[str, float]] = {}
    for when in ("before", "after"):
        run = fields.fields(when)
        rates = {rate: amount(run, rate) or 0.0 for rate in KERNEL_RATES if rate in run}
        of_memory = run.fields("memory")
        for rate in MEMORY_RATES:
            if rate in of_memory:
                rates[rate] = amount(of_memory, rate) or 0.0
        runs[when] = rates
    return runs


def data(fields: Fields) -> Facts:
    """Check what comparisons read of the data, and return all of it."""
    fields.fields("split_sizes")
    return fields.whole()


def looks(session: Fields) -> Looks:
    """Read when a session looked at its blocks; raises UsageError for numbers of no session."""
    fields = session.fields("until_sure")
    first, most = fields.integer("first"), fields.integer("most")
    if not 1 <= first <= most <= MOST_BLOCKS:
        fields.refuse(f"looks after {first} to {most} blocks", f"1 to {MOST_BLOCKS}, rising")
    return Looks(first=first, most=most)


def allocation(session: Fields) -> Allocation:
    """Read which part of a run on many machines a session measured; raises UsageError."""
    fields = session.fields("allocation")
    return Allocation(
        run=fields.text("run"),
        job=fields.text("job"),
        place=fields.text("place"),
        host=fields.text("host", ""),
        shared=fields.text("shared", ""),
    )


def profile_changes(fields: Fields) -> Facts:
    """Check that the changes of a profile are objects, one a task, and return them."""
    for task in fields.whole():
        fields.fields(task)
    return fields.whole()


def verdicts(gates: Fields) -> dict[str, dict[str, str]]:
    """Return by cell the outcome of each gate; what an earlier greenbench left out is left out."""
    by_cell: dict[str, dict[str, str]] = {}
    for verdict in gates.each("verdicts", lambda fields: fields):
        cell = verdict.optional_text("cell")
        gate = verdict.optional_text("gate")
        outcome = verdict.optional_text("outcome")
        if cell and gate and outcome:
            by_cell.setdefault(cell, {})[gate] = outcome
    return by_cell


def environment(fields: Fields) -> Mapping[str, Any]:
    """Check what comparisons read of the environment, and return all of it."""
    fields.fields("cpu")
    fields.each("gpus", Fields.whole)
    return fields.whole()
