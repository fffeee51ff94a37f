"""A cell's result as plain builtins: what stands in a results file."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from greenbench.options import Options, differences
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from greenbench.types import CellResult, Energy, Round, Window

# History of the format. Files of every earlier number still load.
# 1: first version.
# 2: windows have uncertainty_j, idle_j, net_j, passes; rounds have repeats, machine, correct; cells have energy, stages,
#    efficiency and yardstick; files have instrument and conclusion.
# 3: metrics have low, high, constant and decides; rounds have outcomes and degenerate; cells have degenerate; files have
#    profile_changes and, where gates were asked, gates.
SCHEMA = 3


def builtin(value: Any) -> Any:
    """Return ``value`` as plain builtins that JSON can hold; a float that is not finite becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: builtin(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): builtin(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [builtin(v) for v in value]
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)


def energy_record(energy: Energy) -> dict[str, Any]:
    """Joules per channel with their sources, above the idle machine's too, and the sums with their scope."""
    record: dict[str, Any] = builtin(energy)
    net = {channel: energy.net(channel) for channel in CHANNELS}
    totals = {
        "total_j": energy.total_j,
        "total_net_j": energy.total_net_j,
        "scope": list(energy.scope),
    }
    return {**record, "net_j": net, **totals}


def window_record(window: Window) -> dict[str, Any]:
    """One stage window."""
    about = {
        "stage": window.stage,
        "seconds": window.seconds,
        "state": window.state,
        "passes": window.passes,
    }
    return {**about, **energy_record(window.energy)}


def round_record(one: Round) -> dict[str, Any]:
    """One round: its seconds and joules as a whole, then the stages'."""
    record: dict[str, Any] = builtin(one)
    del record["whole"]
    whole = {"seconds": one.whole.seconds, "energy": energy_record(one.whole.energy)}
    stages = {
        name: [window_record(w) for w in getattr(one, name)] for name in ("windows", "repeats")
    }
    return {**record, **whole, **stages}


def cell_record(result: CellResult, options: Options | None) -> dict[str, Any]:
    """All of a cell as builtins; ``options`` is None for a plain function."""
    record: dict[str, Any] = builtin(dataclasses.replace(result, rounds=()))
    last = result.rounds[-1:]
    record |= {
        "schema": SCHEMA,
        "options": builtin(options),
        "differs_from_baseline": builtin(differences(options)) if options else [],
        "rounds": [round_record(r) for r in result.rounds],
        "applied": [a for r in last for a in builtin(r.applied)],
        "references": {k: v for r in last for k, v in builtin(r.references).items()},
        "failures": {
            k: sum(r.failures.get(k, 0) for r in result.rounds)
            for k in dict.fromkeys(k for r in result.rounds for k in r.failures)
        },
        "work": {k: v for r in last for k, v in builtin(r.work).items()},
        "energy_sources": {k: v for r in last for k, v in r.whole.energy.sources.items()},
    }
    return record
