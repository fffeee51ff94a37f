"""Run translations on their tests, each in a sandbox, and say of each what came of it.

Judging is no inference: it belongs outside every measured window.
"""

from __future__ import annotations

import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from greenbench import sandbox
from greenbench.data.program_tests import Calls, Stream, Streams
from greenbench.errors import UnavailableError
from greenbench.tasks.translation.execution.building import missing
from greenbench.tasks.translation.execution.calls import judge_calls
from greenbench.tasks.translation.execution.checks import judge_checks
from greenbench.tasks.translation.execution.outcome import FAILURES, Outcome, Verdict
from greenbench.tasks.translation.execution.streams import judge_streams
from greenbench.tasks.translation.execution.toolchains import PYTHON, TOOLCHAINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.data.program_tests import Tests
    from greenbench.tasks.translation.execution.building import Runner

__all__ = ["FAILURES", "MOST_AT_ONCE", "Outcome", "Verdict", "judge", "judge_one", "unavailable"]

MOST_AT_ONCE = 8
"""Programs that run side by side at most: a container may have fewer processors than it sees, and wall clocks run on."""

MOST_REMEMBERED = 10_000


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

    A program and its tests that had a verdict in this session keep it, timeouts apart. ``unsafe`` runs programs also
    where no sandbox can be had.
    """
    keyed = {}
    keys = []
    for program, tests in programs:
        key = _key(language, program, tests, unsafe=unsafe)
        keys.append(key)
        keyed[key] = (program, tests)
    verdicts = {key: _known[key] for key in keyed if key in _known}
    unknown = [key for key in keyed if key not in verdicts]
    new = _judge_all(language, [keyed[key] for key in unknown], unsafe=unsafe)
    verdicts |= zip(unknown, new, strict=True)
    for key in unknown:
        if verdicts[key].outcome != "timeout":  # a busy machine may have been the reason
            _remember(key, verdicts[key])
    return [verdicts[key] for key in keys]


def _judge_all(
    language: str, programs: Sequence[tuple[str, Tests]], *, unsafe: bool
) -> list[Verdict]:
    at_once = min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)
    with (
        ThreadPoolExecutor(max_workers=at_once) as threads,
        sandbox.Workers(PYTHON, unsafe=unsafe) as workers,  # ended while their threads live
    ):
        judge_next = functools.partial(_judge_with, workers.run, language)
        return list(threads.map(lambda case: judge_next(*case), programs))


def judge_one(language: str, program: str, tests: Tests, *, unsafe: bool = False) -> Verdict:
    """Run one program on its tests in a sandbox of its own.

    Raises UnavailableError if this version does not run such programs, or there is no compiler.
    """
    runner = functools.partial(sandbox.run, unsafe=unsafe)
    return _judge_with(runner, language, program, tests)


def _judge_with(runner: Runner, language: str, program: str, tests: Tests) -> Verdict:
    if reason := _unknown(language, type(tests)) or missing(language):
        raise UnavailableError(reason)
    if isinstance(tests, Calls):
        return judge_calls(language, program, tests, runner)
    if isinstance(tests, Streams):
        return judge_streams(language, program, tests, runner)
    return judge_checks(language, program, tests, runner)


_known: dict[str, Verdict] = {}
"""Verdicts of this session, oldest first: variants often write the same translation."""


def _key(language: str, program: str, tests: Tests, *, unsafe: bool) -> str:
    """Return a checksum of all that a verdict depends on."""
    text = repr((language, program, tests, unsafe, TOOLCHAINS.get(language), sandbox.LIMITS))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _remember(key: str, verdict: Verdict) -> None:
    _known[key] = verdict
    if len(_known) > MOST_REMEMBERED:
        del _known[next(iter(_known))]
