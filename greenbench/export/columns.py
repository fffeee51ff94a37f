"""The columns of the tidy table: what each is named, holds and means, in one place.

The table is these four tuples side by side: what is said of a cell, of its round, of a window in
that round, and of a channel in that window, then the scores. The text below a column is its line in
the dictionary of docs/results.md.
"""

from __future__ import annotations

from typing import NamedTuple

from greenbench.tasks import BUILT_IN


class CellColumns(NamedTuple):
    """What a cell is, where it was measured, and whether it is evidence."""

    file: str
    """Name of the file that it comes from."""
    session: str | None
    """Id of the session that measured it."""
    started: str | None
    """When the session started, in ISO 8601."""
    host: str | None
    """Name of the machine."""
    device: str | None
    """Where torch ran: `cpu`, or `cuda:0`."""
    processor: str | None
    """Model of the CPU."""
    gpus: str | None
    """Models of the GPUs of the machine."""
    profile: str | None
    """How big the run was: `tiny`, `small` or `full`."""
    cell: str
    """Id of the cell, as pytest shows it; with `session` it names a cell."""
    task: str
    """Its name, like `T2`; empty for a plain function, as are `variant` and `model`."""
    variant: str
    """Folder of the variant, like `V7_all_optimised`."""
    model: str
    """The checkpoint that training started from."""
    knobs: str | None
    """The knobs that the variant sets, with their values, as a JSON object; null if its record does
    not say."""
    status: str
    """`ok`, `partial` (a knob did not act as requested) or `failed`."""
    outcome: str | None
    """How its test ended, in pytest's words."""
    flaw: str | None
    """Why nothing follows from the cell: `MISSING`, `DEGENERATE` or `NO-EFFECT`; null if something
    can."""
    flaw_reason: str | None
    """The flaw in words."""
    verdicts: str | None
    """The outcome of each gate of the session on the cell, as a JSON object; null without any."""
    co2e_grams_per_kwh: float | None
    """Carbon intensity of the electricity, as the session was told; null if it was not."""
    co2e_source: str | None
    """Where that number is from."""


class RoundColumns(NamedTuple):
    """Which round, and what was made of its outputs.

    All null in the one row of a cell that left no round.
    """

    round: int | None
    """Number of the round in its cell, from 0."""
    seed: int | None
    """Rounds of several cells with one seed are a pair."""
    block: int | None
    """The block of the session that it belongs to; null if rounds did not run in blocks."""
    position: int | None
    """Its place in the order of all rounds of the session."""
    samples_scored: int | None
    """Test examples that were answered."""
    samples_correct: int | None
    """Answers that are right; null for tasks that cannot tell for a single one."""
    peak_memory_bytes: int | None
    """Peak of the process's resident memory."""


class WindowColumns(NamedTuple):
    """One stage, once. The same in the rows of all channels."""

    stage: str | None
    """`whole` for the round, otherwise a stage: `data`, `architecture`, `training`, `inference`;
    and `prefill`, the part of inference that reads prompts, run again by itself. Choose one before
    adding up: the round's joules contain those of its stages."""
    window: int | None
    """Number of the window in its round: 0 is the whole, further ones are in the order they
    closed. A stage may have several, which add up."""
    state: str | None
    """`cold` or `warm`; `reused` if it was measured in an earlier round (of `whole`: if one of its
    stages was); `repeated` for a further measurement of a stage that was too short for the
    counters, made after the round: no part of it, never to be added to the others."""
    passes: int | None
    """How many times the window ran; `seconds` and joules are those of one pass."""
    reused_from: str | None
    """Of `reused` windows: the block that measured it (of `whole`: its stages). Rows that share it
    share one measurement."""
    seconds: float | None
    """Wall-clock time."""


class ChannelColumns(NamedTuple):
    """The joules of one channel in the window."""

    channel: str | None
    """`gpu`, `cpu` or `dram`, which add up, as far as they are known; and `node`, the machine as a
    whole, where a sensor knows it: it contains the others, so leave it out before adding up."""
    joules_are: str | None
    """How far `joules` can be relied on: `measured` by a counter, `estimated` (from CPU time),
    `simulated` (by a device that is none) or `unknown`."""
    joules: float | None
    """Energy; null if it is unknown, never 0 for that."""
    reason: str | None
    """Why `joules` is null."""
    uncertainty_joules: float | None
    """Standard uncertainty (one sigma) of `joules`, its causes in quadrature; it lacks the spread
    between rounds. Null if no cause is known."""
    idle_joules: float | None
    """What the idle machine takes in the same time; null if its power is unknown."""
    net_joules: float | None
    """`joules` less `idle_joules`; may be negative."""
    co2e_grams: float | None
    """CO2 equivalents of `joules`, by the session's carbon intensity; estimated if these are."""
    source: str | None
    """The instrument, like `zeus:rapl` or `estimated:cpu-seconds*3.72W/core`."""
    coarse: bool | None
    """Whether the counter resolves so short a window worse than 5 %."""


GROUPS: tuple[type, ...] = (CellColumns, RoundColumns, WindowColumns, ChannelColumns)
SCORES = tuple(name for task in BUILT_IN.values() for name in task.scores)
"""Each is a column ``score_NAME``: a score of the round, repeated in all its rows; scores of
other tasks than greenbench's own stand together in one."""
OTHER_SCORES = "score_others"
"""The column of all scores that have none of their own, as a JSON object."""
