"""Whether two cells may be compared: same machine, size, data, model, and scope of the joules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.gates.expression import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured

*_DIFFERENCES, NEW = ALLOWED


def differences(
    cell: Measured, other: Measured, gate: Gate | None = None
) -> dict[str, tuple[str, str]]:
    """Return what keeps two cells from being compared: its name to what each has.

    ``gate`` says whether joules matter; without one they do.
    """
    here, there = _facts(cell), _facts(other)
    if gate is None or gate.about.kind == "energy":
        here["scope"], there["scope"] = cell.record.scope, other.record.scope
    found = {}
    for name in _DIFFERENCES:
        if name in here and here[name] != there[name]:
            found[name] = (here[name], there[name])
    return found


def refusal(cell: Measured, other: Measured, gate: Gate, allow: Collection[str]) -> str:
    """Say why two cells are not comparable, with both values; empty if they are, or if allowed."""
    reasons = []
    names = []
    for name, (here, there) in differences(cell, other, gate).items():
        if name not in allow:
            names.append(name)
            reasons.append(f"{name}: {here} here, {there} there")
    if not names:
        return ""
    return f"{'; '.join(reasons)} (--green-allow {','.join(names)} compares all the same)"


def _facts(cell: Measured) -> dict[str, str]:
    return {**_machine(cell), **_inputs(cell)}


def _machine(cell: Measured) -> dict[str, str]:
    """Return the kind of machine, not its name: the runners of a fleet are alike."""
    environment = cell.header.environment
    cpu = environment.get("cpu") or {}
    gpus = environment.get("gpus") or []
    cores = cpu.get("usable_cores") or cpu.get("logical_cores")
    devices = [str(environment.get("device")), *(str(gpu.get("name")) for gpu in gpus)]
    drivers = {str(gpu.get("driver")).partition(".")[0] for gpu in gpus}
    limits = [f"{gpu.get('power_limit_w')} W" for gpu in gpus]
    return {
        "host": f"{cpu.get('model')} with {cores} cores",
        "device": " + ".join(devices),
        "driver": ", ".join(sorted(drivers)) or "none",
        "power_limit": ", ".join(limits) or "none",
    }


def _inputs(cell: Measured) -> dict[str, str]:
    record, header = cell.record, cell.header
    start = record.checkpoint
    profile = [str(header.profile), *_sizes(header.profile_changes, record.task)]
    data = [
        str(record.data.get("source")),
        _short(record.data.get("sha256")),
        _split_sizes(record.data),
    ]
    model = f"{record.model} {_short(start.get('revision') or start.get('sha256'))}"
    return {
        "profile": " ".join(profile),
        "data": " ".join(data).strip(),
        "model": model.strip(),
    }


def _sizes(changes: Mapping[str, Any], task: str) -> list[str]:
    of_the_task = changes.get(task) or {}
    return [f"{key}={number}" for key, number in sorted(of_the_task.items())]


def _split_sizes(data: Mapping[str, Any]) -> str:
    sizes = data.get("split_sizes") or {}
    return "/".join(str(size) for size in sizes.values())


def _short(digest: object) -> str:
    return str(digest)[:12] if digest else ""
