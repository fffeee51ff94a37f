"""Sessions with ``--green-factorial``: the combinations run in blocks, and can be analysed."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from stub_suite import ALL_APPLY, run_here

import greenbench
from greenbench.report.commands import measuring, options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW = "| Capped | `V10_capped` | - | - | - | power cap | - |\n"
ALL_ROW = "| All | `V7_all` | Rust | INT8 | bf16 | power cap | layers skipped |\n"
CONFIG = """
data: {tokenizer: rust}
architecture: {weight_format: int8}
training: {precision: bf16}
system: {gpu_power_fraction: 0.7}
inference: {skip_layers: 0.25}
"""
TWO = "--green-factorial=data,training"
FOUR_CELLS = ["T2-F7_data", "T2-F7_data_training", "T2-V0_baseline", "T2-V1_fast"]


@pytest.fixture
def with_v7(suite: pytest.Pytester) -> pytest.Pytester:
    """Add a V7 that sets something in all stages, in training what V1 does; all knobs act."""
    experiment = suite.path / "experiment.md"
    experiment.write_text(experiment.read_text().replace(ROW, ROW + ALL_ROW))
    folder = suite.path / "variants" / "V7_all"
    folder.mkdir()
    for name in ("run.sh", "README.md"):
        copy = folder / name
        copy.write_text((suite.path / "variants" / "V1_fast" / name).read_text())
        copy.chmod(0o755)
    (folder / "config.yaml").write_text(CONFIG)
    with (suite.path / "conftest.py").open("a") as conftest:
        conftest.write(ALL_APPLY)
    return suite


def cells(suite: pytest.Pytester) -> dict[str, Any]:
    """Return the records of all results files, by id."""
    records = {}
    for path in sorted((suite.path / "results").glob("*.json")):
        for record in json.loads(path.read_text())["cells"]:
            records[record["id"]] = record
    return records


def test_combinations_are_measured_in_blocks_judged_and_analysed(with_v7: pytest.Pytester) -> None:
    """Four cells of two rounds have files, gates and Shapley values; other variants do not run."""
    gates = ("--green-gate=mcc >= V0-0.5", "--green-gate=energy <= 99*F7_data_training")
    done = run_here(with_v7, TWO, "--green-rounds=2", *gates)
    assert done.ret == pytest.ExitCode.OK
    line = "V0_baseline, F7_data, V1_fast (training), F7_data_training"
    done.stdout.fnmatch_lines(
        [f"greenbench: data, training of V7_all on and off, all 4 combinations: {line}"]
    )
    records = cells(with_v7)
    assert sorted(records) == FOUR_CELLS
    changed = {name: record["differs_from_baseline"] for name, record in records.items()}
    assert [change["knob"] for change in changed["T2-F7_data_training"]] == [
        "data.tokenizer",
        "training.precision",
    ]
    assert {one["block"] for record in records.values() for one in record["rounds"]} == {0, 1}
    (task,) = greenbench.analyse(with_v7.path / "results").tasks
    (shares,) = [found for found in task.attributions if found.measure == "energy"]
    assert shares.cell == "T2-F7_data_training"
    assert {part.part for part in shares.parts} == {"T2-F7_data", "T2-V1_fast"}


def listed(suite: pytest.Pytester, *arguments: str) -> Sequence[str]:
    """Return the ids of the cells that would run."""
    output = run_here(suite, "--collect-only", "-q", *arguments)
    assert output.ret in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    ids = [line.partition("[")[2].rstrip("]") for line in output.outlines if "[T2-" in line]
    return sorted(ids)


def test_k_chooses_among_the_combinations(with_v7: pytest.Pytester) -> None:
    """``]`` ends a name; pyproject.toml may have the option, and ``off`` leaves it out."""
    assert listed(with_v7, TWO, "-k", "V0_ or F7_data]") == ["T2-F7_data", "T2-V0_baseline"]
    assert listed(with_v7, TWO, "-k", "V10") == []
    with (with_v7.path / "pyproject.toml").open("a") as file:
        file.write('[tool.greenbench]\nfactorial = "data,training"\n')
    assert listed(with_v7) == FOUR_CELLS
    assert "T2-V10_capped" in listed(with_v7, "--green-factorial=off")


def test_the_command_that_a_report_gives_selects_the_combination_and_v0(
    with_v7: pytest.Pytester,
) -> None:
    """It repeats the options that made it up."""
    options = options_of(f"pytest bench {TWO}")
    command = measuring("T2", ["T2-F7_data"], options, "--green-rounds 5")
    assert listed(with_v7, *shlex.split(command)[2:]) == ["T2-F7_data", "T2-V0_baseline"]


def test_a_plan_of_five_stages_prints_aliases(with_v7: pytest.Pytester) -> None:
    """It has 16 of 32 combinations and V0, and says what cannot be told apart."""
    stages = "data,architecture,training,system,inference"
    output = run_here(with_v7, "--green-plan", f"--green-factorial={stages}")
    output.stdout.fnmatch_lines(
        [
            "greenbench: * of V7_all on and off, half of the 32 combinations, and V0: *",
            "greenbench: A = data, * E = inference; I = ABCDE, resolution V: aliases are",
            "    A = BCDE, * E = ABCD, AB = CDE, * DE = ABC",
            "    T2-F7_data_architecture_training: 1 round of *",
            "all 17 cells: *",
        ]
    )


def test_a_variant_that_is_not_there_ends_in_a_sentence(suite: pytest.Pytester) -> None:
    """Without a V7 another variant has to be named; the exit code is 4."""
    done = run_here(suite, TWO)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "--green-factorial: there is no variant 'V7'; experiment.md has " in done.stderr.str()
