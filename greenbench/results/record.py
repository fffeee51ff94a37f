"""A cell's result as plain builtins: what stands in a results file and travels on test reports."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from greenbench.options import Options, differences
from greenbench.types import ALL_CHANNELS, REUSABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import CellResult, Energy, Round, Window

# History of the format. Files of every earlier number still load.
# 1: first version.
# 2: windows have uncertainty_j, idle_j, net_j, passes; rounds have repeats, machine, correct; cells
#    have energy, stages, efficiency and yardstick; files have instrument and conclusion.
# 3: metrics have low, high, constant and decides; rounds have outcomes and degenerate; cells have
#    degenerate; files have profile_changes and, if there were gates, gates.
# 4: rounds have block and position; yardstick has runs, and each run the memory kernel's in memory.
# 5: sessions have until_sure; verdicts have blocks and most_blocks.
# 6: rounds have training: with --green-reuse, where it was measured.
# 7: rounds have data: likewise.
# 8: files have carbon: with --green-carbon, the intensity, and cells have total_co2e_g in energy.
# 9: verdicts have rounds.
# 10: proofs in applied have proved.
# 11: cells have definition: what their task is, and its primary scores.
# 12: windows have node_j, and cells node_j and node_net_j in energy where it is known.
# 13: rounds have answered, whose right may be null.
SCHEMA = 13

Json = dict[str, Any]
"""A JSON object of plain builtins."""


def builtin(value: object) -> Any:
    """Return ``value`` as builtins that JSON can hold; a float that is not finite becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: builtin(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): builtin(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [builtin(inner) for inner in value]
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)


def energy_record(energy: Energy) -> Json:
    """Return joules and net joules by channel with their sources, and the sums with their scope."""
    record: Json = builtin(energy)
    record["net_j"] = {channel: energy.net(channel) for channel in ALL_CHANNELS}
    record["total_j"] = energy.total_j
    record["total_net_j"] = energy.total_net_j
    record["scope"] = list(energy.scope)
    return record


def window_record(window: Window) -> Json:
    """Return one stage window; its energy stands beside its seconds."""
    record = energy_record(window.energy)
    record["stage"] = window.stage
    record["seconds"] = window.seconds
    record["state"] = window.state
    record["passes"] = window.passes
    return record


def round_record(one_round: Round) -> Json:
    """Return one round: its seconds and joules as a whole, its stages', and what was judged."""
    record: Json = builtin(one_round)
    del record["whole"]
    judged = record.pop("judged")
    del judged["doubts"]  # the round's own list has them
    record.update(judged)
    origins = record.pop("origins")
    for stage in REUSABLE:
        record[stage] = origins.get(stage, {})
    record["seconds"] = one_round.whole.seconds
    record["energy"] = energy_record(one_round.whole.energy)
    record["windows"] = [window_record(window) for window in one_round.windows]
    record["repeats"] = [window_record(window) for window in one_round.repeats]
    return record


def cell_record(result: CellResult, options: Options | None) -> Json:
    """Return all of a cell; ``options`` is None for a plain function."""
    record: Json = builtin(dataclasses.replace(result, rounds=()))
    record["schema"] = SCHEMA
    record["options"] = builtin(options)
    record["differs_from_baseline"] = builtin(differences(options)) if options else []
    record["rounds"] = [round_record(one_round) for one_round in result.rounds]
    record["failures"] = _summed_failures(result.rounds)
    record.update(_of_the_last_round(result.rounds))
    return record


def _summed_failures(rounds: Sequence[Round]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one_round in rounds:
        for reason, count in one_round.judged.failures.items():
            total[reason] = total.get(reason, 0) + count
    return total


def _of_the_last_round(rounds: Sequence[Round]) -> Json:
    """Return what is alike in all rounds, as the last one has it; nothing if no round ended."""
    if not rounds:
        return {"applied": [], "references": {}, "work": {}, "energy_sources": {}}
    last = rounds[-1]
    return {
        "applied": builtin(last.applied),
        "references": builtin(last.judged.references),
        "work": builtin(last.work),
        "energy_sources": builtin(last.whole.energy.sources),
    }
