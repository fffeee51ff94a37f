"""What a record of a results file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.stats.over_seeds import DEGENERATE

if TYPE_CHECKING:
    from collections.abc import Sequence


BASELINE = "V0_baseline"


Record = dict[str, Any]


def baseline_of(record: Record, records: Sequence[Record]) -> Record | None:
    """Return V0's record for the same task, if it stands among ``records`` and neither it nor its test failed."""
    same = (
        r
        for r in records
        if r["variant"] == BASELINE and r["task"] == record["task"] and not failed(r)
    )
    return next(same, None)


def failed(record: Record) -> bool:
    """Whether the cell failed, or its test did after it was measured."""
    return record["status"] == "failed" or record.get("outcome") == "failed"


def void(record: Record) -> str:
    """Return why nothing can be concluded from a cell's savings: its model predicts nothing, or its knobs did nothing."""
    return DEGENERATE if record.get("degenerate") else record.get("effect") or ""


def comparable(record: Record, base: Record) -> bool:
    """Joules are held against V0's only where both sum the same channels from the same sources."""
    return known_sources(record) == known_sources(base)


def known_sources(record: Record) -> dict[str, str]:
    """Return the source of each channel that the rounds' joules sum; nothing where rounds sum different ones."""
    each = [{c: r["energy"]["sources"][c] for c in r["energy"]["scope"]} for r in record["rounds"]]
    return each[0] if each and all(sources == each[0] for sources in each) else {}


def mean_seconds(record: Record | None) -> float | None:
    """Mean wall-clock seconds of a round."""
    rounds = record["rounds"] if record else []
    return sum(r["seconds"] for r in rounds) / len(rounds) if rounds else None


def mean_joules(record: Record | None) -> float | None:
    """Mean joules of a round over the known channels; None where rounds know none, or not the same."""
    if record is None or not known_sources(record):
        return None
    return float(sum(r["energy"]["total_j"] for r in record["rounds"]) / len(record["rounds"]))


def uncertainty(record: Record) -> float | None:
    """Half-width of the 95 % interval of ``mean_joules``; None in files of an older greenbench."""
    known: float | None = record.get("energy", {}).get("total_j", {}).get("uncertainty")
    return known


def score(record: Record | None, primary: str) -> float | None:
    """Value of the primary metric, or None."""
    metric = (record or {}).get("quality", {}).get(primary)
    return metric["value"] if metric else None


def source_label(record: Record) -> str:
    """Name where the joules come from, channel by channel; how an estimate was made stands among the doubts."""
    named = known_sources(record)
    return (
        ", ".join(
            f"{c} {s.partition(':')[0] if s.startswith('estimated:') else s}"
            for c, s in named.items()
        )
        or "none"
    )
