"""How the workers of a session ended, in the process that started them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.plugin.distribution import INPUT
from greenbench.plugin.judgement import end_written
from greenbench.plugin.suite import CUT_SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.workermanage import WorkerController

    from greenbench.plugin.suite import Suite
    from greenbench.results.record import Json
    from greenbench.run.meeting import MeetingFolder


class WorkerEnds:
    """The hooks that gather what workers found at their ends, and make one end of them."""

    def __init__(self, suite: Suite, folder: MeetingFolder) -> None:
        """End those that still run with the session by way of their ``folder``."""
        self._suite = suite
        self._folder = folder
        self._ends: dict[str, Json] = {}
        """What workers found, by their ids."""

    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Take what a worker found at its end, if it came to that."""
        output = getattr(node, "workeroutput", {}).get(INPUT)
        if output is not None:
            self._ends[node.gateway.id] = output

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """End workers that still run, and report and write how they ended."""
        self._folder.end()
        summary, results = self._suite.summary, self._suite.session.results
        for end in self._ends.values():
            summary.notes = tuple(dict.fromkeys([*summary.notes, *end["notes"]]))
            summary.problems += end["problems"]
        hurry = exitstatus in CUT_SHORT
        conclusions = [end["conclusion"] for end in self._ends.values() if end["conclusion"]]
        if conclusions or hurry:
            with end_written(summary):
                results.conclude(conclusion=merged(conclusions, hurry=hurry))


def merged(conclusions: Sequence[Json], *, hurry: bool) -> Json:
    """Return one conclusion of several workers: all warnings, and the CPU seconds in sum.

    ``hurry`` is whether the session was interrupted; a worker may have been instead.
    """
    doubts: dict[str, None] = {}
    for conclusion in conclusions:
        doubts |= dict.fromkeys(conclusion["doubts"])
    seconds = [
        c["sampler_cpu_seconds"] for c in conclusions if c["sampler_cpu_seconds"] is not None
    ]
    return {
        "doubts": list(doubts),
        "in_a_hurry": hurry or any(conclusion["in_a_hurry"] for conclusion in conclusions),
        "sampler_cpu_seconds": sum(seconds) if seconds else None,
    }
