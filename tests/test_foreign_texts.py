"""Texts of others steer no terminal: names of columns and files, exceptions, devices, results."""

from __future__ import annotations

import io
import json
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
import stub_suite
from export.made import write_results
from gates.made import HEADER, raw_cell
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console
from stub_suite import run_here

from greenbench.cli import main
from greenbench.cli.arguments import print_lines, print_to_stderr
from greenbench.machine.control.doctor import Capability
from greenbench.machine.energy.doctor import Finding
from greenbench.report import doctor, sweep
from greenbench.report.junit import properties
from greenbench.report.layout import Column, print_table
from greenbench.report.texts import CONTROLS
from greenbench.results.reading import CellRecord
from greenbench.stats.curve import Point

if TYPE_CHECKING:
    from pathlib import Path

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u2066"
"""Clears the screen, sets a title, colours, and turns the direction of what follows."""
SHOWN = r"\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u2066"
FOREIGN = st.text(st.one_of(st.sampled_from("\x1b\x07\x9b\u202e\n\r[]:/"), st.characters()))


def steering(text: str) -> set[str]:
    """Return the characters that steer a terminal, line feeds apart."""
    return {c for c in text if unicodedata.category(c) in CONTROLS} - {"\n"}


def output_of(result: pytest.RunResult) -> str:
    """Return what a session printed."""
    return "\n".join((*result.outlines, *result.errlines))


@given(FOREIGN)
@example("\U0001f3fb")  # a modifier alone, which takes no column
def test_tables_and_lists_of_rich_print_no_control_character(text: str) -> None:
    """Names of devices, reasons, remedies, notes, sources and entries of any table."""
    file = io.StringIO()
    console = Console(file=file, width=100)
    finding = Finding(
        channel=text, device=text, available=True, source=text, reason=text, remedy=text
    )
    able = Capability(setting=text, device=text, available=True, by=text, takes=text, remedy=text)
    unable = Capability(setting=text, device=text, available=False, reason=text)
    doctor.show(console, [finding], [able, unable])
    sweep.show(
        console, [Point(settings={}, seconds={}, joules={}, sources=(text,), note=text)], None, None
    )
    print_table(console, [Column(heading=text, texts=[text]), Column(heading="b", texts=[text])])
    assert not steering(file.getvalue())


@given(FOREIGN)
def test_properties_of_junit_files_have_no_control_character(text: str) -> None:
    """Names of scores and sources of energy, which results files hold."""
    record, _, _ = raw_cell()
    record["quality"] = {text: {"value": 0.5, "n": 1}}
    for name, value in properties(CellRecord.of(record)):
        assert not steering(f"{name}{value}".replace("\n", "\r"))


@pytest.mark.parametrize("show", [lambda text: print_lines([text]), print_to_stderr])
def test_commands_print_no_control_character(show, capsys: pytest.CaptureFixture) -> None:
    """Neither in an answer nor beside it; a line end of a name begins no line."""
    show(f"{ESCAPES}\nERROR: forged")
    printed = "".join(capsys.readouterr())
    assert printed == f"{SHOWN}\\nERROR: forged\n"


def test_an_error_of_a_command_has_no_control_character(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The name of a file that cannot be read is shown escaped."""
    assert main(["compare", str(tmp_path / f"{ESCAPES}.json")]) == 2
    error = capsys.readouterr().err
    assert SHOWN in error
    assert not steering(error)


@pytest.mark.parametrize("form", [(), ("--markdown",)])
def test_a_comparison_of_results_of_others_has_no_control_character(
    form: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Ids, errors, reasons and hosts of a results file, and its own name."""
    files = []
    for number in range(2):
        header = {
            **HEADER,
            "environment": {"host": f"{ESCAPES}{number}", "cpu": {"model": ESCAPES}},
        }
        failed, _, _ = raw_cell(f"T2-V1_{ESCAPES}", error=ESCAPES, status="failed")
        other, _, _ = raw_cell("T2-V2_x", doubts=[ESCAPES])
        saved = [{"extra_info": {"greenbench": record}, "stats": {}} for record in (failed, other)]
        file = tmp_path / f"{ESCAPES}{number}.json"
        about = {**header, "gates": {"failed": False}}
        file.write_text(json.dumps({"benchmarks": saved, "greenbench": about}))
        files.append(str(file))
    code = main(["compare", *files, "--gate", "energy <= 2*saved", *form])
    printed = "".join(capsys.readouterr())
    assert code == 1, printed
    assert "x1b" in printed
    assert not steering(printed)


def steered(value: Any) -> Any:
    """Return JSON whose texts, and names of scores, end in ``ESCAPES`` and half a surrogate."""
    if isinstance(value, str):
        return f"{value}{ESCAPES}\ud800"
    if isinstance(value, list):
        return [steered(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        found[key] = inner if key in {"status", "outcome", "scope"} else steered(inner)
        if key == "quality":
            found[key] = {f"{name}{ESCAPES}": score for name, score in found[key].items()}
    return found


@pytest.mark.parametrize("form", ["--csv", "--model-card", "--spdx"])
def test_exports_of_results_of_others_have_no_control_character(
    form: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Every text of the file is hostile, also those that are words of greenbench in an own file."""
    path, *_ = write_results(tmp_path)
    file = steered(json.loads(path.read_text()))
    file["carbon"] = {"g_per_kwh": 380, "source": ESCAPES}
    path.write_text(json.dumps(file))
    assert main(["export", str(path), form, "-"]) == 0
    output, errors = capfdbinary.readouterr()
    assert steering((output + errors).decode()) == set()
    assert SHOWN.encode() in output or json.dumps(ESCAPES)[1:-1].encode() in output


def test_a_column_of_the_users_data_steers_no_terminal(suite: pytest.Pytester) -> None:
    """The columns of a table, and the names of its folder and files, are shown escaped."""
    folder = suite.path / f"data{ESCAPES}"
    folder.mkdir()
    (folder / f"a{ESCAPES}.csv").write_text(f"id,{ESCAPES},label\n1,a,0\n")
    result = stub_suite.run(suite.path, f"--green-data=T2={folder}", "--green-plan")
    text = output_of(result)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"data{SHOWN}/a{SHOWN}.csv: no column for the text" in text
    assert f"among id, {SHOWN}, label" in text
    assert not steering(text)


def test_an_exception_in_a_cell_steers_no_terminal(suite: pytest.Pytester) -> None:
    """The message of a library may quote a checkpoint or the data; its lines stay lines."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write(
            "\n\ndef failing(self, net, batches):\n"
            f"    raise ValueError({ESCAPES + chr(10) + ESCAPES!a})\n\n\n"
            "StubToggles.training = failing\n"
        )
    result = run_here(suite, "-k", "V1_fast")
    text = output_of(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert f"E           ValueError: {SHOWN}" in text or f"E       ValueError: {SHOWN}" in text
    assert f"T2 V1: failed: ValueError: {SHOWN}" in " ".join(text.split())
    assert not steering(text)
