"""Run translations on their tests, each in a sandbox, and say of each what came of it.

Judging is no inference: it belongs outside every measured window.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from greenbench.data.program_tests import Calls, Stream, Streams
from greenbench.errors import UnavailableError
from greenbench.tasks.translation.execution.building import missing
from greenbench.tasks.translation.execution.calls import judge_calls
from greenbench.tasks.translation.execution.checks import judge_checks
from greenbench.tasks.translation.execution.outcome import FAILURES, Outcome, Verdict
from greenbench.tasks.translation.execution.streams import judge_streams
from greenbench.tasks.translation.execution.toolchains import TOOLCHAINS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.data.program_tests import Tests

__all__ = ["FAILURES", "MOST_AT_ONCE", "Outcome", "Verdict", "judge", "judge_one", "unavailable"]

MOST_AT_ONCE = 8
"""Programs that run side by side at most: a container may have fewer processors than it sees, and wall clocks run on."""


def unavailable(
    language: str, kind: type[Tests] | None = None, *, unsafe: bool = False
) -> str | None:
    """Say why programs in ``language`` cannot be run here (on tests of a ``kind``), or None where they can.

    A right program is tried first.
    """
    return _unknown(language, kind) or missing(language) or _refused(language, unsafe=unsafe)


def _unknown(language: str, kind: type[Tests] | None) -> str | None:
    if language not in TOOLCHAINS:
        return f"programs in {language} are not run by this version"
    if kind is not None and kind not in TOOLCHAINS[language].kinds:
        return f"tests of the kind {kind.__name__} are not run in {language} by this version"
    return None


@functools.cache
def _refused(language: str, *, unsafe: bool) -> str | None:
    """Say why a program that is right does not pass here: a compiler without its libraries, or limits that cannot be set."""
    chain = TOOLCHAINS[language]
    tests = Streams(cases=(Stream(stdin="", stdout="1\n"),))
    try:
        verdict = judge_one(language, chain.probe, tests, unsafe=unsafe)
    except UnavailableError as error:
        return str(error)
    if verdict.outcome == "passed":
        return None
    remedy = f"; {chain.install}" if chain.install else ""
    return f"a right program in {language} does not pass here ({verdict.outcome}: {verdict.note}){remedy}"


def judge(
    language: str, programs: Iterable[tuple[str, Tests]], *, unsafe: bool = False
) -> list[Verdict]:
    """Run each program on its tests, as many at a time as this process has processors; the verdicts are in order.

    ``unsafe`` runs them also where no sandbox can be had.
    """
    with ThreadPoolExecutor(max_workers=min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)) as workers:
        return list(workers.map(lambda one: judge_one(language, *one, unsafe=unsafe), programs))


def judge_one(language: str, program: str, tests: Tests, *, unsafe: bool = False) -> Verdict:
    """Run one program on its tests; raises UnavailableError where this version does not, or there is no compiler."""
    if reason := _unknown(language, type(tests)) or missing(language):
        raise UnavailableError(reason)
    if isinstance(tests, Calls):
        return judge_calls(language, program, tests, unsafe=unsafe)
    if isinstance(tests, Streams):
        return judge_streams(language, program, tests, unsafe=unsafe)
    return judge_checks(language, program, tests, unsafe=unsafe)
