"""What the record of a cell says, typed and validated: the only reader of records.

One definition of each: which channels a cell's joules sum, what a round took on average, which
rounds of two cells pair up, and why a cell is no evidence. Tables, gates and forecasts read this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from greenbench.results import consistency, facts, parsing
from greenbench.results.carbon import intensity_of
from greenbench.results.fields import Fields, values_of
from greenbench.stats.over_seeds import DEGENERATE, known_in_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from greenbench.machine.allocation import Allocation
    from greenbench.results.carbon import CarbonIntensity
    from greenbench.stats.looks import Looks
    from greenbench.types import (
        Energy,
        Facts,
        Metric,
        Quantity,
        Round,
        Status,
        TaskDefinition,
    )

BASELINE = "V0"
"""The number of the variant that the others are compared with; its folder is ``V0_ANYTHING``."""
NO_JOULES = "no joules"


class Flaw(NamedTuple):
    """Why nothing can be concluded from a cell, whatever it is compared with."""

    verdict: str
    """``MISSING``, ``DEGENERATE`` or ``NO-EFFECT``."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One cell as its record has it; ``of`` makes one."""

    id: str
    task: str
    """Empty for a plain function, as ``variant`` and ``model`` are."""
    variant: str
    model: str
    status: Status
    outcome: str | None
    """Of its test, in pytest's words; None if unknown."""
    rounds: tuple[Round, ...]
    quality: Mapping[str, Metric]
    energy: Mapping[str, Quantity]
    efficiency: Mapping[str, Quantity]
    phases: Mapping[str, Mapping[str, Quantity]]
    """``prefill`` and ``decode`` of a model that writes: seconds and joules."""
    data: Facts
    checkpoint: Facts
    kernel: Mapping[str, Mapping[str, float]]
    """Rates of both reference kernels ``before`` and ``after`` the cell."""
    degenerate: tuple[str, ...]
    changes: tuple[str, ...] | None
    """The knobs that its variant sets; None in records that do not say."""
    effect: str
    without_effect: tuple[str, ...]
    doubts: tuple[str, ...]
    error: str | None
    knobs: Mapping[str, object]
    """Value of each knob, by ``training.precision``; empty for a plain function."""
    definition: TaskDefinition

    @classmethod
    def of(cls, record: object, origin: str = "this session") -> CellRecord:
        """Read and validate a record; raises UsageError, which names ``origin`` and the place."""
        return _cell(record, origin)

    # --- whether it is evidence -------------------------------------------------------------------

    @property
    def failed(self) -> bool:
        """Whether the cell failed, or its test did after it was measured."""
        return self.status == "failed" or self.outcome not in {None, "passed"}

    @property
    def void(self) -> str:
        """Why nothing follows from its savings: ``DEGENERATE``, ``NO-EFFECT``, or an empty text."""
        return DEGENERATE if self.degenerate else self.effect

    @property
    def flaw(self) -> Flaw | None:
        """Why nothing can be concluded from the cell; None if something can."""
        if self.status == "failed":
            return Flaw("MISSING", f"the cell failed: {self.error or 'it left no round'}")
        if self.failed:
            return Flaw("MISSING", f"its test {self.outcome} after it was measured")
        if self.degenerate:
            return Flaw(DEGENERATE, self.degenerate[0])
        if self.effect:
            return Flaw(self.effect, f"{', '.join(self.without_effect)} did nothing")
        return None

    # --- what it took -----------------------------------------------------------------------------

    @property
    def sources(self) -> dict[str, str]:
        """Source of each channel that the rounds' joules sum; empty where rounds sum others."""
        summed = [round_sources(one_round.whole.energy) for one_round in self.rounds]
        alike = bool(summed) and all(sources == summed[0] for sources in summed)
        return summed[0] if alike else {}

    @property
    def scope(self) -> str:
        """The channels of its joules with their sources, in words, or ``no joules``."""
        scopes = []
        for one_round in self.rounds:
            sources = round_sources(one_round.whole.energy)
            scopes.append(", ".join(f"{c} {source}" for c, source in sources.items()))
        return " or ".join(dict.fromkeys(scopes)) or NO_JOULES

    @property
    def seconds(self) -> float | None:
        """Mean wall-clock seconds of a round; None without rounds."""
        times = [one_round.whole.seconds for one_round in self.rounds]
        return sum(times) / len(times) if times else None

    @property
    def joules(self) -> float | None:
        """Mean joules of a round over the known channels; None if rounds know none, or others."""
        if not self.sources:
            return None
        return sum(r.whole.energy.total_j or 0.0 for r in self.rounds) / len(self.rounds)

    @property
    def uncertainty(self) -> float | None:
        """Half-width of the 95 % interval of ``joules``; None in files of an older greenbench."""
        total = self.energy.get("total_j")
        return total.uncertainty if total is not None else None

    def score(self, name: str) -> float | None:
        """Return the value of a score; None if it was not scored."""
        metric = self.quality.get(name)
        return metric.value if metric is not None else None

    def kernel_rates(self, name: str) -> list[float]:
        """Return a reference kernel's rates before and after the cell, as far as known."""
        rates = [self.kernel.get(when, {}).get(name) for when in ("before", "after")]
        return [rate for rate in rates if rate]

    def same_sources(self, other: CellRecord) -> bool:
        """Whether both cells' joules sum the same channels from the same sources."""
        return self.sources == other.sources

    def paired_rounds(self, other: CellRecord) -> list[tuple[Round, Round]]:
        """Return the rounds of the same seed, in this cell's order."""
        others = {one_round.seed: one_round for one_round in other.rounds}
        return [(ours, others[ours.seed]) for ours in self.rounds if ours.seed in others]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """The circumstances that a run's cells were measured in."""

    profile: str | None = None
    profile_changes: Facts = field(default_factory=dict)
    environment: Facts = field(default_factory=dict)
    session_id: str | None = None
    started: str = ""
    """When the session started, in ISO 8601."""
    command: str = ""
    """What started it, to paste into a shell; empty if it is not known."""
    looks: Looks | None = None
    """When it looked at its blocks to end with those that are settled; None if their number was
    fixed."""
    carbon: CarbonIntensity | None = None
    """Of the electricity; None if the session was not told."""
    verdicts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The outcome of each gate by cell; empty without gates."""
    allocation: Allocation | None = None
    """Which part of a run on many machines the session measured; None if it is none."""

    @classmethod
    def of(cls, fields: Fields) -> RunHeader:
        """Read it from a results file, or from what a saved run says of its session."""
        session = fields.fields("session")
        return cls(
            profile=fields.optional_text("profile"),
            profile_changes=facts.profile_changes(fields.fields("profile_changes")),
            environment=facts.environment(fields.fields("environment")),
            session_id=session.optional_text("id"),
            started=session.text("started", ""),
            command=session.text("argv", ""),
            looks=facts.looks(session) if "until_sure" in session else None,
            carbon=intensity_of(fields),
            verdicts=facts.verdicts(fields.fields("gates")),
            allocation=facts.allocation(session) if "allocation" in session else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A results file."""

    variant: str
    header: RunHeader
    cells: tuple[CellRecord, ...]
    failed_gates: bool
    """Whether its session failed a gate: it is no baseline that is chosen by itself."""


def round_sources(energy: Energy) -> dict[str, str]:
    """Return the source of each channel whose joules are known."""
    return {channel: energy.sources.get(channel, "none") for channel in energy.scope}


def source_label(cell: CellRecord) -> str:
    """Name where a cell's joules come from, by channel; an estimate's method is a warning's."""
    labels = []
    for channel, source in cell.sources.items():
        short = "estimated" if source.startswith("estimated:") else source
        labels.append(f"{channel} {short}")
    return ", ".join(labels) or "none"


def labelled_sources(label: str) -> list[str]:
    """Return the sources that ``source_label`` named in ``label``; several are joined by ``or``."""
    sources = []
    for part in label.replace(" or ", ", ").split(", "):
        _, _, source = part.partition(" ")
        if source:
            sources.append(source)
    return sources


def is_baseline(variant: str) -> bool:
    """Whether a variant's folder is V0's, as ``V0_baseline`` is."""
    return variant.partition("_")[0] == BASELINE


def is_control(cell: CellRecord) -> bool:
    """Whether a cell is V0 again, in a folder of another name: an A/A control.

    A point of a sweep that happens to be the baseline's is none.
    """
    if cell.changes != () or not cell.variant or is_baseline(cell.variant):
        return False
    return cell.id == f"{cell.task}-{cell.variant}"


def baseline_of(cell: CellRecord, cells: Iterable[CellRecord]) -> CellRecord | None:
    """Return V0's cell of the same task that did not fail; None if there is none."""
    for other in cells:
        if is_baseline(other.variant) and other.task == cell.task and not other.failed:
            return other
    return None


def primary_score(cells: Iterable[CellRecord]) -> str:
    """Return the first primary score of a task that any of its cells has; else its first one.

    It is ``score`` for a task of which no primary score is known.
    """
    records = list(cells)
    names = dict.fromkeys(name for cell in records for name in cell.definition.primary)
    for name in names:
        if any(cell.score(name) is not None for cell in records):
            return name
    return next(iter(names), "score")


def higher_is_better(score: str, cells: Iterable[CellRecord]) -> bool:
    """Whether more of a score is better, as the first of the cells that has it says."""
    for cell in cells:
        if score in cell.quality:
            return cell.quality[score].higher_is_better
    return True


def run_record(data: Fields, origin: str) -> RunRecord:
    """Read a whole results file.

    Raises UsageError where it is malformed, or holds a cell or a place in the order twice.
    """
    cells: dict[str, CellRecord] = {}
    for inner in data.each("cells", lambda fields: fields):
        inner.text("id")  # without one, its place in the list is its name
        cell = CellRecord.of(inner.whole(), origin)
        if cell.id in cells:
            data.refuse(f"{cell.id} twice", "each cell once")
        cells[cell.id] = cell
    consistency.check_positions({cell.id: cell.rounds for cell in cells.values()}, origin)
    return RunRecord(
        variant=data.text("variant"),
        header=RunHeader.of(data),
        cells=tuple(cells.values()),
        failed_gates=data.fields("gates").flag("failed", default=False),
    )


def _cell(record: object, origin: str) -> CellRecord:
    fields = Fields(record, origin)
    cell_id = fields.text("id")
    fields = Fields(record, f"{origin}: {cell_id}")
    if "rounds" not in fields:
        fields.refuse("no rounds", "a list of them")
    rounds = fields.each("rounds", parsing.one_round)
    consistency.check_rounds(rounds, f"{fields.place}.rounds")
    quality = parsing.quality(fields)
    consistency.check_mean_scores(quality, rounds, f"{fields.place}.quality")
    return CellRecord(
        id=cell_id,
        task=fields.text("task"),
        variant=fields.text("variant"),
        model=fields.text("model", ""),
        status=facts.status(fields),
        outcome=fields.optional_text("outcome"),
        rounds=rounds,
        quality=known_in_all(quality, rounds),
        energy=values_of(fields, "energy", parsing.quantity),
        efficiency=values_of(fields, "efficiency", parsing.quantity),
        phases=values_of(fields, "phases", parsing.quantities),
        data=facts.data(fields.fields("data")),
        checkpoint=fields.mapping("checkpoint"),
        kernel=facts.kernel_rates(fields.fields("yardstick")),
        degenerate=fields.texts("degenerate"),
        changes=facts.changed_knobs(fields),
        effect=fields.text("effect", ""),
        without_effect=fields.texts("without_effect"),
        doubts=fields.texts("doubts"),
        error=fields.optional_text("error"),
        knobs=facts.knobs(fields.fields("options")),
        definition=facts.definition(fields),
    )
