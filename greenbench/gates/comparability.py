"""Whether two cells may be held against each other: same kind of machine, size, data, model, and joules of the same scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.gates.expression import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured

*_DIFFERENCES, NEW = ALLOWED


def differences(
    one: Measured, other: Measured, gate: Gate | None = None
) -> dict[str, tuple[str, str]]:
    """Return what keeps two cells from being compared: its name to what each has. ``gate`` says whether joules matter."""
    ours, theirs = ({**_machine(m), **_work(m)} for m in (one, other))
    if gate is None or gate.about.kind == "energy":
        ours, theirs = (
            {**facts, "scope": scope(m.record)} for facts, m in ((ours, one), (theirs, other))
        )
    return {
        name: (ours[name], theirs[name])
        for name in _DIFFERENCES
        if name in ours and ours[name] != theirs[name]
    }


def refusal(one: Measured, other: Measured, gate: Gate, allow: Collection[str]) -> str:
    """Say why two cells are not comparable, both values shown; an empty text where they are, or where it is let pass."""
    found = {
        name: pair for name, pair in differences(one, other, gate).items() if name not in allow
    }
    told = "; ".join(f"{name}: {here} here, {there} there" for name, (here, there) in found.items())
    return f"{told} (--green-allow {','.join(found)} compares all the same)" if found else ""


def _machine(one: Measured) -> dict[str, str]:
    """Return the kind of machine, not its name: a fleet's runners are alike."""
    there = one.header.get("environment") or {}
    cpu, gpus = there.get("cpu") or {}, there.get("gpus") or []
    return {
        "host": f"{cpu.get('model')} with {cpu.get('usable_cores') or cpu.get('logical_cores')} cores",
        "device": " + ".join([str(there.get("device")), *(str(g.get("name")) for g in gpus)]),
        "driver": ", ".join(sorted({str(g.get("driver")).partition(".")[0] for g in gpus}))
        or "none",
        "power_limit": ", ".join(f"{g.get('power_limit_w')} W" for g in gpus) or "none",
    }


def _work(one: Measured) -> dict[str, str]:
    record, header = one.record, one.header
    start = record.get("checkpoint") or {}
    return {
        "profile": " ".join(
            [
                str(header.get("profile")),
                *_sizes(header.get("profile_changes") or {}, record["task"]),
            ]
        ),
        "data": f"{record['data'].get('source')} {_short(record['data'].get('sha256'))} {_split(record['data'])}".strip(),
        "model": f"{record['model']} {_short(start.get('revision') or start.get('sha256'))}".strip(),
    }


def _sizes(changes: Mapping[str, Any], task: str) -> list[str]:
    return [f"{key}={number}" for key, number in sorted((changes.get(task) or {}).items())]


def _split(data: Mapping[str, Any]) -> str:
    return "/".join(str(size) for size in (data.get("split_sizes") or {}).values())


def _short(digest: Any) -> str:
    return str(digest)[:12] if digest else ""


def scope(record: Mapping[str, Any]) -> str:
    """Name the channels that a cell's joules sum, each with its source; an estimate is no measurement, nor another one's."""
    each = [
        ", ".join(f"{c} {r['energy']['sources'][c]}" for c in r["energy"]["scope"])
        for r in record["rounds"]
    ]
    return " or ".join(dict.fromkeys(each)) or "no joules"
