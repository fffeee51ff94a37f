"""Budgets of joules and seconds on tests of a repository that has no matrix."""

from __future__ import annotations

import re

import pytest
import stub_suite

from greenbench.errors import UsageError
from greenbench.plugin.budgets import _budget

TESTS = """
import time
import pytest

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture
def slow_fixture():
    work(0.3)

@pytest.mark.energy_budget("1 kJ")
@pytest.mark.time_budget("1 min")
def test_within(slow_fixture):
    work(0.01)

@pytest.mark.energy_budget("1 mJ")
def test_dear():
    work(0.1)

@pytest.mark.time_budget("50 ms")
def test_slow():
    time.sleep(0.1)

@pytest.mark.time_budget("0.2 s")
def test_fixtures_do_not_count(slow_fixture):
    pass

@pytest.mark.energy_budget("1 mJ")
def test_broken():
    assert 1 == 2
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> pytest.RunResult:
    """Run all tests of a small repository once."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "test_budgets.py").write_text(TESTS)
    return stub_suite.run_pytest(folder, "-q", "-rA")


def test_what_stays_within_its_budget_passes(output: pytest.RunResult) -> None:
    """Fixtures are set up outside of the budget."""
    output.assert_outcomes(passed=2, failed=3)
    output.stdout.fnmatch_lines_random(
        ["PASSED*::test_within", "PASSED*::test_fixtures_do_not_count"]
    )


def test_too_many_joules_fail_with_value_interval_and_source(output: pytest.RunResult) -> None:
    """An estimate is called one."""
    output.stdout.re_match_lines_random(
        [r"took (an estimated )?[\d.]+ \+- [\d.]+ J \(95 % interval, one run; .*cpu "]
    )
    text = "\n".join(output.outlines)
    assert "more than its energy budget of 1 mJ" in text
    assert ("an estimated" in text) == ("estimated:cpu-seconds" in text)


def test_too_many_seconds_fail(output: pytest.RunResult) -> None:
    """The sentence names what it took and what it may take."""
    sentence = r"took ([\d.]+) s, more than its time budget of 50 ms"
    found = re.search(sentence, output.stdout.str())
    assert found is not None
    assert float(found[1]) >= 0.1


def test_a_test_that_fails_by_itself_says_why(output: pytest.RunResult) -> None:
    """Its own assertion is reported, not its budget."""
    output.stdout.fnmatch_lines(["FAILED*test_broken - assert 1 == 2"])


@pytest.mark.parametrize(
    "budget",
    [
        pytest.mark.energy_budget("5 bananas"),
        pytest.mark.energy_budget("5 s"),
        pytest.mark.energy_budget(5),
        pytest.mark.energy_budget("0 J"),
        pytest.mark.energy_budget("-1 J"),
        pytest.mark.energy_budget(),
        pytest.mark.energy_budget("5 J", optionl=True),
        pytest.mark.time_budget("2 J"),
        pytest.mark.time_budget("2 s", optional=True),
        pytest.mark.time_budget("nan s"),
    ],
)
def test_a_budget_that_cannot_be_read_is_refused(budget: pytest.MarkDecorator) -> None:
    """The sentence names the test, what was found and what to write."""
    name = budget.name
    sentence = rf"^a.py::test_it: found {name}\(.*write {name}\(.*, above 0, in one of "
    with pytest.raises(UsageError, match=sentence):
        _budget(budget.mark, "a.py::test_it")


def test_a_wrong_budget_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """Nothing runs."""
    pytester.makepyfile(
        "import pytest\n@pytest.mark.energy_budget('5 s')\ndef test_it(): raise SystemExit(3)\n"
    )
    output = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines(["*::test_it: found energy_budget('5 s'); write energy_budget(*"])


@pytest.mark.parametrize(("optional", "outcome"), [(False, "failed"), (True, "passed")])
def test_unknown_joules_fail_unless_optional(
    pytester: pytest.Pytester, *, optional: bool, outcome: str
) -> None:
    """A budget that cannot be checked does not hold silently."""
    pytester.makepyfile(f"""
        import pytest
        from greenbench.machine.energy.estimate import CpuEstimate
        from greenbench.machine.energy.readings import Reading

        @pytest.fixture(autouse=True)
        def unknown(monkeypatch):
            monkeypatch.setattr(CpuEstimate, "end", lambda *_: Reading(reason="nobody counted"))

        @pytest.mark.energy_budget("5 J", optional={optional})
        def test_it():
            pass
    """)
    output = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    if "rapl" in output.stdout.str():
        pytest.skip("this machine counts joules")
    output.assert_outcomes(**{outcome: 1})
    if not optional:
        output.stdout.fnmatch_lines(
            ["UNMEASURED: its joules are unknown (*cpu: nobody counted*)*5 J*"]
        )


def test_without_budgets_no_meter_is_opened(pytester: pytest.Pytester) -> None:
    """A repository that uses none of greenbench pays nothing for it."""
    pytester.makepyfile("""
        import sys
        def test_it():
            assert "zeus" not in sys.modules and "greenbench.machine.energy" not in sys.modules
    """)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
