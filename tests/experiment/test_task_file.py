"""Files that describe tasks: what they become, and what is wrong with them."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
import task_suites

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import matrix, task_definitions

if TYPE_CHECKING:
    from pathlib import Path

GOOD = task_suites.description("text-classification", "data/x.csv")


def written(folder: Path, text: str, name: str = "T3") -> Path:
    """Write a task's file."""
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / f"{name}.yaml").write_text(text)
    return folder


def test_a_file_becomes_a_definition(tmp_path: Path) -> None:
    """Sizes of each profile are the file's where it says some, else the kind's."""
    more = "score: macro_f1\nprofiles:\n  tiny: {train: 40, epochs: 2, learning_rate: 1e-3}\n"
    task = task_definitions.find("T3", written(tmp_path, GOOD + more))
    assert (task.name, task.kind, task.origin) == ("T3", "text-classification", "tasks/T3.yaml")
    assert task.primary == ("macro_f1",)
    tiny, full = task.sizes["tiny"], task.sizes["full"]
    assert (tiny.sizes, tiny.epochs, tiny.learning_rate) == ((40, 128, 480), 2, 1e-3)
    assert (full.sizes, full.epochs) == ((None, None, None), 3)
    assert tiny.data == tmp_path / "data/x.csv"
    assert task.definition.origin == "tasks/T3.yaml"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "tasks/T3.yaml:1: must be a mapping with the keys kind, model"),
        (GOOD.replace("kind:", "kynd:"), "there is no key 'kynd'; there are: kind"),
        (GOOD.replace("text-classification", "text-clasification"), "did you mean"),
        (GOOD.replace("model: modernbert_tiny\n", ""), ":1: model is missing"),
        (GOOD + "score: bleu\n", "score is 'bleu', which text-classification does not give"),
        (GOOD + "score: {name: log_loss, higher_is_better: true}\n", "of log_loss is false"),
        (GOOD + "profiles: {huge: {}}\n", ":6: there is no key 'profiles.huge'"),
        (GOOD + "profiles: {tiny: {train: -1}}\n", ":6: profiles.tiny.train is '-1'"),
        (GOOD + "labels: [a]\n", ":6: labels must be a list of two or more"),
        (GOOD.replace("label: label", "value: label"), "no key 'data.columns.value'"),
        (GOOD.replace("source: data/x.csv", "split: by luck"), "data.source is missing"),
        (
            GOOD.replace("data/x.csv", "~nobody-here/x.csv"),
            "there is no home directory ~nobody-here",
        ),
        (GOOD + "kind: regression\n", ":6: kind is already set on line 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    """One sentence, which names the file."""
    with pytest.raises(UsageError) as caught:
        task_definitions.find("T3", written(tmp_path, text))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("tasks/T3.yaml")


def test_keys_may_stand_in_any_order(tmp_path: Path) -> None:
    """The columns are those of the kind, wherever it stands."""
    text = "data:\n  source: data/x.csv\n  columns: {text: a, label: b}\n"
    text += "score: {name: log_loss, higher_is_better: false}\n"
    text += "model: modernbert_tiny\nkind: text-classification\n"
    task = task_definitions.find("T3", written(tmp_path, text))
    assert (task.kind, task.primary) == ("text-classification", ("log_loss",))


def test_a_file_that_ends_python_is_one_sentence(tmp_path: Path) -> None:
    """With the line that does."""
    (tmp_path / "tasks").mkdir()
    file = tmp_path / "tasks" / "T3.py"
    file.write_text("import sys\n\nsys.exit()\n")
    with pytest.raises(UsageError, match=r"^tasks/T3\.py:3: SystemExit, which ends Python; put"):
        task_definitions.find("T3", tmp_path)
    named = tmp_path / "tasks" / "T4.yaml"
    named.write_text("kind: function\nfunctions: ends_python\n")
    file.rename(tmp_path / "ends_python.py")
    with pytest.raises(UsageError, match=r"^tasks/T4\.yaml: ends_python cannot be imported \(Sys"):
        task_definitions.find("T4", tmp_path)


def test_a_sentence_of_a_file_s_own_stands_as_it_is(tmp_path: Path) -> None:
    """Such as that of a knob which is declared wrongly: greenbench's own class is no part of it."""
    (tmp_path / "tasks").mkdir()
    text = "from greenbench.errors import UsageError\n\nraise UsageError('rows.csv is missing')\n"
    (tmp_path / "tasks" / "T3.py").write_text(text)
    with pytest.raises(UsageError, match=r"^tasks/T3\.py:3: rows\.csv is missing; mend it, or"):
        task_definitions.find("T3", tmp_path)


def test_a_task_in_two_places_is_refused(tmp_path: Path) -> None:
    """Both are named."""
    with pytest.raises(UsageError, match=r"T1 is defined in greenbench and in tasks/T1\.yaml"):
        task_definitions.find("T1", written(tmp_path, GOOD, "T1"))


def test_a_row_without_a_definition_is_a_problem_of_the_matrix(tmp_path: Path) -> None:
    """The sentence names the row's line and the file to write."""
    task_suites.write(tmp_path, {"T3": "text-classification"}, rows=30)
    experiment = matrix.load(tmp_path / "experiment.md", tmp_path / "variants")
    assert experiment.definitions["T3"].kind == "text-classification"
    assert next(iter(experiment.scores["T3"])) == "accuracy"
    (tmp_path / "tasks/T3.yaml").unlink()
    with pytest.raises(Disagreements, match=r"experiment\.md:7: T3 is defined nowhere"):
        matrix.load(tmp_path / "experiment.md", tmp_path / "variants")


def package(folder: Path, value: str) -> None:
    """Lay a package beside the suite that offers a task."""
    about = folder / "acme_tasks-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tasks\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[greenbench.tasks]\nT7 = {value}\n")
    (folder / "acme.py").write_text(
        "from dataclasses import replace\n"
        "from greenbench.tasks import BUILT_IN\n"
        "good = replace(BUILT_IN['T2'], name='T7', origin='acme')\n"
        "bare = replace(good, scores={}, primary=())\n"
        "future = replace(good, contract=99)\n"
    )
    (folder / "ends.py").write_text("raise SystemExit(3)\n")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("acme:good", ""),
        ("acme:bare", "package acme-tasks 1.2: T7 (acme): it has no score"),
        ("acme:future", "it is written for version 99 of the contract"),
        ("acme:nothing", "package acme-tasks 1.2: its task T7 cannot be imported"),
        ("ends:good", "T7 cannot be imported from ends:good: SystemExit: 3, which ends Python"),
    ],
)
def test_a_package_may_offer_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, sentence: str
) -> None:
    """What is wrong names package, task and what is missing."""
    package(tmp_path, value)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme", raising=False)
    if not sentence:
        assert task_definitions.find("T7", tmp_path).name == "T7"
        return
    with pytest.raises(UsageError) as caught:
        task_definitions.find("T7", tmp_path)
    assert sentence in str(caught.value)


def test_installed_packages_are_read_again_only_when_the_path_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed meanwhile, into a folder of the path too, is found."""
    monkeypatch.delitem(sys.modules, "acme", raising=False)
    reads = []
    entry_points = metadata.entry_points
    monkeypatch.setattr(
        metadata, "entry_points", lambda **asked: reads.append(asked) or entry_points(**asked)
    )
    monkeypatch.syspath_prepend(tmp_path)
    for _ in range(3):
        assert not task_definitions.is_defined("T7", tmp_path)
    assert len(reads) == 1
    package(tmp_path, "acme:good")
    assert task_definitions.find("T7", tmp_path).name == "T7"
    assert len(reads) == 2
