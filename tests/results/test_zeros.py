"""No zero of a results file stands for something that nobody measured."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import stub_suite

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUE_ZEROS = {
    r"\.seeds\[\]|\.seed|\.block|\.position": "seeds, blocks and places in a block count from 0",
    r"options\.\w+\.\w+": "a setting: no layer is left out, no process helps",
    r"references\.majority\.mcc": "a constant answer's MCC is 0 by definition",
    r"machine\.cpu\.(\w+_cores|pressure_share)": "the kernel counts time, which may be none",
    r"differs_from_baseline\[\]\.baseline": "a setting of the baseline",
}
"""Paths of numbers that may be exactly 0, and why each is one."""


def zeros(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each number that is exactly 0, but how many rounds a null has."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not (key == "n" and value.get("value", 0) is None and value["reason"]):
                yield from zeros(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from zeros(inner, f"{path}[]")
    elif isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        yield path


@pytest.mark.parametrize("rounds", [1, 2])
def test_every_zero_of_a_results_file_has_a_reason(
    pytester: pytest.Pytester,
    libraries: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    rounds: int,
) -> None:
    """What is unknown is null; a new zero needs a reason here."""
    stub_suite.write(pytester.path)
    monkeypatch.setenv("STUB_ROWS", "20")
    monkeypatch.setenv("STUB_RIGHT", "T2-V0_baseline=0.9,T2-V1_fast=0.8")
    arguments = ("-q", "-k", "V0 or V1_", f"--green-rounds={rounds}", "--benchmark-quiet")
    assert stub_suite.run_here(pytester, *arguments).ret == 0
    files = sorted((pytester.path / "results").glob("*.json"))
    assert len(files) == 2
    unexplained = []
    for file in files:
        for path in zeros(json.loads(file.read_text())):
            if not any(re.search(f"(?:{true_zero})$", path) for true_zero in TRUE_ZEROS):
                unexplained.append(f"{file.name}{path}")
    assert unexplained == []
