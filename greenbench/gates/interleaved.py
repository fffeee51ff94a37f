"""Cells whose rounds ran in blocks: compared within the blocks of a session, all cells together.

With another variant of the session a cell is compared directly. With an earlier run it is compared
by way of V0, which is the control of both: the change is (cell / V0) here over (cell / V0) there,
in which states and drift of either session cancel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates import margins
from greenbench.gates.fleets import hosts_of
from greenbench.gates.hosts import FleetPair, host_estimates
from greenbench.gates.metrics import Readings, observed, scope
from greenbench.results.reading import is_baseline
from greenbench.stats.student import effective_freedom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Estimate, Measured
    from greenbench.stats.blocks import BlockComparison, CellDifference

FEWEST = 2
"""The fewest blocks that show by how much cells vary."""
MANY = 8
"""Blocks from which on cells are corrected for by what they share: means of as many are normal."""
STATES = 0.25
"""The largest change of V0 between two runs that a machine's states are held responsible for.

17 % were observed. Beyond it V0 itself has changed, and is no control."""
WITHOUT_FIRST = "the first left out as warm-up"
"""What a method says of blocks whose first one does not fit the others."""


class Side(NamedTuple):
    """A cell with what was read of it."""

    cell: Measured
    readings: Readings

    @property
    def in_blocks(self) -> bool:
        """Whether all of its rounds ran in blocks."""
        return all(one_round.block is not None for one_round in self.cell.record.rounds)

    @property
    def reuses(self) -> bool:
        """Whether a stage of it was not repeated, but taken over from another cell."""
        return any(one_round.reused for one_round in self.cell.record.rounds)


class Place(NamedTuple):
    """A round's value on the gate's scale, and its place in the order of the session."""

    value: float
    position: int


@dataclass(frozen=True, slots=True)
class CellPair:
    """A cell beside what it is compared with, both measured round by round."""

    here: Side
    there: Side
    same_session: bool

    @property
    def of_a_fleet(self) -> bool:
        """Whether both are of one run on many machines."""
        return self.same_session and bool(self.here.cell.apart and self.there.cell.apart)

    @property
    def as_fleet(self) -> FleetPair:
        """Both as what combines hosts takes them."""
        here, there = self.here, self.there
        return FleetPair(here.cell, here.readings, there.cell, there.readings)

    @property
    def spans_hosts(self) -> bool:
        """Whether they are of two runs, of which one measured its side on several hosts."""
        hosts = max(len(hosts_of(side.cell)) for side in (self.here, self.there))
        return not self.same_session and hosts > 1


@dataclass(frozen=True, slots=True)
class Design:
    """The cells of one session that are compared with one of them."""

    compared: BlockComparison
    differences: Mapping[str, CellDifference]
    """By the cell's id; cells that lack a block of the reference are left out."""

    def method(self, difference: CellDifference) -> str:
        """Return in a few words how ``difference`` was found."""
        method = f"{self.compared.blocks} blocks of {len(self.compared.differences)} cells"
        if difference.off:
            method += f", robust: {difference.off} rounds off"
        if self.compared.without_first:
            method += f", {WITHOUT_FIRST}"
        if self.compared.correlation:
            method += f", rounds correlated by {self.compared.correlation:.2f}"
        return method


def block_estimates(
    gate: Gate,
    pairs: Sequence[CellPair],
    cells: Mapping[str, Measured],
    saved: Mapping[str, Measured] | None,
) -> dict[str, Estimate]:
    """Return the estimates of cells that ran in blocks, by id; none for those that did not.

    ``cells`` and ``saved`` are all cells of this run and of the compared one.
    """
    if gate.about.kind not in {"energy", "time"}:
        return {}
    estimates = host_estimates(gate, [pair.as_fleet for pair in pairs if pair.of_a_fleet])
    pairs = [pair for pair in pairs if not pair.of_a_fleet]
    within: dict[str, list[CellPair]] = {}
    between: dict[str, list[CellPair]] = {}
    for pair in pairs:
        if pair.same_session:
            within.setdefault(pair.there.cell.id, []).append(pair)
        elif gate.form == "ratio" and not pair.spans_hosts:
            between.setdefault(pair.here.cell.record.task, []).append(pair)
    for of_reference in within.values():
        for together in _pooled(of_reference):
            estimates |= _within(gate, together)
    for task, of_task in between.items():
        ours, theirs = _control(gate, task, cells), _control(gate, task, saved or {})
        if ours and theirs and not _fault(gate, ours, theirs):
            for together in _pooled(of_task):
                estimates |= _between(gate, together, ours, theirs)
    return estimates


def _pooled(pairs: Sequence[CellPair]) -> list[Sequence[CellPair]]:
    """Return the pairs whose noise is estimated together: all, or each alone.

    A cell that shares the stages of its reference varies less beside it than one that ran them
    itself: the spread of both together would be too small for the second.
    """
    for pair in pairs:
        for side in (pair.here, pair.there):
            if side.reuses:
                return [[one] for one in pairs]
    return [pairs]


def _control(gate: Gate, task: str, cells: Mapping[str, Measured]) -> Side | None:
    """Return V0 of a run; None if it has none that could be read."""
    for cell in cells.values():
        if cell.record.task == task and is_baseline(cell.record.variant) and not cell.record.failed:
            readings = observed(gate, cell.record)
            return Side(cell, readings) if isinstance(readings, Readings) else None
    return None


def why_without_control(gate: Gate, pair: CellPair) -> str:
    """Say why a cell and its reference of another session have no control; empty if V0 may be."""
    record = pair.here.cell.record
    if pair.there.cell.id != pair.here.cell.id:
        return "the two were measured in different sessions"
    if not record.variant:
        return "a plain function has no V0 beside it"
    if is_baseline(record.variant):
        return "V0 has no control but itself"
    if gate.form != "ratio":
        return "V0 is a control of ratios alone"
    return ""


def why_no_control(
    gate: Gate, task: str, cells: Mapping[str, Measured], saved: Mapping[str, Measured]
) -> str:
    """Say why V0 of two runs is no control of a task's cells that are not compared by way of it."""
    ours, theirs = _control(gate, task, cells), _control(gate, task, saved)
    if ours is None or theirs is None:
        where = "the compared run" if ours else "this run"
        return f"without V0 in {where if ours or theirs else 'either run'}"
    return _fault(gate, ours, theirs) or "without two blocks that V0 and it share in each run"


def _fault(gate: Gate, ours: Side, theirs: Side) -> str:
    """Say why V0 is no control of two runs; empty if it is.

    It is if it took about the same in both, as the same code does on the same machine. Joules of
    other channels, and rounds without a logarithm, are not comparable.
    """
    energy = gate.about.kind == "energy"
    if energy and scope(gate, ours.cell.record) != scope(gate, theirs.cell.record):
        return "V0's joules are of other channels or sources in the compared run"
    if min(*ours.readings.values.values(), *theirs.readings.values.values()) <= 0:
        return "V0 has rounds that are not above zero"
    ratio = ours.readings.mean / theirs.readings.mean
    if abs(math.log(ratio)) > math.log1p(STATES):
        return f"V0 itself is {ratio:.2f} times what it was, and so no control"
    return ""


def _within(gate: Gate, pairs: Sequence[CellPair]) -> dict[str, Estimate]:
    design = _design(gate, pairs[0].there, [pair.here for pair in pairs])
    estimates = {}
    for pair in pairs:
        name = pair.here.cell.id
        if design is not None and name in design.differences:
            one = design.differences[name]
            estimates[name] = _estimate(gate, pair, [one], [design], value=one.value)
    return estimates


def _between(
    gate: Gate, pairs: Sequence[CellPair], ours: Side, theirs: Side
) -> dict[str, Estimate]:
    """Compare cells with their earlier selves by way of the two runs' V0; V0 itself has none."""
    variants = [pair for pair in pairs if pair.here.cell.id != ours.cell.id]
    here = _design(gate, ours, [pair.here for pair in variants])
    there = _design(gate, theirs, [pair.there for pair in variants])
    estimates: dict[str, Estimate] = {}
    if here is None or there is None:
        return estimates
    for pair in variants:
        now = here.differences.get(pair.here.cell.id)
        then = there.differences.get(pair.there.cell.id)
        if now is not None and then is not None:
            change = now.value - then.value
            estimates[pair.here.cell.id] = _estimate(
                gate, pair, [now, then], [here, there], value=change
            )
    return estimates


def _design(gate: Gate, reference: Side, sides: Sequence[Side]) -> Design | None:
    """Compare ``sides`` with the reference in one session; None if they share no two blocks."""
    from greenbench.stats.blocks import compare_in_blocks

    sides = [side for side in sides if side.in_blocks]
    if not sides or not reference.in_blocks:
        return None
    base = _places(gate, reference)
    columns = {side.cell.id: _places(gate, side) for side in sides}
    blocks = _common_blocks(base, columns)
    columns = {name: places for name, places in columns.items() if set(blocks) <= set(places)}
    if len(blocks) < FEWEST:
        return None
    values, positions = [], []
    for block in blocks:
        row = [base[block], *(places[block] for places in columns.values())]
        values.append([place.value for place in row])
        positions.append([place.position for place in row])
    # Which rounds were off is decided anew at each look, and that is not paid for.
    once = all(side.cell.look is None for side in sides)
    compared = compare_in_blocks(values, positions, reference=0, robust=once)
    return Design(compared, dict(zip(columns, compared.differences[1:], strict=True)))


def _places(gate: Gate, side: Side) -> dict[int, Place]:
    """Return a cell's rounds by block."""
    sample = margins.sample(gate, side.readings)
    by_seed = dict(zip(sorted(side.readings.values), sample.values, strict=True))
    places = {}
    for one_round in side.cell.record.rounds:
        if one_round.block is not None:
            places[one_round.block] = Place(by_seed[one_round.seed], one_round.position or 0)
    return places


def _common_blocks(
    base: Mapping[int, Place], columns: Mapping[str, Mapping[int, Place]]
) -> list[int]:
    """Return the reference's blocks that most cells have too: a session may end within one."""
    common = []
    for block in sorted(base):
        having = sum(block in places for places in columns.values())
        if 2 * having > len(columns):
            common.append(block)
    return common


def _estimate(
    gate: Gate,
    pair: CellPair,
    differences: Sequence[CellDifference],
    designs: Sequence[Design],
    *,
    value: float,
) -> Estimate:
    """Return the margin of a change ``value``, the difference of one design or between two."""
    plain = margins.estimate(gate, pair.here.readings, pair.there.readings)
    blocks = min(design.compared.blocks for design in designs)
    parts = {str(number): one.standard for number, one in enumerate(differences)}
    freedoms = {str(number): one.freedom for number, one in enumerate(differences)}
    shares = pair.here.reuses or pair.there.reuses
    enough = len(designs) == 1 and blocks >= MANY and not shares
    stated = []
    for side in (pair.here, pair.there):
        stated.append(margins.sample(gate, side.readings).stated)
    how = " and ".join(d.method(one) for d, one in zip(designs, differences, strict=True))
    how += ", stages reused" if shares else ""
    return margins.combined(
        replace(
            plain,
            margin=margins.Scale.of(gate).margin(value, 0.0),
            spread=math.hypot(*(one.spread for one in differences)),
            rounds=blocks,
            series=(),  # what neighbouring rounds share is in the spread already
            freedom=effective_freedom(parts, freedoms),
            pooled=min(freedoms.values()) / (blocks - 1),
            how=how if len(designs) == 1 else f"{how}, by way of V0",
            control=pair.there.cell.id if enough else "",
            part=differences[0].shared,
        ),
        random=math.hypot(*parts.values()),
        stated=math.hypot(*stated) / math.sqrt(blocks),
    )
