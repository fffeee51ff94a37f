"""docs/own-task.md from nothing to a verdict: its files are written, and its commands are typed.

An example starts in a folder of a git repository that has a pytest configuration of its own.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.cli import main
from greenbench.data.models import modernbert_tiny
from greenbench.results import loading
from greenbench.tasks.kinds.making import KINDS
from greenbench.testing import CONTRACT

if TYPE_CHECKING:
    from greenbench.results.reading import RunRecord

PAGE = (Path(__file__).parent.parent / "docs/own-task.md").read_text("utf-8")
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
FENCE = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<file>[^"]+)")?\n(?P<text>.*?)^```',
    re.DOTALL | re.MULTILINE,
)
PROGRAMS = {
    "pytest": (sys.executable, "-m", "pytest"),
    "python": (sys.executable,),
}
OTHERS = """
[tool.pytest.ini_options]
addopts = "-ra --strict-markers -p no:benchmark"
testpaths = ["tests"]
"""


@dataclass(frozen=True)
class Step:
    """A fence of the page: a file to write, or commands to type."""

    file: str | None
    text: str

    def before_pytest(self) -> Step:
        """Leave out the commands from the first that measures on."""
        if self.file is not None:
            return self
        return Step(None, re.split(r"^pytest\b", self.text, flags=re.MULTILINE)[0])

    def do(self, folder: Path, **variables: str) -> None:
        """Do what a reader does."""
        if self.file is not None:
            path = folder / self.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.text, "utf-8")
            return
        for line in self.text.splitlines():
            program, *arguments = shlex.split(line)
            if program == "greenbench":  # here: another process would import libraries once more
                with contextlib.chdir(folder):
                    assert main(arguments) == 0, line
                continue
            ran = subprocess.run(
                [*PROGRAMS[program], *arguments],
                cwd=folder,
                env={**os.environ, **variables},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, f"{line}\n{ran.stdout[-6000:]}\n{ran.stderr[-3000:]}"
            if program == "pytest":
                (folder / "said.txt").write_text(ran.stdout)


def sections() -> dict[str, list[Step]]:
    """Return the page's fences that are files or commands, by heading."""
    parts = HEADING.split(PAGE)
    found: dict[str, list[Step]] = {}
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        found[title] = []
        for match in FENCE.finditer(text):
            if match["file"] or not match["language"]:
                found[title].append(Step(match["file"], match["text"]))
    return found


SECTIONS = sections()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder of a repository that knows nothing of greenbench."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "pyproject.toml").write_text(OTHERS)
    suite = tmp_path / "green"
    suite.mkdir()
    return suite


def follow(title: str, folder: Path, **variables: str) -> dict[str, RunRecord]:
    """Do what the section says, and return the results files by variant."""
    for step in SECTIONS[title]:
        step.do(folder, **variables)
    records = map(loading.load, loading.results_files(folder / "results"))
    return {record.variant: record for record in records}


def check_verdicts(records: dict[str, RunRecord], gates: int) -> None:
    """Each variant but V0 was judged by every gate, and none was refused or failed."""
    for name, record in records.items():
        (cell,) = record.cells
        assert not cell.failed, cell.error
        assert cell.energy["total_j"].value
        if name.startswith("V0"):
            continue
        assert not cell.without_effect
        verdicts = record.header.verdicts[cell.id]
        assert len(verdicts) == gates
        assert set(verdicts.values()) <= {"PASS", "INCONCLUSIVE"}, verdicts


def test_digits_are_a_suite_that_check_passes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's file and commands up to the measuring make V0 and a variant that check accepts."""
    for step in SECTIONS["Digits with scikit-learn"]:
        step.before_pytest().do(folder)
    with contextlib.chdir(folder):
        assert main(["check"]) == 0
        assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert "V0_baseline" in said
    assert "V1_short" in said


@pytest.mark.slow
def test_digits_with_scikit_learn(folder: Path) -> None:
    """A scikit-learn estimator, V0 and a variant with two gates: a table, and proofs that hold."""
    records = follow("Digits with scikit-learn", folder)
    assert list(records) == ["V0_baseline", "V1_short"]
    check_verdicts(records, gates=2)
    (cell,) = records["V1_short"].cells
    assert cell.quality["accuracy"].value > 0.9
    assert cell.quality["accuracy"].low is not None
    assert not cell.checkpoint.get("revision")
    said = (folder / "said.txt").read_text()
    assert "digits V1" in said
    assert "PASS" in said


@pytest.mark.slow
def test_sentiment_with_a_modernbert_checkpoint(folder: Path) -> None:
    """A checkpoint, and texts of one's own."""
    records = follow("Sentiment with a ModernBERT checkpoint", folder)
    assert list(records) == ["V0_baseline", "V1_bucketed"]
    check_verdicts(records, gates=2)
    (cell,) = records["V0_baseline"].cells
    assert cell.quality["accuracy"].value > 0.5


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a tiny encoder without a head, as a hub has them."""
    from safetensors.numpy import load_file, save_file

    source = Path(modernbert_tiny.__file__).parent
    target = tmp_path / "checkpoint"
    target.mkdir()
    weights = load_file(source / "model.safetensors")
    body = {name: weight for name, weight in weights.items() if name.startswith("model.")}
    save_file(body, target / "model.safetensors", {"format": "pt"})
    for name in ("config.json", "tokenizer.json"):
        (target / name).write_bytes((source / name).read_bytes())
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (target / "tokenizer_config.json").write_text(json.dumps(kind))
    return target


@pytest.mark.slow
def test_a_trainer_script_that_existed_before(folder: Path, checkpoint: Path) -> None:
    """The script is not changed, and its argument is a knob that is read back."""
    (make_reviews,) = [
        step
        for step in SECTIONS["Sentiment with a ModernBERT checkpoint"]
        if step.file == "make_reviews.py"
    ]
    make_reviews.do(folder)
    Step(None, "python make_reviews.py\n").do(folder)
    title = "A Trainer script that existed before"
    records = follow(title, folder, CHECKPOINT=str(checkpoint), HF_HUB_OFFLINE="1")
    assert list(records) == ["V0_baseline", "V1_half"]
    check_verdicts(records, gates=2)


def test_all_code_on_the_page_can_be_read() -> None:
    """Python is parsed, TOML too, and a file that is shown has a name that is written once."""
    files = []
    for match in FENCE.finditer(PAGE):
        if match["language"] == "python":
            ast.parse(match["text"])
        elif match["language"] == "toml":
            tomllib.loads(match["text"])
        files += [match["file"]] if match["file"] else []
    assert len(files) == len(set(files)) >= 5


def test_the_page_states_the_promises_of_the_present_contract() -> None:
    """The table of versions ends with the one that ``greenbench.testing`` has."""
    versions = re.findall(r"^\| (\d+) \| ", PAGE[PAGE.index("| version |") :], re.MULTILINE)
    assert versions == [str(number + 1) for number in range(CONTRACT)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_scores_of_each_kind_are_named_with_the_one_that_counts_first(kind: str) -> None:
    """The row has all of them and no others."""
    row = re.search(rf"^\| `{kind}` \|.*\| (?P<scores>.*) \|$", PAGE, re.MULTILINE)
    assert row is not None
    named = re.findall(r"`(\w+)`", row["scores"])
    made = KINDS[kind]
    assert named[0] == made.primary[0]
    assert set(named) == set(made.scores)
