"""The proof of each device knob: the requested value, what was read back, and what was sampled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from greenbench.machine.control.restore import same_value
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.control.controls import Value
    from greenbench.machine.control.journal import Entry
    from greenbench.machine.control.requests import Request

MachineRecord = Mapping[str, Any]
"""The machine's state over a round, or one card's: ``MachineObservation.record`` of ``Watch``."""

CONTROL_OFF = "not applied: --green-control off"
SAMPLED = {
    "gpu_power_fraction": "enforced_power_limit_w",
    "gpu_power_w": "enforced_power_limit_w",
    "gpu_clock_fraction": "sm_clock_mhz",
    "gpu_memory_clock_fraction": "memory_clock_mhz",
}
"""Knob to the quantity of a card that ``Watch`` samples while a round runs."""
TOLERANCE = 1.01
"""How far a sample may lie above the request: NVML reports whole MHz, and clocks go in steps."""
NO_CLOCK_SAMPLE = "the clock was set, and no sample of it was taken while the round ran"


def proof(
    request: Request,
    entries: Sequence[Entry],
    failure: str,
    machine: MachineRecord,
    at_end: Mapping[str, Value],
) -> Applied:
    """Return the proof of a requested knob.

    ``entries`` are what was set for all knobs, ``failure`` says why nothing was, ``machine`` is
    what was sampled while the round ran, and ``at_end`` the value of each setting at its end. The
    actual clock is the highest sample, because a lock cannot be read back; any other actual value
    is the one that was read back.
    """
    own_entries = _entries_of(request, entries)
    samples = _samples(request.knob, machine)
    note = request.note or failure
    actual: object = None
    before: object = None
    evidence: dict[str, object] = {}
    if own_entries and not note:
        evidence["set"] = {entry.control.title: entry.after for entry in own_entries}
        evidence["before"] = {entry.control.title: entry.before for entry in own_entries}
        if own_entries[0].control.readable:
            actual = _in_knob_units(request, [(e, e.after) for e in own_entries])
            before = _in_knob_units(request, [(e, e.before) for e in own_entries])
        else:
            share = _highest_share(request.knob, machine)
            actual = share
            note = _clock_note(request.requested, share)
    if not note:
        note = _drift_note(request, own_entries, samples) or _end_note(own_entries, at_end)
    if samples:
        evidence["sampled"] = samples
    return Applied(
        stage="system",
        knob=request.knob,
        asked=request.requested,
        got=actual,
        how=request.how or "nothing to set",
        note=note,
        before=before,
        evidence=evidence,
    )


def proof_without_request(knob: str, value: object) -> Applied:
    """Return the proof of a knob that is not turned, or that ``--green-control off`` leaves."""
    note = "" if value is None else CONTROL_OFF
    return Applied(stage="system", knob=knob, asked=value, got=None, how="not set", note=note)


def _entries_of(request: Request, entries: Sequence[Entry]) -> list[Entry]:
    titles = {setting.control.title for setting in request.settings}
    return [entry for entry in entries if entry.control.title in titles]


def _in_knob_units(request: Request, values: Sequence[tuple[Entry, Value]]) -> object:
    """Return the value that all devices have, in the unit of the knob, or the list of theirs."""
    converted = []
    for entry, value in values:
        converted.append(request.in_knob_units(entry.control, value))
    return converted[0] if len(set(converted)) == 1 else converted


def _samples(knob: str, machine: MachineRecord) -> list[dict[str, Any]]:
    """Return what was sampled of the quantity of ``knob``, card by card."""
    quantity = SAMPLED.get(knob, "")
    samples = []
    for card in machine.get("gpus", ()):
        if card.get(quantity):
            samples.append({"uuid": card["uuid"], quantity: card[quantity]})
    return samples


def _highest_share(knob: str, machine: MachineRecord) -> float | None:
    """Return the highest sampled clock over the card's highest; None if there is no sample."""
    quantity = SAMPLED[knob]
    shares = []
    for card in machine.get("gpus", ()):
        span = card.get(quantity)
        card_maximum = card.get(f"max_{quantity}")
        if span and span["max"] is not None and card_maximum:
            shares.append(span["max"] / card_maximum)
    return round(max(shares), 3) if shares else None


def _clock_note(requested: float | str, share: float | None) -> str:
    """Say that a locked clock was exceeded, or not sampled."""
    if share is None:
        return NO_CLOCK_SAMPLE
    if share <= float(requested) * TOLERANCE:
        return ""
    return f"the clock was locked to {requested:g} of the card's highest, and {share:g} was sampled"


def _drift_note(
    request: Request, entries: Sequence[Entry], samples: Sequence[MachineRecord]
) -> str:
    """Say that a sampled power limit was another than the one that was set."""
    if not request.knob.startswith("gpu_power"):
        return ""
    for card in samples:
        limit_w = _limit_w(card["uuid"], entries)
        span = card["enforced_power_limit_w"]
        if limit_w is None:
            continue
        low, high = span["min"], span["max"]
        if max(high, limit_w) > TOLERANCE * min(low, limit_w):
            return (
                f"{limit_w:g} W were set, and the limit in force was between {low:g} and {high:g} W"
            )
    return ""


def _end_note(entries: Sequence[Entry], at_end: Mapping[str, Value]) -> str:
    """Say that a setting had another value at the end of the round than the one that was set."""
    for entry in entries:
        now = at_end.get(entry.control.title, entry.after)
        if not same_value(now, entry.after):
            return f"{entry.control.title} was set to {entry.after} and reads {now} at the end"
    return ""


def _limit_w(uuid: str, entries: Sequence[Entry]) -> float | None:
    """Return the power limit in watts that was set on a card; None if none was."""
    for entry in entries:
        if entry.control.device == f"gpu {uuid}" and isinstance(entry.after, int):
            return entry.after / 1000
    return None
