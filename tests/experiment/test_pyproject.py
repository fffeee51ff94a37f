"""A pyproject.toml of an odd shape is refused in one sentence, since gates may stand in it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import stub_suite
from gates.made import HEADER, raw_cell

from greenbench.cli import main
from greenbench.errors import Disagreements, UsageError
from greenbench.experiment.pyproject import read_pyproject
from greenbench.experiment.resolving import resolve_settings
from greenbench.experiment.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VALUES = ("[1]", "[[1]]", "{ a = 1 }", "1979-05-27", "07:32:00", '"a\\u0000b"')
"""Values that no option takes, of TOML's types."""
NAMES = [option.name for option in OPTIONS]


def written(folder: Path, text: str) -> Path:
    """Write a pyproject.toml, whose folder is returned."""
    (folder / "pyproject.toml").write_text(text)
    return folder


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "gpus"])
def test_a_value_that_no_option_takes_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """None of them becomes a text, a path or a number by conversion."""
    written(tmp_path, f"[tool.greenbench]\n{name} = {value}\n")
    with pytest.raises(Disagreements, match="--green-"):
        resolve_settings(lambda _flag: None, tmp_path, tasks=["T2"], models=["M2"])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("rounds = true", "--green-rounds: found True; give a whole number from 1"),
        ("rounds = 2.5", "--green-rounds: found 2.5; give a whole number from 1"),
        ("cpu-watts = true", "--green-cpu-watts: found True; give a number"),
        ("results = 3", "--green-results: found 3; give a path"),
        ('results = ""', "--green-results: found ''; give a path"),
        ("gpus = 3", "--green-gpus: found 3; give a text"),
        ("gate = 0", "--green-gate: found 0; in pyproject.toml give a list of texts"),
        ("data = false", "--green-data: found False; in pyproject.toml give a list of TASK=VALUE"),
        ("allow = 0", "--green-allow: found 0; in pyproject.toml give a list of words"),
    ],
)
def test_a_value_of_another_type_is_not_converted(tmp_path: Path, line: str, sentence: str) -> None:
    """``true`` is not one round, 2.5 are not two, and 0 is not an absent gate."""
    written(tmp_path, f"[tool.greenbench]\n{line}\n")
    with pytest.raises(Disagreements) as caught:
        resolve_settings(lambda _flag: None, tmp_path, tasks=["T2"], models=["M2"])
    assert sentence in str(caught.value)


def test_a_long_value_is_shown_shortened(tmp_path: Path) -> None:
    """A message stays one sentence."""
    written(tmp_path, f"[tool.greenbench]\nrounds = [{'1, ' * 5000}]\n")
    with pytest.raises(Disagreements) as caught:
        resolve_settings(lambda _flag: None, tmp_path, tasks=[], models=[])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", ["[1]", '"x"', "3", "1979-05-27", "true", "[{ a = 1 }]"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    """Neither ``tool`` nor ``tool.greenbench`` is anything but a table."""
    for line in (f"tool = {value}", f"[tool]\ngreenbench = {value}"):
        with pytest.raises(UsageError, match=r"pyproject\.toml: .*write a table, \[tool\.green"):
            read_pyproject(written(tmp_path, line))


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"[tool.greenbench\nx", "not valid TOML"),
        (b'[tool.greenbench]\nresults = "\xff"', "byte 29 is not UTF-8; save it as UTF-8"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "not valid TOML (Exceeds the limit"),
        (b" " * (1 << 24) + b"\n", "cannot be read (it is larger than 16,777,216 bytes)"),
    ],
    ids=["no TOML", "Latin-1", "nested", "digits", "large"],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, contents: bytes, sentence: str) -> None:
    """The sentence names the file and what is wrong in it."""
    (tmp_path / "pyproject.toml").write_bytes(contents)
    with pytest.raises(UsageError) as caught:
        read_pyproject(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/pyproject.toml: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (os.mkfifo, "it is not an ordinary file"),
        (os.mkdir, "Is a directory"),
        (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    ],
    ids=["pipe", "folder", "dangling link", "link to itself"],
)
def test_something_that_cannot_be_read_is_not_passed_over(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    put: Callable[[Path], None],
    reason: str,
) -> None:
    """``compare`` does not fall back to its default gates: it exits with 2."""
    put(tmp_path / "pyproject.toml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"cannot be read \({reason}\); mend or move it"):
        read_pyproject(tmp_path)
    cell, _, _ = raw_cell(joules=(100.0, 101.0))
    saved = tmp_path / "main.json"
    benchmark = {"extra_info": {"greenbench": cell}}
    saved.write_text(json.dumps({"benchmarks": [benchmark], "greenbench": HEADER}))
    assert main(["compare", str(saved), str(saved)]) == 2
    assert f"cannot be read ({reason})" in capsys.readouterr().err


def test_a_suite_with_such_a_file_ends_with_4(suite: pytest.Pytester) -> None:
    """The sentence is printed as a usage error, without a traceback."""
    file = suite.path / "pyproject.toml"
    file.write_text(f"{file.read_text()}\n[tool]\ngreenbench = 3\n")
    done = stub_suite.run_here(suite, "--green-plan")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: *pyproject.toml: greenbench is 3; write a table, *"])
    assert "Traceback" not in done.stderr.str()
