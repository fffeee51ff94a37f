"""Judging a whole program by what it prints for what it reads; expected outputs never enter the sandbox.

Not as by Pan et al. (ICSE 2024): there a program that prints what it should passes however it ends, and one that prints
anything else counts as a runtime error where its stderr is not empty. Here a runtime error is an exit code other than 0, a
signal, or a limit that was passed, and it fails: warnings on stderr are no errors, and programs that crash at their end are
not right. (C programs of old whose ``void main`` returns by chance are runtime errors for that.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.tasks.translation.execution.building import NotBuilt, Sources, build
from greenbench.tasks.translation.execution.java_names import names
from greenbench.tasks.translation.execution.outcome import Verdict, failed, refused, verdict
from greenbench.tasks.translation.execution.outputs_equal import same_text
from greenbench.tasks.translation.execution.toolchains import TOOLCHAINS

if TYPE_CHECKING:
    from greenbench.data.program_tests import Stream, Streams
    from greenbench.sandbox import Ran
    from greenbench.tasks.translation.execution.building import Runner

_SHOWN = 60
"""Characters of an output that a note tells."""


def judge_streams(language: str, program: str, tests: Streams, runner: Runner) -> Verdict:
    """Compile a program and run it on one case after another, up to the first that fails."""
    if not tests.cases:
        raise ValueError("a program without a case to run has no verdict")
    built = build(language, _sources(language, program), runner)
    if isinstance(built, NotBuilt):
        return refused(built)
    for number, case in enumerate(tests.cases, 1):
        last = _judge_case(built.run(case.stdin), case, f"test {number} of {len(tests.cases)}")
        if last.outcome != "passed":
            break
    return last


def _sources(language: str, program: str) -> Sources:
    if language == "java":
        found = names(program)
        return Sources(files={found.file: program}, compiled=(found.file,), entry=found.entry)
    name = TOOLCHAINS[language].file
    return Sources(files={name: program}, compiled=(name,))


def _judge_case(ran: Ran, case: Stream, which: str) -> Verdict:
    if wrong := failed(ran):
        return Verdict(
            outcome=wrong.outcome, note=f"{which}: {wrong.note}", isolation=wrong.isolation
        )
    if same_text(ran.stdout, case.stdout):
        return verdict("passed", "", ran)
    return verdict(
        "wrong_output",
        f"{which}: printed {_start(ran.stdout)}, expected {_start(case.stdout)}",
        ran,
    )


def _start(text: str) -> str:
    text = text.strip()
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
