"""The code of docs/python-api.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulators.powercap import Zone

PAGE = Path(__file__).parent.parent.parent / "docs" / "python-api.md"


def test_the_documented_code_runs(package: Zone, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the table, the mean of the calls, and the latest of them."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names = {"embed": lambda _texts: package.use(20), "texts": [], "batches": [1, 2, 3]}
    exec(compile("\n".join(blocks), PAGE.name, "exec"), names)
    printed = capsys.readouterr().out
    assert "embed 1,000 texts: " in printed
    assert "simulated:rapl" in printed
    joules = [measurement.joules["cpu"] for measurement in names["step"].measurements]
    assert joules == pytest.approx([20] * 3)
    assert "n=3" in printed
