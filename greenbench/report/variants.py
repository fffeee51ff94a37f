"""What ``greenbench list`` shows: how each variant differs from the baseline, knob by knob."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from greenbench.experiment.knobs import changes, in_words
from greenbench.experiment.task_knobs import lacking
from greenbench.options import own_knobs
from greenbench.report.texts import plain
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.tasks import Task
    from greenbench.types import Variant

NOTHING = "nothing: it is the baseline"
CONTROL = "nothing: it is V0 again, an A/A control"


def record(variant: Variant, tasks: Sequence[Task]) -> dict[str, object]:
    """Return a variant as plain builtins, with the ``tasks`` that it makes cells of."""
    changed = changes(variant)
    stages = [change.knob.partition(".")[0] for change in changed]
    return {
        "variant": variant.name,
        "title": variant.title,
        "tasks": [task.name for task in tasks if not lacking(variant, task)],
        "stages": list(dict.fromkeys(stages)),
        "differs_from_baseline": [asdict(change) for change in changed],
    }


def show(console: Console, variants: Sequence[Variant]) -> None:
    """Print a line for each knob that a variant changes."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("changes: baseline -> here", overflow="fold")
    for variant in variants:
        name = variant.name
        for line in _lines(variant):
            table.add_row(plain(name), plain(line))
            name = ""
    console.print(table)


def _lines(variant: Variant) -> list[str]:
    """Return a line for each knob that a variant changes."""
    unproved = [own.knob for own in own_knobs(variant.options) if not own.proved]
    lines = []
    for change in changes(variant):
        before, here = in_words(change.knob, change.baseline), in_words(change.knob, change.here)
        mark = " (unproved)" if change.knob in unproved else ""
        lines.append(f"{change.knob}: {before} -> {here}{mark}")
    return lines or [NOTHING if is_baseline(variant.name) else CONTROL]
