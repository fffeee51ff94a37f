"""Fixtures that tests share."""

from __future__ import annotations

import pytest
import stub_suite


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a suite in miniature, torch-free; run it with ``suite.runpytest_subprocess("bench", ...)``."""
    monkeypatch.delenv("STUB", raising=False)
    stub_suite.write(pytester)
    return pytester
