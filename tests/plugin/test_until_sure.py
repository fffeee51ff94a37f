"""Sessions that go on with what is open: which rounds they measure, and what they say of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from stub_suite import run_here

from greenbench.run.until_sure import OpenCells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.gates.references import References
    from greenbench.gates.verdict import Measured

V0, V1, V10 = "T2-V0_baseline", "T2-V1_fast", "T2-V10_capped"
FIXTURE = """

@pytest.fixture(scope="session", autouse=True)
def resource():
    print("<opened>")
    yield
    print("<closed>")
"""


@pytest.fixture
def _open_up_to(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cells be open until they have so many rounds, in place of what was measured."""
    most: Mapping[str, int] = request.param

    def look(
        _self: OpenCells, cells: Mapping[str, Measured], _references: References
    ) -> dict[str, set[str]]:
        return {
            name: {V0} for name, count in most.items() if len(cells[name].record.rounds) < count
        }

    monkeypatch.setattr(OpenCells, "look", look)


def blocks(suite: pytest.Pytester) -> dict[str, list[int]]:
    """Return the blocks of each cell by the results files."""
    numbers = {}
    for file in (suite.path / "results").glob("*.json"):
        (cell,) = json.loads(file.read_text())["cells"]
        numbers[cell["id"]] = [one_round["block"] for one_round in cell["rounds"]]
    return numbers


@pytest.mark.usefixtures("_open_up_to")
@pytest.mark.parametrize("_open_up_to", [{V1: 9, V10: 4}], indirect=True)
def test_further_blocks_are_those_of_open_cells_and_v0(suite: pytest.Pytester) -> None:
    """A settled cell gets no more, an open one up to the maximum, with V0 in each block."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write(FIXTURE)
    output = run_here(suite, "--green-until-sure=5", "--benchmark-json=run.json", "-v", "-s")
    output.assert_outcomes(passed=14)
    assert blocks(suite) == {V0: [*range(5)], V1: [*range(5)], V10: [*range(4)]}
    order = [line.split("[")[1].split("]")[0] for line in output.outlines if "::test_" in line]
    assert order[9:] == [f"{cell}-round4" for cell in (V10, V1, V0)] + [
        f"{cell}-round5" for cell in (V0, V1)
    ]
    text = output.stdout.str()
    assert (text.count("<opened>"), text.count("<closed>")) == (1, 1)
    sentence = f"needs no more after 4: {V10}; still open after 5: {V1}"
    output.stdout.fnmatch_lines([f"- at most 5 blocks, until sure: {sentence}"])
    saved = json.loads((suite.path / "run.json").read_text())
    assert saved["greenbench"]["session"]["until_sure"] == {"first": 3, "most": 5}
    assert sorted(row["stats"]["rounds"] for row in saved["benchmarks"]) == [4, 5, 5]


def test_what_is_settled_or_cannot_be_settled_by_rounds_ends_after_the_first_look(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations are exact, and a score of ten examples needs more of these."""
    monkeypatch.setenv("STUB_RIGHT", f"{V1}=0.8")
    gates = ["--green-gate=flops <= V0", "--green-gate=T2.mcc >= V0-0.02"]
    arguments = ["--green-until-sure=9", "-k", "V0 or V1_", "--benchmark-json=run.json"]
    output = run_here(suite, *arguments, *gates)
    output.assert_outcomes(passed=6, deselected=1)
    assert blocks(suite) == {V0: [0, 1, 2], V1: [0, 1, 2]}
    verdicts = json.loads((suite.path / "run.json").read_text())["greenbench"]["gates"]["verdicts"]
    found = [(v["outcome"], v["blocks"], v["most_blocks"]) for v in verdicts]
    assert found == [("PASS", 3, 9), ("INCONCLUSIVE", 3, 9)]


def test_without_v0_there_is_nothing_to_go_on_for(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it fails, its rounds are skipped up to the first look, and no more block is measured."""
    monkeypatch.setenv("STUB", f"{V0}=assert")
    output = run_here(suite, "--green-until-sure=5", "-k", "V0 or V1_", "--green-gate=energy<=V0")
    output.assert_outcomes(passed=3, failed=1, skipped=2, deselected=1)


def test_a_plan_shows_the_fewest_and_the_most_rounds(suite: pytest.Pytester) -> None:
    """How many it takes only the run shows."""
    output = run_here(suite, "--green-until-sure=8", "--green-plan")
    output.stdout.fnmatch_lines([f"    {V0}: 3 to 8 rounds of * steps; no earlier result"])
