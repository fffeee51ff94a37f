"""The rows of the tidy table: one for each cell, round, window and channel."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from greenbench.export.columns import (
    SCORES,
    CellColumns,
    ChannelColumns,
    RoundColumns,
    WindowColumns,
)
from greenbench.report.texts import printable
from greenbench.types import is_measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from greenbench.gates.verdict import Measured
    from greenbench.results.carbon import CarbonIntensity
    from greenbench.results.reading import CellRecord
    from greenbench.types import Energy, Round, Window

Row: TypeAlias = tuple[object, ...]
NO_ROUND = (None,) * len(RoundColumns._fields)
NO_WINDOW = (None,) * len(WindowColumns._fields)
NO_SCORES = (None,) * (len(SCORES) + 1)
UNKNOWN = "unknown"


def rows(cells: Iterable[Measured]) -> Iterator[Row]:
    """Yield the rows of ``cells``. One that left no round has one row, which says why."""
    for measured in cells:
        about = _cell(measured)
        record = measured.record
        if not record.rounds:
            nothing = ChannelColumns(None, UNKNOWN, None, about.flaw_reason, *(None,) * 6)
            yield (*about, *NO_ROUND, *NO_WINDOW, *nothing, *NO_SCORES)
        for number, one_round in enumerate(record.rounds):
            of_round = _round(number, one_round)
            scores = _scores(one_round)
            for window, energy in _windows(one_round):
                for channel in energy.channels:
                    joules = _channel(channel, energy, measured.header.carbon)
                    yield (*about, *of_round, *window, *joules, *scores)


def joules_are(source: str, joules: float | None) -> str:
    """Say how far joules can be relied on, by the source that they come from."""
    if joules is None or source in {"", "none"}:
        return UNKNOWN
    return "measured" if is_measured(source) else source.partition(":")[0]


def uncertainty(energy: Energy, channel: str) -> float | None:
    """Return the standard uncertainty of a channel's joules; None if no cause is known."""
    causes = energy.uncertainty_j.get(channel)
    return math.hypot(*causes.values()) if causes else None


@lru_cache(maxsize=4096)
def _text(text: str | None) -> str | None:
    """Return a text of others without control characters; few differ among many rows."""
    return None if text is None else printable(text)


def _shown(text: str) -> str:
    return _text(text) or ""


def _cell(measured: Measured) -> CellColumns:
    record, header = measured.record, measured.header
    environment = header.environment
    flaw, carbon = record.flaw, header.carbon
    return CellColumns(
        file=_shown(Path(measured.origin).name),
        session=_text(header.session_id),
        started=_text(header.started) or None,
        host=_fact(environment.get("host")),
        device=_fact(environment.get("device")),
        processor=_fact((environment.get("cpu") or {}).get("model")),
        gpus=_gpus(environment.get("gpus") or ()),
        profile=_text(header.profile),
        cell=_shown(record.id),
        task=_shown(record.task),
        variant=_shown(record.variant),
        model=_shown(record.model),
        knobs=_knobs(record),
        status=record.status,
        outcome=_text(record.outcome),
        flaw=_text(flaw.verdict) if flaw is not None else None,
        flaw_reason=_text(flaw.reason) if flaw is not None else None,
        verdicts=json.dumps(header.verdicts[record.id]) if record.id in header.verdicts else None,
        co2e_grams_per_kwh=carbon.g_per_kwh if carbon is not None else None,
        co2e_source=_text(carbon.source) or None if carbon is not None else None,
    )


def _fact(value: object) -> str | None:
    return None if value is None else _text(str(value))


def _gpus(gpus: Iterable[Mapping[str, object]]) -> str | None:
    names = [str(gpu.get("name")) for gpu in gpus]
    return _text(", ".join(names)) or None


def _knobs(record: CellRecord) -> str | None:
    if record.changes is None:
        return None
    return json.dumps({knob: record.knobs.get(knob) for knob in record.changes})


def _round(number: int, one_round: Round) -> RoundColumns:
    return RoundColumns(
        round=number,
        seed=_whole(one_round.seed),
        block=one_round.block,
        position=one_round.position,
        samples_scored=_whole(one_round.work.get("samples_scored")),
        samples_correct=_whole(one_round.judged.correct),
        peak_memory_bytes=_whole(one_round.work.get("peak_memory_bytes")),
    )


def _whole(value: int | None) -> int | None:
    """Return a whole number that fits into 64 bits; none that was counted is larger."""
    return value if value is None or abs(value) < 1 << 63 else None


def _windows(one_round: Round) -> Iterator[tuple[WindowColumns, Energy]]:
    """Yield the window of the round, those of its stages, and their repetitions."""
    whole = one_round.whole
    state = "reused" if one_round.reused else whole.state
    yield _window(0, whole, state, one_round), whole.energy
    number = 0
    for window in one_round.windows:
        number += 1
        yield _window(number, window, window.state, one_round), window.energy
    for window in one_round.repeats:
        number += 1
        yield _window(number, window, "repeated", one_round), window.energy


def _window(number: int, window: Window, state: str, one_round: Round) -> WindowColumns:
    return WindowColumns(
        stage=_shown(window.stage),
        window=number,
        state=_shown(state),
        passes=_whole(window.passes),
        reused_from=_reused_from(window, one_round) if state == "reused" else None,
        seconds=window.seconds,
    )


def _reused_from(window: Window, one_round: Round) -> str | None:
    """Name the blocks that measured a window, or the stages that the whole round took over."""
    windows = (window,) if window.stage != one_round.whole.stage else one_round.reused
    origins: dict[str, None] = {}
    for reused in windows:
        origin = one_round.measured_in(reused.stage)
        if origin is not None:
            origins[str(origin)] = None
    return _text(", ".join(origins)) or None


def _channel(channel: str, energy: Energy, carbon: CarbonIntensity | None) -> ChannelColumns:
    joules = energy.joules(channel)
    source = energy.sources.get(channel, "none")
    reason = None
    if joules is None:
        reason = energy.reasons.get(channel) or "its record does not say why"
    return ChannelColumns(
        channel=channel,
        joules_are=joules_are(source, joules),
        joules=joules,
        reason=_text(reason),
        uncertainty_joules=uncertainty(energy, channel),
        idle_joules=energy.idle_j.get(channel),
        net_joules=energy.net(channel),
        co2e_grams=carbon.grams(joules) if carbon is not None else None,
        source=_text(source),
        coarse=channel in energy.coarse,
    )


def _scores(one_round: Round) -> Row:
    """Return the scores of a round in the order of their columns, and all others as JSON."""
    quality = one_round.judged.quality
    known, others = [], {}
    for name in SCORES:
        metric = quality.get(name)
        known.append(metric.value if metric is not None else None)
    for name, metric in quality.items():
        if name not in SCORES:
            others[name] = metric.value
    return (*known, json.dumps(others) if others else None)
