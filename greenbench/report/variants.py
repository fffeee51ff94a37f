"""What ``greenbench list`` shows: how each variant differs from the baseline, knob by knob."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from greenbench.experiment.knobs import changes, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.types import Variant

NOTHING = "nothing: it is the baseline"


def record(variant: Variant) -> dict[str, Any]:
    """Return a variant as plain builtins."""
    found = changes(variant)
    stages = list(dict.fromkeys(d.knob.partition(".")[0] for d in found))
    return {
        "variant": variant.name,
        "title": variant.title,
        "stages": stages,
        "differs_from_baseline": [asdict(d) for d in found],
    }


def show(console: Console, variants: Sequence[Variant]) -> None:
    """Print a line for each knob that a variant changes."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("changes: baseline -> here", overflow="fold")
    for variant in variants:
        lines = [
            f"{d.knob}: {in_words(d.baseline)} -> {in_words(d.here)}" for d in changes(variant)
        ] or [NOTHING]
        for place, line in enumerate(lines):
            table.add_row(variant.name if place == 0 else "", line)
    console.print(table)
