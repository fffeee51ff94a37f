"""How far a run is, job by job, by its folder and by what its engine says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from greenbench.cluster.run_folder import runs_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.cluster.run_folder import Event, RunFolder

State = Literal["delivered", "running", "waiting", "failed", "lost", "cancelled"]
SHOWN = 10
"""Jobs that are named; others are counted."""


class EngineQueue(NamedTuple):
    """What an engine says of the jobs that it was given, by its own ids."""

    states: Mapping[str, str]
    """Of those that it still has."""
    silent: Mapping[str, str] = {}
    """Why it says nothing of others: their host does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How far a job is."""

    name: str
    state: State
    note: str = ""
    """Why it has no block, or where it runs."""

    @property
    def needs_resubmission(self) -> bool:
        """Whether it has no block, and is not on its way to one."""
        return self.state in {"failed", "lost", "cancelled"}


def states(run: RunFolder, queue: EngineQueue | None = None) -> list[JobState]:
    """Return the state of each job, in the order of the plan.

    ``queue`` is None if the engine has none. A job that its engine no longer has, and whose process
    is gone, is lost, as is one whose host does not answer.
    """
    delivered = run.deliveries()
    started, failed = run.events("started"), run.events("failed")
    submitted = run.events("submitted")
    found = []
    for job in run.plan.jobs:
        name = job.name
        if name in delivered:
            more = len(delivered[name]) - 1
            note = f"delivered {more + 1} times, counted once" if more else ""
            found.append(JobState(name=name, state="delivered", note=note))
            continue
        submissions = submitted.get(name, [])
        starts = started.get(name, [])
        failures = failed.get(name, [])
        history = _History(submitted=submissions, started=starts, failed=failures)
        state = _open(name, history, queue, cancelled=run.cancelled)
        found.append(state)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What happened to a job that delivered nothing."""

    submitted: Sequence[Event]
    started: Sequence[Event]
    failed: Sequence[Event]


def _open(name: str, history: _History, queue: EngineQueue | None, *, cancelled: bool) -> JobState:
    """Return the state of a job without a block, by what happened since it was submitted last."""
    submission = _last(history.submitted, "")
    since = ""
    engine_id = ""
    if submission is not None:
        since = submission.attempt
        engine_id = str(submission.facts["id"])
    begun = _last(history.started, since)
    failed = _last(history.failed, since)
    if failed is not None and (begun is None or begun.attempt < failed.attempt):
        facts = failed.facts
        return JobState(name=name, state="failed", note=f"{facts['reason']} ({facts['place']})")
    place = ""
    if begun is not None:
        place = str(begun.facts["place"])
        if runs_here(begun.facts):
            return JobState(name=name, state="running", note=place)
    if queue is None or engine_id in queue.states:
        note = queue.states[engine_id] if queue else ""
        return JobState(name=name, state="running" if begun else "waiting", note=note)
    if cancelled:
        return JobState(name=name, state="cancelled")
    if engine_id in queue.silent:
        return JobState(name=name, state="lost", note=queue.silent[engine_id])
    note = f"it was never begun, and the engine has no {engine_id} any more"
    if begun is not None:
        note = f"{place} ended in the middle of the block"
    return JobState(name=name, state="lost", note=note)


def _last(events: Sequence[Event], since: str) -> Event | None:
    """Return the last of a job's events, if it came after an attempt."""
    if not events:
        return None
    last = events[-1]
    if last.attempt <= since:
        return None
    return last


def lines(run: RunFolder, found: Sequence[JobState]) -> list[str]:
    """Return how far a run is, for people."""
    counts = Counter(one.state for one in found)
    words = []
    for state, count in counts.items():
        words.append(f"{count} {state}")
    text = ", ".join(words)
    plan = run.plan
    named = []
    again = False
    for one in found:
        again = again or one.needs_resubmission
        if one.note and one.state != "waiting":
            named.append(f"  {one.name}: {one.state}, {one.note}")
    shown = [f"run {plan.run} ({plan.engine}): {text} of {len(found)} jobs"]
    shown += named[:SHOWN]
    rest = len(named) - SHOWN
    if rest > 0:
        shown.append(f"  and {rest} more")
    if again:
        shown.append(f"greenbench resubmit {run.path} measures what lacks")
    return shown
