"""``--green-sensor``: a session measures with a wattmeter of the user's, and says whose it is."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from stub_suite import run_here

from greenbench.run import instruments

if TYPE_CHECKING:
    from collections.abc import Iterator

WATTMETER = """
import time


class WallSocket:
    channel = "node"
    name = "wall socket"
    max_watts = 500
    update_s = 0.001

    def joules(self):
        return 100 * time.monotonic()
"""


@pytest.fixture
def wattmeter(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.Pytester]:
    """Give a suite with a wattmeter of 100 W beside its experiment.md."""
    (suite.path / "wattmeter.py").write_text(WATTMETER)
    monkeypatch.setattr(instruments, "IDLE_S", 0.1)
    yield suite
    sys.modules.pop("wattmeter", None)


def test_joules_of_the_whole_machine_are_recorded_shown_and_gated(
    wattmeter: pytest.Pytester,
) -> None:
    """They stand beside the channels, in no total, with the label of the user's class."""
    result = run_here(
        wattmeter,
        *("-k", "V0 or V1_", "--green-sensor", "wattmeter:WallSocket"),
        *("--green-require", "node", "--green-gate", "energy_node <= 50*V0"),
        *("--green-gate", "energy_node <= 0.001*V0", "--green-results", "out"),
    )
    text = result.stdout.str()
    assert "energy_node <= 50*V0" in text
    assert "UNMEASURED" not in text
    assert result.ret == 1  # the second gate, which nothing passes
    file = json.loads(next(wattmeter.path.glob("out/V1_fast_*.json")).read_text())
    (cell,) = file["cells"]
    one_round = cell["rounds"][0]
    energy = one_round["energy"]
    assert energy["sources"]["node"] == "user:wattmeter:WallSocket"
    assert energy["node_j"] > 50 * one_round["seconds"]
    assert "node" not in energy["scope"]
    assert energy["total_j"] == energy["cpu_j"]
    assert cell["energy"]["node_j"]["value"] > 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--green-sensor", "wattmeter"), "--green-sensor: found 'wattmeter'; write MODULE:CLASS"),
        (
            ("--green-sensor", "wattmeter:Absent"),
            "--green-sensor wattmeter:Absent: module wattmeter has no class Absent",
        ),
    ],
)
def test_a_wrong_name_ends_the_session_before_a_cell(
    wattmeter: pytest.Pytester, arguments: tuple[str, ...], problem: str
) -> None:
    """Exit code 4, and one sentence."""
    result = run_here(wattmeter, "-k", "V0", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert problem in result.stdout.str() + result.stderr.str()
