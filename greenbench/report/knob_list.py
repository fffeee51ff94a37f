"""What ``greenbench knobs`` shows: every knob with its values, its baseline and what it does."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from greenbench.experiment.knobs import as_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.experiment.knob_list import KnobDescription
    from greenbench.experiment.knob_pairs import RefusedPair

WIDTH = 80
INDENT = "    "


def record(description: KnobDescription) -> dict[str, object]:
    """Return a knob as plain builtins."""
    return asdict(description)


def lines(knobs: Sequence[KnobDescription]) -> Iterator[str]:
    """Yield the knobs by stage: name, baseline and values, and what each does below."""
    stage = ""
    for knob in knobs:
        if knob.stage != stage:
            stage = knob.stage
            yield stage
        values = f"  {knob.name} = {_baseline(knob)}; takes {knob.values}"
        yield from textwrap.wrap(values, WIDTH, subsequent_indent=INDENT)
        meaning = f"{knob.meaning} {_origin(knob)}".strip()
        if meaning:
            yield from textwrap.wrap(
                meaning, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT
            )


def left_out(count: int, tasks: Sequence[str]) -> Iterator[str]:
    """Yield how many knobs of greenbench are not listed, since no task of the suite has them."""
    if count:
        text = f"Not listed: {count} knobs of greenbench that act on none of the suite's tasks "
        text += f"({', '.join(tasks)})."
        yield from textwrap.wrap(text, WIDTH)


def _origin(knob: KnobDescription) -> str:
    """Say that a knob is the suite's own, and whether it is proved; nothing of a built-in one."""
    if not knob.own:
        return ""
    if knob.proved:
        return "(The suite's own.)"
    return "(The suite's own; unproved: nothing reads it back.)"


def _baseline(knob: KnobDescription) -> str:
    if knob.baseline is None and knob.stage == "system":
        return "the machine's own"
    return as_yaml(knob.baseline).strip("'")


def pair_lines(pairs: Sequence[RefusedPair]) -> Iterator[str]:
    """Yield which settings cannot stand together, and why."""
    for pair in pairs:
        text = f"{pair.first} with {pair.second}: {pair.reason}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent=INDENT, break_on_hyphens=False)


def pair_rows(pairs: Sequence[RefusedPair]) -> Iterator[str]:
    """Yield the same as rows of a table in Markdown."""
    for pair in pairs:
        yield f"| `{pair.first}` | `{pair.second}` | {pair.reason} |"
