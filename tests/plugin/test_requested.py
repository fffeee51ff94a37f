"""A suite in a folder of a repository that has tests and a pytest configuration of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import stub_suite

from greenbench.experiment.starter.files import configuration

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = stub_suite.CONFTEST.replace(
    'use_matrix(config, HERE / "experiment.md", HERE / "variants")',
    "use_suite(config, HERE.parent)",
).replace("import use_matrix", "import use_suite")
HOSTILE = f"""
[tool.pytest.ini_options]
addopts = "-p no:benchmark --import-mode=importlib --strict-markers -m fast {stub_suite.LEAN}"
python_files = "check_*.py"
markers = ["fast"]
"""
"""Options under which a suite without a configuration of its own would measure nothing."""
OWN_TEST = "import pytest\n\n@pytest.mark.fast\ndef test_own(answer):\n    assert answer == 42\n"
OWN_CONFTEST = "import pytest\n\n@pytest.fixture\ndef answer():\n    return 42\n"


@pytest.fixture
def repository(suite: pytest.Pytester) -> Path:
    """Return a repository with tests of its own, and the suite in miniature in its folder green."""
    here = suite.path
    green = here / "green"
    green.mkdir()
    for name in ("experiment.md", "variants", "bench"):
        shutil.move(here / name, green / name)
    (green / "bench/conftest.py").write_text(CONFTEST)
    own = configuration()
    (green / own.path).write_text(f"{own.text}addopts = {stub_suite.LEAN}\n")
    (here / "pyproject.toml").write_text(HOSTILE)
    (here / "conftest.py").write_text(OWN_CONFTEST)
    (here / "tests").mkdir()
    (here / "tests/check_own.py").write_text(OWN_TEST)
    return here


@pytest.mark.parametrize(("place", "bench"), [("green", "bench"), (".", "green/bench")])
def test_benchmarks_that_are_named_are_measured(repository: Path, place: str, bench: str) -> None:
    """The repository's options do not apply, wherever pytest is called; the suite has results."""
    ran = stub_suite.run_pytest(repository / place, bench, "-k", "V0")
    assert ran.ret == 0, ran.outlines
    ran.assert_outcomes(passed=1)
    assert len(list((repository / "green/results").glob("V0_*.json"))) == 1
    assert not (repository / "results").exists()


def test_the_tests_around_a_suite_leave_it_out(repository: Path) -> None:
    """A bare ``pytest``, one of the whole folder, and one of the tests run no benchmark."""
    shutil.copy(
        repository / "green/bench/test_vulnerability.py", repository / "green/bench/check_x.py"
    )
    (repository / "pyproject.toml").write_text(HOSTILE.replace("-p no:benchmark ", ""))
    said = "greenbench: left out are the benchmarks in green/bench; `pytest green/bench` measures"
    for arguments, left_out in (((), True), ((".",), True), (("tests",), False)):
        ran = stub_suite.run_pytest(repository, *arguments)
        assert ran.ret == 0, ran.outlines
        ran.assert_outcomes(passed=1)
        assert (said in ran.outlines) == left_out
    assert not (repository / "green/results").exists()
    listed = stub_suite.run_pytest(repository / "green", "bench", "--collect-only", "-q")
    assert sum("T2-V" in line for line in listed.outlines) == 3
