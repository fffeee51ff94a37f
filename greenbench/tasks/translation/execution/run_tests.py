"""Run translations on their tests, each isolated, and say what came of each.

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
from greenbench.tasks.translation.execution.outcome import FAILURES, Outcome, ProgramOutcome
from greenbench.tasks.translation.execution.streams import judge_streams
from greenbench.tasks.translation.execution.toolchains import PYTHON, TOOLCHAINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.data.program_tests import Tests
    from greenbench.tasks.translation.execution.building import Runner

__all__ = [
    "FAILURES",
    "MOST_AT_ONCE",
    "Outcome",
    "ProgramOutcome",
    "judge",
    "judge_one",
    "unavailable",
]

MOST_AT_ONCE = 8
"""Programs that run side by side at most.

A container may have fewer processors than it sees, and wall clocks run on.
"""
MOST_REMEMBERED = 10_000
"""Outcomes that a session remembers."""

_remembered: dict[str, ProgramOutcome] = {}
"""Outcomes of this session by checksum, oldest first: variants often write the same translation."""


def unavailable(
    language: str, kind: type[Tests] | None = None, *, unsafe: bool = False
) -> str | None:
    """Say why programs in ``language`` cannot be run here on tests of a ``kind``; None if they can.

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
    """Say why a right program does not pass here.

    Reasons are a compiler without its libraries, or limits that cannot be set.
    """
    chain = TOOLCHAINS[language]
    tests = Streams(cases=(Stream(stdin="", stdout="1\n"),))
    try:
        result = judge_one(language, chain.probe, tests, unsafe=unsafe)
    except UnavailableError as error:
        return str(error)
    if result.outcome == "passed":
        return None
    remedy = f"; {chain.install}" if chain.install else ""
    return (
        f"a right program in {language} does not pass here ({result.outcome}: {result.note})"
        f"{remedy}"
    )


def judge(
    language: str, programs: Iterable[tuple[str, Tests]], *, unsafe: bool = False
) -> list[ProgramOutcome]:
    """Run each program on its tests, as many at a time as this process has processors.

    The outcomes are in order. A program on tests that it has run on in this session keeps its
    outcome, timeouts apart: a busy machine may have been their reason. ``unsafe`` runs programs
    also if nothing isolates them.
    """
    by_key = {}
    keys = []
    for program, tests in programs:
        key = _key(language, program, tests, unsafe=unsafe)
        by_key[key] = (program, tests)
        keys.append(key)
    outcomes = {key: _remembered[key] for key in by_key if key in _remembered}
    new_keys = [key for key in by_key if key not in outcomes]
    new_outcomes = _judge_all(language, [by_key[key] for key in new_keys], unsafe=unsafe)
    for key, outcome in zip(new_keys, new_outcomes, strict=True):
        outcomes[key] = outcome
        _remember(key, outcome)
    return [outcomes[key] for key in keys]


def _key(language: str, program: str, tests: Tests, *, unsafe: bool) -> str:
    """Return a checksum of all that an outcome depends on."""
    text = repr((language, program, tests, unsafe, TOOLCHAINS.get(language), sandbox.LIMITS))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _remember(key: str, outcome: ProgramOutcome) -> None:
    if outcome.outcome == "timeout":
        return
    _remembered[key] = outcome
    if len(_remembered) > MOST_REMEMBERED:
        oldest = next(iter(_remembered))
        del _remembered[oldest]


def _judge_all(
    language: str, programs: Sequence[tuple[str, Tests]], *, unsafe: bool
) -> list[ProgramOutcome]:
    processors = len(os.sched_getaffinity(0))
    at_once = min(processors, MOST_AT_ONCE)
    texts = [program for program, _ in programs]
    tests = [tests for _, tests in programs]
    with (
        ThreadPoolExecutor(max_workers=at_once) as threads,
        sandbox.Workers(PYTHON, unsafe=unsafe) as workers,  # ended while their threads live
    ):
        judge_next = functools.partial(_judge_with, workers.run, language)
        return list(threads.map(judge_next, texts, tests))


def judge_one(language: str, program: str, tests: Tests, *, unsafe: bool = False) -> ProgramOutcome:
    """Run one program on its tests in a sandbox of its own.

    Raises UnavailableError if this version does not run such programs, or there is no compiler.
    """
    runner = functools.partial(sandbox.run, unsafe=unsafe)
    return _judge_with(runner, language, program, tests)


def _judge_with(runner: Runner, language: str, program: str, tests: Tests) -> ProgramOutcome:
    reason = _unknown(language, type(tests)) or missing(language)
    if reason is not None:
        raise UnavailableError(reason)
    if isinstance(tests, Calls):
        return judge_calls(language, program, tests, runner)
    if isinstance(tests, Streams):
        return judge_streams(language, program, tests, runner)
    return judge_checks(language, program, tests, runner)
