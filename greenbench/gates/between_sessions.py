"""Two sessions differ though nothing changed: by how much, as far as that is known.

Where V0 ran in blocks in both, it is the control (``interleaved``), and nothing of this applies.
Otherwise the spread between sessions is estimated from earlier sessions of the same code, as the
variance component of a one-way layout with random effects (Searle, Casella, McCulloch, *Variance
Components*, 1992, ch. 3). Without enough of them only a bound is known: no machine's state has been
seen to change a cell by more than ``STATES``. A change is then compared with the threshold for the
worst case within the bound, as intervals of partially identified parameters are (Imbens and Manski,
Econometrica 72, 2004).
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates import margins
from greenbench.gates.comparability import differences
from greenbench.gates.expression import SAVED
from greenbench.gates.interleaved import STATES
from greenbench.gates.metrics import Readings, observed
from greenbench.results.reading import is_baseline
from greenbench.stats.student import deviation, effective_freedom, quantile

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.interleaved import CellPair
    from greenbench.gates.verdict import Estimate, Measured

FEWEST = 2
"""The fewest degrees of freedom of a spread: three sessions of one version of the code."""
ONE_SIDED = 0.025


class SessionSpread(NamedTuple):
    """What earlier sessions show of one cell, on the gate's scale."""

    variance: float
    """Of a session's mean."""
    within: float
    """The part of it that the spread of rounds explains."""
    freedom: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionGap:
    """What lies between two sessions without a control."""

    why: str
    """Why V0 is no control, in a few words."""
    remedy: str
    bound: float
    """The largest change by the machine's state that was seen, on the gate's scale."""
    spread: SessionSpread | None
    sessions: int
    """Comparable sessions that are known, whatever their code."""

    @property
    def reason(self) -> str:
        """Say in one sentence why a verdict is open."""
        known = f"with {self.sessions} comparable session{'s' * (self.sessions != 1)}"
        spread = f"{known} the spread between sessions is unknown"
        if self.spread is not None:
            spread = f"{self.spread.sessions} sessions of the same code differ too much or are few"
        proven = f"only changes beyond {100 * STATES:.0f} % are proven"
        return f"{self.why}, and {spread}, so that {proven}; {self.remedy}"


def gap(
    gate: Gate,
    pair: CellPair,
    why: str,
    earlier: Sequence[Measured],
    allow: Collection[str],
) -> SessionGap:
    """Return what lies between the sessions of ``pair``.

    ``why`` V0 is no control; ``earlier`` are the same cell in any sessions.
    """
    sessions = _comparable(gate, pair, earlier, allow)
    is_ratio = gate.form == "ratio"
    return SessionGap(
        why=why,
        remedy=_remedy(gate, pair),
        bound=math.log1p(STATES) if is_ratio else STATES * pair.here.readings.size,
        spread=_spread(_means(gate, sessions)),
        sessions=len(sessions),
    )


def _remedy(gate: Gate, pair: CellPair) -> str:
    """Say what would make the spread known, or of no importance."""
    variant = pair.here.cell.record.variant
    if gate.reference != SAVED or pair.here.cell.id != pair.there.cell.id:
        remedy = "measure both in one session"
    elif not variant or is_baseline(variant):
        remedy = "measure both versions by greenbench ci"
    else:
        remedy = "measure V0 beside it in both runs, from two rounds on"
    return f"{remedy}, or keep three sessions of one version"


def widened(estimate: Estimate, gap: SessionGap, cells: int) -> Estimate:
    """Return an estimate with what sessions differ by; it is about one of ``cells`` of a gate.

    Of the estimated spread and the bound, what leaves the narrower interval counts, at the level
    that Holm's method leaves to the first of the cells.
    """
    how = f"{estimate.how}, sessions may differ by {100 * STATES:.0f} %"
    bounded = replace(estimate, unknown=gap.bound, open_because=gap.reason, how=how)
    if gap.spread is None:
        return bounded
    estimated = _with_spread(estimate, gap.spread)
    level = 1 - ONE_SIDED / cells
    if _half_width(estimated, level) > _half_width(bounded, level):
        return bounded
    return estimated


def _half_width(estimate: Estimate, level: float) -> float:
    return quantile(estimate.freedom, level) * estimate.above + estimate.unknown


def _with_spread(estimate: Estimate, spread: SessionSpread) -> Estimate:
    """Return an estimate with the component of variance between sessions, once for each of two."""
    between = math.sqrt(2 * max(0.0, spread.variance - spread.within))
    whole = math.hypot(estimate.above, between)
    parts = {"rounds": estimate.above, "sessions": math.sqrt(2 * spread.variance)}
    freedoms = {"rounds": estimate.freedom, "sessions": spread.freedom}
    # The component is a difference of two variances, of which the larger one decides.
    share = (whole / math.hypot(*parts.values())) ** 4
    return replace(
        estimate,
        below=whole,
        above=whole,
        freedom=max(1.0, share * effective_freedom(parts, freedoms)),
        fixed=math.hypot(estimate.fixed, between),
        machine=f"by {spread.sessions} sessions of the same code",
        how=f"{estimate.how}, {spread.sessions} sessions",
    )


class _SessionMean(NamedTuple):
    version: str
    """The commit of its code, and whether files differed; empty if it is not known."""
    mean: float
    within: float | None
    """Variance of the mean by its rounds; None for one round."""


def _comparable(
    gate: Gate, pair: CellPair, earlier: Sequence[Measured], allow: Collection[str]
) -> list[Measured]:
    """Return the cell in each comparable session, the two of ``pair`` included."""
    here = pair.here.cell
    by_session = {}
    for other in (*earlier, pair.there.cell, here):
        if other.id == here.id and other.record.flaw is None:
            by_session[other.header.session_id or id(other.header)] = other
    comparable = []
    for other in by_session.values():
        is_of_pair = other is here or other is pair.there.cell
        if is_of_pair or not set(differences(here, other, gate)) - set(allow):
            comparable.append(other)
    return comparable


def _means(gate: Gate, sessions: Sequence[Measured]) -> list[_SessionMean]:
    """Return what sessions measured; none if they are too few to show a spread."""
    means: list[_SessionMean] = []
    if len(sessions) <= FEWEST:
        return means
    for cell in sessions:
        readings = observed(gate, cell.record)
        mean = _session_mean(gate, cell, readings) if isinstance(readings, Readings) else None
        if mean is not None:
            means.append(mean)
    return means


def _session_mean(gate: Gate, cell: Measured, readings: Readings) -> _SessionMean | None:
    try:
        values = margins.sample(gate, readings).values
    except ValueError:  # no logarithm
        return None
    within = deviation(values) ** 2 / len(values) if len(values) > 1 else None
    git = cell.header.environment.get("git") or {}
    version = f"{git['commit']} {git.get('dirty')}" if git.get("commit") else ""
    return _SessionMean(version, statistics.fmean(values), within)


def _spread(sessions: Sequence[_SessionMean]) -> SessionSpread | None:
    """Return the variance of sessions of one version, pooled over versions; None for too few."""
    versions = defaultdict(list)
    for session in sessions:
        versions[session.version].append(session)
    freedom, squares = 0, 0.0
    counted: list[_SessionMean] = []
    for version, of_version in versions.items():
        if version and len(of_version) > 1:
            freedom += len(of_version) - 1
            squares += (len(of_version) - 1) * deviation([s.mean for s in of_version]) ** 2
            counted += of_version
    if freedom < FEWEST:
        return None
    within = [session.within or 0.0 for session in counted]
    return SessionSpread(squares / freedom, statistics.fmean(within), freedom, len(counted))
