"""What the command line selects is there, or refused before pytest-benchmark looks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import stub_suite

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name", ["{0}/absent.json", "a/b/absent.json", "{0}/folder", "{0}/pipe", "/" + "x" * 300]
)
def test_a_path_to_compare_with_where_no_file_is_is_refused(
    suite: pytest.Pytester, tmp_path: Path, name: str
) -> None:
    """The exit code is 4, and pytest-benchmark does not take the path for a pattern."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = name.format(tmp_path)
    done = stub_suite.run_here(suite, f"--benchmark-compare={path}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --benchmark-compare={path}: there is no such file; name " in done.stderr.str()
    assert "INTERNALERROR" not in done.stdout.str() + done.stderr.str()


@pytest.mark.parametrize("pattern", ["0001", "Linux*/0001", "--benchmark-compare"])
def test_a_pattern_of_saved_runs_is_left_to_pytest_benchmark(
    suite: pytest.Pytester, pattern: str
) -> None:
    """It warns that there is none."""
    option = pattern if pattern.startswith("--") else f"--benchmark-compare={pattern}"
    done = stub_suite.run_here(suite, option, "--collect-only", "-q")
    assert done.ret == 0
