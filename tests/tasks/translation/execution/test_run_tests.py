"""What can be run here, in which language, and what is said where it cannot."""

from __future__ import annotations

import os
import sys

import pytest

from greenbench import sandbox
from greenbench.data.languages import LANGUAGES
from greenbench.data.program_tests import Calls, Checks
from greenbench.errors import UnavailableError
from greenbench.tasks.translation.execution import run_tests
from greenbench.tasks.translation.execution.run_tests import judge, unavailable
from greenbench.tasks.translation.execution.toolchains import TOOLCHAINS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of util-linux")


@pytest.fixture
def nothing_known():
    """Forget which languages run here, before and afterwards."""
    run_tests._refused.cache_clear()
    yield
    run_tests._refused.cache_clear()


def test_every_language_has_its_tools() -> None:
    """What a direction may name can be compiled and run."""
    assert set(TOOLCHAINS) == set(LANGUAGES)


def test_languages_that_are_not_run_are_named() -> None:
    """The sentence is the reason of a missing metric; Python always runs."""
    assert unavailable("python") is None
    assert unavailable("cobol") == "programs in cobol are not run by this version"
    assert unavailable("cs", Calls) == "tests of the kind Calls are not run in cs by this version"
    assert unavailable("cs", Checks) == "tests of the kind Checks are not run in cs by this version"


@pytest.mark.parametrize("language", [name for name, chain in TOOLCHAINS.items() if chain.tools])
def test_without_its_tools_a_language_says_what_to_install(
    language: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """An empty PATH has no compiler."""
    monkeypatch.setenv("PATH", str(tmp_path))
    chain = TOOLCHAINS[language]
    assert unavailable(language) == f"there is no {chain.tools[0]} on PATH; {chain.install}"


@pytest.mark.usefixtures("nothing_known")
def test_a_compiler_that_does_not_work_judges_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """A right program is tried first.

    Where it does not pass, that is the reason, and no translation is called wrong.
    """
    for name in ("java", "javac"):
        fake = tmp_path / name
        fake.write_text(
            "#!/bin/sh\necho 'FindException: Module jdk.compiler not found' >&2\nexit 1\n"
        )
        fake.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    reason = str(unavailable("java"))
    assert "a right program in java does not pass here (does_not_compile" in reason
    assert "a JDK of at least version 11" in reason


@pytest.mark.usefixtures("nothing_known")
def test_a_sandbox_that_cannot_be_had_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then scores are None with its sentence, and the cell keeps its joules."""

    def refused(*_: object, **__: object) -> None:
        raise UnavailableError("no prlimit here")

    monkeypatch.setattr(sandbox, "run", refused)
    assert unavailable("python") == "no prlimit here"


def test_an_empty_batch_has_no_verdicts() -> None:
    """Nothing to judge is no error."""
    assert judge("python", []) == []
