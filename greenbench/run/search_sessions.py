"""The sessions of pytest of a search: one for each block, and more where a setting ends one.

All sessions have the same ``--green-seed``, which splits the data; the rounds of a search and those
of its confirmation have seeds far from each other. Until it confirms, validation rows are scored.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.run.trial_sessions import STOPPED, UnfinishedSession, measure_trials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.run.session import Session
    from greenbench.search.readings import BlockPlan
    from greenbench.search.space import Point, Space

COMMAND = "greenbench search"
CONFIRMING = 500
"""Rounds of a search at most; those of the confirmation are counted from there, so that no seed is
used in both."""


class BlockSessions:
    """Measures blocks of V0 and some points."""

    def __init__(
        self, session: Session, task: str, given: Mapping[str, object], space: Space
    ) -> None:
        """Open nothing yet; ``given`` are the options of the sessions by flag."""
        self._results = session.settings.results
        self._task = task
        self._given = given
        self._space = space

    def measure(self, plan: BlockPlan) -> tuple[list[Measured], dict[Point, str]]:
        """Return the cells of a block, and why points are not among them: they ended a session.

        Points of a session that did not run to its end run one at a time, and those that end
        theirs again are left out. Raises UsageError if V0 ends its session, or if the session was
        interrupted or refuses its options.
        """
        try:
            return self._session(plan, plan.points), {}
        except UnfinishedSession as error:
            text = f"{error}; its settings run one at a time now"
            print(text, file=sys.stderr, flush=True)  # noqa: T201  among what pytest prints
        ended = self._ended(plan)
        return self._others(plan, ended), ended

    def _ended(self, plan: BlockPlan) -> dict[Point, str]:
        """Return the points whose session ends before its end when they run alone, and why."""
        ended = {}
        for point in plan.points:
            try:
                self._session(plan, [point])
            except UnfinishedSession as error:
                ended[point] = f"its session ended with {error.code}"
        return ended

    def _others(self, plan: BlockPlan, ended: dict[Point, str]) -> list[Measured]:
        """Measure V0 and the points that do not end a session, and V0 alone if together they do.

        Adds them to ``ended`` then. Raises UnfinishedSession if V0 itself ends its session.
        """
        rest = [point for point in plan.points if point not in ended]
        try:
            return self._session(plan, rest)
        except UnfinishedSession as error:
            if not rest:
                raise
            for point in rest:
                ended[point] = f"its session ended with {error.code}, beside other settings"
        return self._session(plan, [])

    def _session(self, plan: BlockPlan, points: Sequence[Point]) -> list[Measured]:
        """Measure V0 and ``points``; raises UnfinishedSession if they may have ended the session.

        If something else did, as it was interrupted or refuses its options, raises UsageError.
        """
        trials = [self._space.trial(point) for point in points]
        number = plan.number + 1
        options = dict(self._given)
        options["--green-rounds"] = 2 * CONFIRMING
        options["--green-block"] = CONFIRMING + number if plan.confirms else number
        options["--green-scored"] = "test" if plan.confirms else "valid"
        options["--green-fresh"] = plan.confirms
        try:
            (session,) = measure_trials(COMMAND, [self._task], trials, options, self._results)
        except UnfinishedSession as error:
            if error.code in STOPPED:
                raise UsageError(str(error)) from error
            raise
        return list(session.cells.values())
