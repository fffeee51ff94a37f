"""What runs without the optional packages, and the sentence where one is needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import stub_suite

from greenbench import extras
from greenbench.errors import UnavailableError
from tests.run.test_compare import MORE, STEADY, cell, results

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
OTHER_NAMES = {
    "mlflow-skinny": "mlflow",
    "protobuf": "google.protobuf",
    "scikit-learn": "sklearn",
    "vl-convert-python": "vl_convert",
}
"""Packages that are imported by another name."""
OPTIONAL = {package for packages in extras.PACKAGES.values() for package in packages}
WITHOUT = f"""
import json, sys
for name in {sorted(OPTIONAL)!r}:
    sys.modules[name] = None  # as if it were not installed

import pytest
from greenbench.cli import main

for program, *arguments in json.load(sys.stdin):
    print("$", program, *arguments, flush=True)
    if program == "pytest":
        code = pytest.main(arguments)
    else:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
    print("exit", int(code or 0), flush=True)
"""
"""Runs commands in a process that can import no optional package."""
PLAIN = """
import pytest

def work():
    return sum(range(10_000))

def test_energy(energy, measure):
    result = measure(work, rounds=2)
    assert result.rounds[0].whole.energy.total_j < 500
    with energy.window("training") as window:
        work()

@pytest.mark.energy_budget("500 J")
def test_budget():
    work()
"""


def imported_as(requirement: str) -> str:
    """Return what ``huggingface-hub>=1,<3`` is imported as."""
    name = re.split(r"[^\w.-]", requirement)[0]
    return OTHER_NAMES.get(name, name.replace("-", "_"))


def test_the_table_has_the_packages_of_the_extras() -> None:
    """What is looked for is what pyproject.toml would install, by the name of the import."""
    for extra, packages in extras.PACKAGES.items():
        wanted = PROJECT["project"]["optional-dependencies"][extra]
        assert sorted(packages) == sorted(map(imported_as, wanted)), extra


def test_each_extra_is_in_the_table_or_brings_a_tool() -> None:
    """A new extra needs its line in the table."""
    assert set(PROJECT["project"]["optional-dependencies"]) - set(extras.PACKAGES) == {
        "docs",
        "dev",
    }


def test_a_missing_package_is_named_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are named, the others counted."""
    assert extras.missing("suite") == []
    for package in ("rensa", "sklearn"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UnavailableError) as caught:
        extras.require("suite", "task T9")
    assert str(caught.value) == (
        "task T9 needs sklearn and rensa, which this environment lacks: "
        "pip install 'greenbench[suite]'"
    )
    extras.require("suite", "task T9", ("torch", "regex"))
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    with pytest.raises(UnavailableError, match="T9 needs torch, transformers, tokenizers and 9 mo"):
        extras.require("suite", "task T9")
    with pytest.raises(UnavailableError, match="charts needs jinja2, which"):
        extras.require("report", "charts", ("jinja2",))
    assert extras.line_for("peft") == "pip install 'greenbench[lora]'"


def test_without_the_extras_the_plugin_measures_and_judges(tmp_path: Path) -> None:
    """No command but those that need an extra imports one, and those say which."""
    stub_suite.write(tmp_path)
    (tmp_path / "conftest.py").write_text(
        stub_suite.CONFTEST.partition("def named")[0].replace("Path(__file__).parent", "Path()")
    )
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/test_plain.py").write_text(PLAIN)
    base = str(results(tmp_path / "base", cell(joules=STEADY)))
    worse = str(results(tmp_path / "worse", cell(joules=MORE)))
    plain = ["plain", "--confcutdir=plain", "-q", "-p", "no:cacheprovider"]
    needing = [
        ["greenbench", "report", base, "-o", "report.html"],
        ["greenbench", "report", base, "--figures", "figures"],
        ["greenbench", "export", base, "--csv", "-"],
        ["greenbench", "export", base, "--mlflow", "sqlite:///runs.db"],
        ["greenbench", "knobs", "--measure", "T2"],
        ["pytest", "bench", "-q", "-p", "no:cacheprovider"],
    ]
    lines = ["report", "report", "export", "mlflow", "suite", "suite"]
    working = [
        ["greenbench", "list"],
        ["greenbench", "check"],
        ["greenbench", "knobs"],
        ["greenbench", "cache"],
        ["greenbench", "compare", base, worse, "--gate", "energy <= 1.8*saved"],
        ["greenbench", "analyse", base],
        ["pytest", "--fixtures", "-q", "plain", "--confcutdir=plain"],
        ["pytest", *plain],
    ]
    codes = [0] * len(working)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        input=json.dumps(working + needing),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    found = [int(code) for code in re.findall(r"^exit (\d+)$", done.stdout, re.MULTILINE)]
    assert found == [*codes, 2, 2, 2, 2, 2, 4], done.stdout + done.stderr
    assert re.findall(r"greenbench\[(\w+)\]", done.stderr) == lines, done.stderr
