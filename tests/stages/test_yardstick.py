"""The fixed kernel does the same work everywhere, and disturbs nothing."""

from __future__ import annotations

import time

import pytest
import torch

from greenbench.stages import yardstick


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel run for a tenth of a second."""
    monkeypatch.setattr(yardstick, "WARM_UP_S", 0.0)


@pytest.mark.usefixtures("brief")
def test_operations_are_those_of_whole_products() -> None:
    """A product of matrices with 512 rows takes 2 x 512^3 operations; it runs for its time."""
    kernel = yardstick.kernel(torch.device("cpu"))
    started = time.perf_counter()
    operations = kernel(0.1)
    assert time.perf_counter() - started >= 0.1
    assert operations > 0
    assert operations % (2 * 512**3) == 0


@pytest.mark.usefixtures("brief")
def test_no_cell_s_random_numbers_move() -> None:
    """It draws its matrices from a source of its own."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    yardstick.kernel(torch.device("cpu"))(0.1)
    assert torch.equal(torch.rand(4), expected)
