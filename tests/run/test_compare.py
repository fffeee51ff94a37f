"""``greenbench compare``: runs are compared from their files alone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import HEADER, one_round
from gates.made import raw_cell as cell

from greenbench.cli import main

if TYPE_CHECKING:
    from pathlib import Path

STEADY, MORE = (100.0, 100.5, 99.5), (150.0, 151.0, 149.0)
TWICE = (200.0, 201.0, 199.0)


def results(
    folder: Path, *cells: Any, name: str = "V1_x_20260101T000000Z.json", **more: Any
) -> Path:
    """Write a results file."""
    folder.mkdir(exist_ok=True)
    run = {
        "schema": 3,
        "variant": "V1_x",
        "cells": [record for record, _, _ in cells],
        **HEADER,
        "session": {"started": name[-20:-5]},
    }
    (folder / name).write_text(json.dumps({**run, **more}))
    return folder / name


def saved(file: Path, *cells: Any) -> Path:
    """Write a saved run, as pytest-benchmark does."""
    benchmarks = [{"extra_info": {"greenbench": record}, "stats": {}} for record, _, _ in cells]
    file.write_text(
        json.dumps({"benchmarks": benchmarks, "greenbench": {**HEADER, "gates": {"failed": False}}})
    )
    return file


def compared(capsys: pytest.CaptureFixture, *arguments: Any) -> tuple[int, str]:
    """Run the command."""
    code = main(["compare", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_a_run_that_is_alike_passes_and_one_that_regressed_exits_with_one(
    tmp_path: Path, capsys
) -> None:
    """Results files, folders and saved runs can be compared."""
    base = results(tmp_path / "a", cell(joules=STEADY))
    same = saved(tmp_path / "same.json", cell(joules=(100.1, 100.4, 99.6)))
    worse = results(tmp_path / "b", cell(joules=MORE))
    code, out = compared(capsys, base, same, "--gate", "energy <= 1.4*saved")
    assert (code, "1 PASS" in out) == (0, True)
    code, out = compared(capsys, base.parent, worse.parent, "--gate", "energy <= 1.05*saved")
    assert (code, "REGRESSED" in out) == (1, True)
    assert "x 1.500 (" in out


def test_several_runs_are_held_against_the_first(tmp_path: Path, capsys) -> None:
    """One run that fails makes the exit code 1."""
    files = [
        saved(tmp_path / f"{n}.json", cell(joules=j)) for n, j in enumerate((STEADY, STEADY, TWICE))
    ]
    code, out = compared(capsys, *files, "--json", "--gate", "energy <= 1.4*saved")
    found = json.loads(out)
    assert (code, [one["failed"] for one in found]) == (1, [False, True])
    assert [v["outcome"] for one in found for v in one["verdicts"]] == ["PASS", "REGRESSED"]
    assert found[1]["verdicts"][0]["change"] == pytest.approx(2, rel=0.01)


def test_all_sessions_of_a_folder_show_how_sessions_differ(tmp_path: Path, capsys) -> None:
    """Four of one commit that differ by 2 % prove 15 % more, which the newest alone does not."""

    def session(factor: float, day: int, commit: str) -> Path:
        environment = {**HEADER["environment"], "git": {"commit": commit, "dirty": False}}
        joules = [factor * value for value in STEADY]
        return results(
            tmp_path / commit,
            cell(joules=joules),
            name=f"V1_x_2026010{day}T000000Z.json",
            environment=environment,
        )

    worse = session(1.15, 9, "head")
    for day, factor in enumerate((1.02, 0.98, 1.01, 1.0), start=1):
        newest = session(factor, day, "base")
    gate = ("--gate", "energy <= saved")
    _, out = compared(capsys, newest, worse, *gate)
    assert "1 INCONCLUSIVE" in out
    code, out = compared(capsys, newest.parent, worse, *gate)
    assert (code, "1 REGRESSED" in out) == (1, True)


def test_by_default_energy_time_and_the_primary_score_are_held(tmp_path: Path, capsys) -> None:
    """A gate on what the baseline does not know would refuse everything."""
    files = [saved(tmp_path / f"{n}.json", cell(joules=STEADY)) for n in "ab"]
    code, out = compared(capsys, *files)
    assert code == 0
    assert all(
        gate in out
        for gate in ("energy <= 1.05*saved", "time <= 1.05*saved", "T2.mcc >= saved-0.02")
    )


def test_the_gates_of_pyproject_go_before_the_default(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team's gates are the same in CI and by hand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.greenbench]\ngate = ["T2.mcc >= 0.99"]\n')
    files = [saved(tmp_path / f"{n}.json", cell()) for n in "ab"]
    code, out = compared(capsys, *files)
    assert (code, "T2.mcc >= 0.99" in out, "energy" in out) == (1, True, False)


def test_markdown_counts_and_escapes(tmp_path: Path, capsys) -> None:
    """For a job's page."""
    files = [saved(tmp_path / f"{n}.json", cell(joules=STEADY)) for n in "ab"]
    _, out = compared(capsys, *files, "--markdown", "--gate", "energy <= 2*saved")
    assert out.startswith(f"## {files[1]} against {files[0]}: passed\n\n1 PASS\n\n| gate | cell |")
    assert (
        "| energy &lt;= 2*saved | T2-V1_x | 100 J | 100 J | x 1.000 (0.769 to 1.300) | PASS |"
        in out
    )


def test_a_cell_that_is_gone_is_missing(tmp_path: Path, capsys) -> None:
    """A cell of the baseline that the run lacks fails."""
    files = [
        saved(tmp_path / "a.json", cell("T2-V1_x"), cell("T2-V2_y")),
        saved(tmp_path / "b.json", cell("T2-V1_x")),
    ]
    code, out = compared(capsys, *files, "--gate", "energy <= 2*saved")
    assert code == 1
    assert "MISSING: energy <= 2*saved: T2-V2_y" in out


def test_of_a_folder_the_newest_of_each_cell_counts_and_no_failed_run(
    tmp_path: Path, capsys
) -> None:
    """A results folder holds many sessions."""
    results(tmp_path / "a", cell(joules=MORE), name="V1_x_20260101T000000Z.json")
    results(tmp_path / "a", cell(joules=STEADY), name="V1_x_20260102T000000Z.json")
    results(
        tmp_path / "a", cell(joules=MORE), name="V1_x_20260103T000000Z.json", gates={"failed": True}
    )
    other = saved(tmp_path / "b.json", cell(joules=STEADY))
    assert compared(capsys, tmp_path / "a", other, "--gate", "energy <= 1.05*saved")[0] == 0


def test_what_is_judged_is_the_newest_even_if_its_session_failed(tmp_path: Path, capsys) -> None:
    """An earlier session that passed does not stand for it, beside a baseline or beside V0."""
    failed = {"failed": True}
    passing = cell("T2-V1_x", STEADY)
    results(tmp_path / "r", cell("T2-V0_b", STEADY), name="V0_b_20260101T000000Z.json")
    results(tmp_path / "r", passing, name="V1_x_20260101T000000Z.json")
    newest = cell("T2-V1_x", MORE)
    results(tmp_path / "r", newest, name="V1_x_20260102T000000Z.json", gates=failed)
    base = saved(tmp_path / "main.json", cell("T2-V0_b", STEADY), passing)
    code, out = compared(capsys, base, tmp_path / "r", "--gate", "energy <= 1.05*saved")
    assert (code, "REGRESSED" in out) == (1, True)
    code, out = compared(capsys, tmp_path / "r", "--gate", "energy <= 1.05*V0")
    assert (code, "FAIL" in out) == (1, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, 2]", "neither a results file nor a saved run"),
        ("{", "not a whole results file or saved run"),
        ("{}", "not a results file"),
        (
            '{"benchmarks": [{"extra_info": {}}]}',
            "none of its benchmarks was measured by greenbench",
        ),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, capsys, text: str, told: str) -> None:
    """The exit code is 2."""
    (tmp_path / "a.json").write_text(text)
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")]) == 2
    assert told in capsys.readouterr().err


def test_folders_without_results_and_files_that_are_not_there(tmp_path: Path, capsys) -> None:
    """Each says what would make one."""
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    assert "run pytest bench first" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "no.json"), str(tmp_path)]) == 2
    assert "there is no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: run["benchmarks"][0]["extra_info"]["greenbench"].pop("schema"),
        lambda run: run["benchmarks"][0]["extra_info"]["greenbench"].pop("task"),
        lambda run: run["benchmarks"][0]["extra_info"]["greenbench"]["rounds"][0].update(
            seconds="long"
        ),
        lambda run: run["benchmarks"][0]["extra_info"]["greenbench"].update(rounds=None),
    ],
    ids=["schema", "task", "seconds", "rounds"],
)
def test_a_record_that_somebody_edited_is_one_sentence(tmp_path: Path, capsys, spoil: Any) -> None:
    """Not a traceback, whose exit code would read as a regression."""
    files = [saved(tmp_path / f"{n}.json", cell(joules=STEADY)) for n in "ab"]
    run = json.loads(files[0].read_text())
    spoil(run)
    files[0].write_text(json.dumps(run))
    assert main(["compare", *map(str, files), "--gate", "time <= saved"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(str(files[0]))
    assert "expected" in error
    assert "measure it again" in error


def test_nulls_where_greenbench_writes_more_are_read(tmp_path: Path, capsys) -> None:
    """An older file may lack what a newer one has."""
    files = [saved(tmp_path / f"{n}.json", cell(joules=STEADY)) for n in "ab"]
    run = json.loads(files[0].read_text())
    run["greenbench"]["gates"] = None
    run["benchmarks"].append({"extra_info": None})
    run["benchmarks"][0]["extra_info"]["greenbench"]["quality"]["mcc"] = None
    files[0].write_text(json.dumps(run))
    code, out = compared(capsys, *files, "--gate", "T2.mcc >= saved-0.02")
    assert (code, "UNMEASURED" in out) == (1, True)


def test_a_cell_that_stands_twice_in_a_saved_run_is_told(tmp_path: Path, capsys) -> None:
    """It is an error, because either could be meant."""
    twice = saved(tmp_path / "a.json", cell(joules=STEADY), cell(joules=MORE))
    assert main(["compare", str(twice), str(twice)]) == 2
    assert "it holds T2-V1_x several times" in capsys.readouterr().err


def test_what_only_the_run_knows_is_held_by_default_too(tmp_path: Path, capsys) -> None:
    """Energy is gated although the baseline has no joules, and is then unmeasured."""
    bare = cell(rounds=[one_round(0, None)])
    files = [saved(tmp_path / "a.json", bare), saved(tmp_path / "b.json", cell())]
    code, out = compared(capsys, *files)
    assert (code, "energy <= 1.05*saved" in out) == (1, True)


def test_brackets_in_a_name_are_no_markup(tmp_path: Path, capsys) -> None:
    """Parameters of a test are printed as they are."""
    files = [saved(tmp_path / f"{n}.json", cell("test_f[/a]")) for n in "ab"]
    assert "test_f[/a]" in compared(capsys, *files, "--gate", "time <= 5*saved")[1]


def test_runs_of_other_variants_are_compared_task_by_task(tmp_path: Path, capsys) -> None:
    """V7's file against V0's of one session: what one types first, and no cell is MISSING."""
    v0 = results(tmp_path, cell("T2-V0_baseline", STEADY), name="V0_baseline_20260101T000000Z.json")
    v7 = results(tmp_path, cell("T2-V7_all", MORE), name="V7_all_20260101T000000Z.json")
    code, out = compared(capsys, v0, v7, "--json", "--gate", "energy <= 1.05*V0")
    (verdict,) = json.loads(out)[0]["verdicts"]
    assert (code, verdict["outcome"], verdict["cell"]) == (1, "REGRESSED", "T2-V7_all")
    assert verdict["reference"].startswith("T2-V0_baseline")
    assert verdict["change"] == pytest.approx(1.5, rel=0.01)


@pytest.mark.parametrize("v0", ["V0_baseline", "V0_plain"])
def test_a_single_folder_compares_its_variants_with_v0(tmp_path: Path, capsys, v0: str) -> None:
    """Each variant has its verdicts, V0 itself has none, whatever its folder's name."""
    results(tmp_path, cell(f"T2-{v0}", MORE), name=f"{v0}_20260101T000000Z.json")
    results(tmp_path, cell("T2-V7_all", STEADY), name="V7_all_20260101T000000Z.json")
    code, out = compared(capsys, tmp_path, "--json")
    verdicts = json.loads(out)[0]["verdicts"]
    assert {v["cell"] for v in verdicts} == {"T2-V7_all"}
    assert [v["gate"] for v in verdicts] == [
        "energy <= 1.05*V0",
        "time <= 1.05*V0",
        "T2.mcc >= V0-0.02",
    ]
    assert (code, verdicts[0]["outcome"]) == (0, "PASS")


def test_a_single_run_without_v0_says_what_is_missing(tmp_path: Path, capsys) -> None:
    """The sentence names the command that measures both."""
    file = results(tmp_path, cell("T2-V7_all"), name="V7_all_20260101T000000Z.json")
    assert main(["compare", str(file)]) == 2
    assert 'pytest bench -k "V0 or V7"' in capsys.readouterr().err


def test_a_swept_baseline_is_ambiguous(tmp_path: Path, capsys) -> None:
    """Two cells of one task cannot both be what another variant is compared with."""
    swept = results(
        tmp_path,
        cell("T2-V1_x-b16"),
        cell("T2-V1_x-b32"),
        name="V1_x_20260101T000000Z.json",
    )
    v7 = results(tmp_path, cell("T2-V7_all"), name="V7_all_20260101T000000Z.json")
    assert main(["compare", str(swept), str(v7)]) == 2
    assert "T2-V1_x-b16 and T2-V1_x-b32 are of one task" in capsys.readouterr().err


def test_the_gates_of_the_nearest_pyproject_hold_and_are_named(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sub-folder of the project has the project's gates."""
    (tmp_path / "pyproject.toml").write_text('[tool.greenbench]\ngate = ["T2.mcc >= 0.99"]\n')
    (tmp_path / "below/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "below/here")
    files = [saved(tmp_path / f"{n}.json", cell()) for n in "ab"]
    code, out = compared(capsys, *files)
    assert (code, "T2.mcc >= 0.99" in out) == (1, True)
    assert f"gates: {tmp_path / 'pyproject.toml'}" in out


def test_gates_that_are_typed_say_that_they_replace_those_of_the_project(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of the output is not to think that the project's gates passed."""
    (tmp_path / "pyproject.toml").write_text('[tool.greenbench]\ngate = ["T2.mcc >= 0.99"]\n')
    monkeypatch.chdir(tmp_path)
    files = [saved(tmp_path / f"{n}.json", cell()) for n in "ab"]
    _, out = compared(capsys, *files, "--gate", "energy <= 2*saved")
    assert f"gates: the command line, which replace those of {tmp_path / 'pyproject.toml'}" in out


def test_a_run_that_is_compared_with_itself_is_told(tmp_path: Path, capsys) -> None:
    """Its verdicts say nothing, although they pass."""
    session = {"id": "a1", "started": "2026-01-01T00:00:00Z"}
    same = [results(tmp_path / n, cell(), session=session) for n in "ab"]
    code, out = compared(capsys, *same)
    assert (code, "are of one session" in out.replace("\n", " ")) == (0, True)


def test_a_file_dated_in_the_future_is_not_the_newest(tmp_path: Path, capsys) -> None:
    """Of a folder the newest file that can be true counts."""
    for year, joules in (("2099", 1.0), ("2020", 100.0)):
        session = {"id": year, "started": f"{year}-01-01T00:00:00Z"}
        name = f"V1_x_{year}0101T000000Z.json"
        results(tmp_path / "folder", cell(joules=(joules,) * 3), name=name, session=session)
    file = saved(tmp_path / "now.json", cell(joules=(100.0, 100.2, 99.9)))
    code, out = compared(capsys, tmp_path / "folder", file, "--gate", "energy <= 1.5*saved")
    assert (code, "1.00" in out) == (0, True)


def test_a_saved_run_without_its_circumstances_is_refused(tmp_path: Path, capsys) -> None:
    """Two runs that both lack them are not of the same machine because of that."""
    file = saved(tmp_path / "a.json", cell(joules=STEADY))
    run = json.loads(file.read_text())
    del run["greenbench"]
    file.write_text(json.dumps(run))
    assert main(["compare", str(file), str(file)]) == 2
    assert "it does not say what its cells were measured in" in capsys.readouterr().err


def test_a_task_that_a_variant_lacks_is_missing(tmp_path: Path, capsys) -> None:
    """A session that died after one of two tasks does not pass by what it did not run."""
    v0 = results(
        tmp_path,
        cell("T1-V0_baseline", STEADY),
        cell("T2-V0_baseline", STEADY),
        name="V0_baseline_20260101T000000Z.json",
    )
    v7 = results(tmp_path, cell("T2-V7_all", STEADY), name="V7_all_20260101T000000Z.json")
    for arguments in ((v0, v7, "--gate", "energy <= 1.05*saved"), (tmp_path,)):
        code, out = compared(capsys, *arguments)
        assert (code, "T1-V7_all" in out) == (1, True)


def test_variants_that_differ_are_no_scatter_of_one_cell(tmp_path: Path, capsys) -> None:
    """A variant that costs more is found among others that save: they differ by design."""
    cells = [cell("T2-V0_baseline", STEADY)]
    for number, factor in enumerate((0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5), 1):
        cells.append(cell(f"T2-V{number}_x", [factor * joules for joules in STEADY]))
    file = saved(tmp_path / "all.json", *cells)
    _, out = compared(capsys, file, "--json", "--gate", "energy <= 1.05*saved")
    outcomes = {v["cell"]: v["outcome"] for v in json.loads(out)[0]["verdicts"]}
    assert (outcomes["T2-V1_x"], outcomes["T2-V8_x"]) == ("PASS", "REGRESSED")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 300, "cannot be read (File name too long); give another"),
        ("loop", "cannot be read (Too many levels of symbolic links); give another"),
        ("file/inner", "there is no such file or folder to compare with"),
        ("pipe", "not a whole results file or saved run (it is not an ordinary file)"),
    ],
    ids=["long", "loop", "below a file", "pipe"],
)
def test_a_path_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    """On either side the exit code is 2, and no traceback stands there."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    good = saved(tmp_path / "a.json", cell(joules=STEADY))
    for paths in ((tmp_path / name, good), (good, tmp_path / name)):
        assert main(["compare", *map(str, paths)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{tmp_path / name}: {reason}")


def test_a_folder_with_a_file_of_a_newer_schema_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest of each cell is not known without it."""
    results(tmp_path / "mixed", cell(joules=STEADY))
    results(tmp_path / "mixed", cell(joules=MORE), name="V1_x_20260102T000000Z.json", schema=99)
    assert main(["compare", str(tmp_path / "mixed"), str(tmp_path / "mixed")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "V1_x_20260102T000000Z.json: written with schema 99, and this greenbench reads" in line
    assert line.endswith("update greenbench")
