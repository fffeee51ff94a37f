"""Where the numbers of a cell come from: windows, sources, uncertainty by cause, knobs, command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from greenbench.report import numbers
from greenbench.report.caption import score_text
from greenbench.report.commands import measuring, options_of
from greenbench.report.cost import plural
from greenbench.types import ALL_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.types import Facts, Quantity, Round, Window

JOULES = {
    "total_net_j": "net of idle",
    "gpu_j": "GPU",
    "cpu_j": "CPU",
    "dram_j": "DRAM",
    "node_j": "machine as a whole",
}
EFFICIENCY = {"j_per_sample": "per sample", "j_per_correct": "per correct output"}
UNSAID = "the record does not say why"


class Fact(NamedTuple):
    """A name and what it is, both written."""

    name: str
    text: str


class WindowLine(NamedTuple):
    """What one stage took on average over the rounds, all of it written."""

    stage: str
    state: str
    seconds: str
    joules: str
    """By channel."""
    spread: str
    """Least and most joules of a round."""


class KnobLine(NamedTuple):
    """A knob that the variant sets, or that did not act as requested."""

    knob: str
    asked: str
    got: str
    how: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All that a cell's numbers stand on."""

    id: str
    energy: tuple[Fact, ...]
    windows: tuple[WindowLine, ...]
    scores: tuple[Fact, ...]
    knobs: tuple[KnobLine, ...]
    other_knobs: str
    """How many further knobs were read back."""
    facts: tuple[Fact, ...]
    """Data, model, rounds."""
    warnings: tuple[str, ...]
    session: int
    """Number of its session on the page."""
    command: str
    """What measures it beside V0 again; empty if no command line can name it."""


def provenance(cell: Measured, session: int) -> Provenance:
    """Collect what is recorded about a cell; ``session`` is its number on the page."""
    record = cell.record
    knobs = tuple(_knobs(record))
    others = _read_back(record) - len(knobs)
    other_knobs = ""
    if others:
        other_knobs = f"{plural(others, 'further knob')} read back as requested."
    energy = tuple(_energy(record))
    windows = tuple(_windows(record.rounds))
    scores = tuple(_scores(record))
    facts = tuple(_facts(cell))
    warnings = tuple(_warnings(record))
    return Provenance(
        id=record.id,
        energy=energy,
        windows=windows,
        scores=scores,
        knobs=knobs,
        other_knobs=other_knobs,
        facts=facts,
        warnings=warnings,
        session=session,
        command=_command(cell),
    )


def _command(cell: Measured) -> str:
    record = cell.record
    rounds = f"--green-rounds {max(1, len(record.rounds))}"
    options = options_of(cell.header.command)
    return measuring(record.task, [record.id], options, rounds)


def _warnings(record: CellRecord) -> Iterator[str]:
    if record.error:
        yield record.error
    yield from record.degenerate
    yield from record.doubts


# --- joules ---------------------------------------------------------------------------------------


def _energy(record: CellRecord) -> Iterator[Fact]:
    total = record.energy.get("total_j")
    if total is None:
        joules = numbers.plus_minus(record.joules, record.uncertainty, "J")
        yield Fact("total", joules)
    else:
        mean = f" (95 %, mean of n = {total.n} rounds)" if total.n else ""
        yield Fact("total", f"{_quantity(total)}{mean}")
        yield from _uncertainty(total)
    for name, label in JOULES.items():
        quantity = record.energy.get(name)
        if quantity is not None:
            yield Fact(label, _quantity(quantity))
    for channel, source in record.sources.items():
        yield Fact(f"source of {channel.upper()}", source)
    for name, label in EFFICIENCY.items():
        quantity = record.efficiency.get(name)
        if quantity is not None and quantity.value is not None:
            yield Fact(label, numbers.quantity(quantity, "J"))


def _quantity(quantity: Quantity) -> str:
    if quantity.value is None:
        return f"unmeasured: {quantity.reason or UNSAID}"
    return numbers.quantity(quantity, "J")


def _uncertainty(total: Quantity) -> Iterator[Fact]:
    """Say what the uncertainty is made of, the largest cause first."""
    parts = []
    for cause in sorted(total.causes, key=total.causes.__getitem__, reverse=True):
        size = numbers.unit(total.causes[cause], "J")
        parts.append(f"{cause.replace('_', ' ')} {size}")
    if parts:
        yield Fact("one sigma by cause", ", ".join(parts))
    if total.lacks:
        yield Fact("not in it", "; ".join(total.lacks))


# --- windows --------------------------------------------------------------------------------------


def _windows(rounds: Sequence[Round]) -> Iterator[WindowLine]:
    if not rounds:
        return
    whole = [one_round.whole for one_round in rounds]
    yield _window_line("whole", "", whole)
    stages: dict[str, list[Window]] = {}
    for one_round in rounds:
        for stage in dict.fromkeys(window.stage for window in one_round.windows):
            windows = stages.setdefault(stage, [])
            windows += one_round.stage_windows(stage)
    for stage, windows in stages.items():
        yield _window_line(stage, _state(windows), windows)


def _state(windows: Sequence[Window]) -> str:
    states = dict.fromkeys(window.state for window in windows)
    passes = max(window.passes for window in windows)
    text = ", ".join(states)
    return f"{text}, repeated up to {passes} times" if passes > 1 else text


def _window_line(stage: str, state: str, windows: Sequence[Window]) -> WindowLine:
    seconds = fmean(window.seconds for window in windows)
    totals = []
    for window in windows:
        if window.energy.total_j is not None:
            totals.append(window.energy.total_j)
    spread = ""
    if len(totals) > 1:
        spread = f"{min(totals):.4g} to {max(totals):.4g} J"
    return WindowLine(stage, state, numbers.unit(seconds, "s"), _by_channel(windows), spread)


def _by_channel(windows: Sequence[Window]) -> str:
    parts = []
    for channel in ALL_CHANNELS:
        joules = []
        for window in windows:
            known = window.energy.joules(channel)
            if known is not None:
                joules.append(known)
        if not joules:
            continue
        text = numbers.unit(fmean(joules), "J")
        if len(joules) < len(windows):
            text = f"known in {len(joules)} of {len(windows)} windows"
        parts.append(f"{channel.upper()} {text}")
    return ", ".join(parts) or "unmeasured"


# --- scores, knobs, circumstances -----------------------------------------------------------------


def _scores(record: CellRecord) -> Iterator[Fact]:
    for name, metric in record.quality.items():
        if metric.value is None:
            yield Fact(name, f"not scored: {metric.reason or UNSAID}")
            continue
        text = f"{score_text(record, name)}, n = {metric.n}"
        if metric.constant is not None:
            text += f"; constant answer {metric.constant:.3f}"
        yield Fact(name, text)


def _read_back(record: CellRecord) -> int:
    """Return how many knobs were read back."""
    if not record.rounds:
        return 0
    return len(record.rounds[-1].applied)


def _knobs(record: CellRecord) -> Iterator[KnobLine]:
    """Return the knobs that the variant sets, and those that did not act as requested."""
    if not record.rounds:
        return
    for proof in record.rounds[-1].applied:
        name = f"{proof.stage}.{proof.knob}"
        if name in (record.changes or ()) or not proof.holds:
            yield KnobLine(name, str(proof.asked), str(proof.got), proof.how, proof.note)


def _facts(cell: Measured) -> Iterator[Fact]:
    record = cell.record
    outcome = record.outcome or "of unknown outcome"
    yield Fact("status", f"{record.status}, test {outcome}")
    seeds = ", ".join(str(one_round.seed) for one_round in record.rounds)
    yield Fact("rounds", f"{len(record.rounds)}, seeds {seeds}" if seeds else "none")
    yield Fact("data", _joined(record.data, ("source", "revision", "sha256", "split_rule")))
    sizes = record.data.get("split_sizes")
    if isinstance(sizes, Mapping):
        splits = [f"{name} {size}" for name, size in sizes.items()]
        yield Fact("split", ", ".join(splits))
    checkpoint = _joined(record.checkpoint, ("source", "revision", "sha256"))
    yield Fact("model", f"{record.model}: {checkpoint}")
    rates = [f"{rate / 1e9:.1f}" for rate in record.kernel_rates("operations_per_second")]
    if rates:
        yield Fact("reference kernel", f"{' then '.join(rates)} GFLOP/s, before and after")
    yield Fact("recorded in", cell.origin)


def _joined(facts: Facts, keys: Sequence[str]) -> str:
    """Return what is known of ``keys``, digests shortened."""
    known = []
    for key in keys:
        value = facts.get(key)
        if value is None:
            continue
        text = str(value)
        known.append(f"SHA-256 {text[:12]}" if key == "sha256" else text)
    return ", ".join(known) or "not recorded"
