"""What tests of translations need of a machine, tried when the first of them runs."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def java() -> None:
    """Skip where Java programs cannot be compiled and run."""
    from greenbench.tasks.translation.execution import run_tests

    if reason := run_tests.unavailable("java"):
        pytest.skip(reason)
