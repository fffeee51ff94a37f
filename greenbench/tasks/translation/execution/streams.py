"""Judging a whole program by what it prints for what it reads.

Expected outputs never enter the sandbox. Not as by Pan et al. (ICSE 2024): there a program that
prints what it should passes however it ends, and one that prints anything else counts as a runtime
error if its stderr is not empty. Here a runtime error is an exit code other than 0, a signal, or a
limit that was exceeded, and it fails: warnings on stderr are no errors, and programs that crash at
their end are not right. (C programs of old whose ``void main`` returns by chance are runtime errors
for that.)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.tasks.translation.execution.building import NotBuilt, Sources, build
from greenbench.tasks.translation.execution.java_names import java_names
from greenbench.tasks.translation.execution.outcome import concluded, failure, refused
from greenbench.tasks.translation.execution.outputs_equal import same_text
from greenbench.tasks.translation.execution.toolchains import TOOLCHAINS

if TYPE_CHECKING:
    from greenbench.data.program_tests import Stream, Streams
    from greenbench.sandbox import Ran
    from greenbench.tasks.translation.execution.building import Runner
    from greenbench.tasks.translation.execution.outcome import ProgramOutcome

_LONGEST_OUTPUT = 60
"""Characters of an output that a note quotes."""


def judge_streams(language: str, program: str, tests: Streams, runner: Runner) -> ProgramOutcome:
    """Compile a program and run it on one case after another, up to the first that fails."""
    if not tests.cases:
        raise ValueError("a program without a case to run has no verdict")
    built = build(language, _sources(language, program), runner)
    if isinstance(built, NotBuilt):
        return refused(built)
    for number, case in enumerate(tests.cases, 1):
        ran = built.run(case.stdin)
        last = _judge_case(ran, case, f"test {number} of {len(tests.cases)}")
        if last.outcome != "passed":
            break
    return last


def _sources(language: str, program: str) -> Sources:
    if language == "java":
        names = java_names(program)
        return Sources(files={names.file: program}, compiled=(names.file,), entry=names.entry)
    name = TOOLCHAINS[language].file
    return Sources(files={name: program}, compiled=(name,))


def _judge_case(ran: Ran, case: Stream, which: str) -> ProgramOutcome:
    failed = failure(ran)
    if failed is not None:
        return replace(failed, note=f"{which}: {failed.note}")
    if same_text(ran.stdout, case.stdout):
        return concluded("passed", "", ran)
    note = f"{which}: printed {_start(ran.stdout)}, expected {_start(case.stdout)}"
    return concluded("wrong_output", note, ran)


def _start(text: str) -> str:
    text = text.strip()
    if len(text) <= _LONGEST_OUTPUT:
        return repr(text)
    return f"{text[:_LONGEST_OUTPUT]!r}..."
