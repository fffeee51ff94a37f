"""The test kit names each way in which a task can be wrong, and finds nothing in one that is right.

Each task of ``made_tasks`` is wrong in one way alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from greenbench.data.synthetic import tickets
from greenbench.errors import Disagreements, UnavailableError
from greenbench.tasks.functions.task import function_task
from greenbench.testing import CONTRACT, check_task
from tests.testing import made_tasks

RIGHT = function_task("right", made_tasks.Threshold(), "tasks/right.py")


@pytest.mark.parametrize("task", [made_tasks.Threshold(), made_tasks.Lower(), RIGHT])
def test_a_task_that_is_right_has_no_problem(task: object) -> None:
    """Whichever form it is given in, and whether more or less of its score is better."""
    report = check_task(task)
    assert report.problems == report.warnings == ()
    assert str(report) == f"{report.task}: nothing is wrong"
    report.require()


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        (made_tasks.NoScore(), r"score"),
        (made_tasks.OtherPrimary(), r"recall"),
        (made_tasks.NoDirection(), r"does not say whether more accuracy is better"),
        (made_tasks.NoSecondDirection(), r"score returned loss, and HIGHER_IS_BETTER does not say"),
        (made_tasks.UnseededSplit(), r"other rows in train and valid and test .* draw the split"),
        (made_tasks.LeakingSplit(), r"3 of 43 test rows are training rows too .* test row 0\)"),
        (made_tasks.FewPredictions(), r"39 predictions for 40 rows"),
        (made_tasks.NotANumber(), r"has 1 of 1 values that are no finite numbers"),
        (made_tasks.ChangesTestRows(), r"a round changed the rows of test, which all rounds"),
        (made_tasks.IgnoredKnob(), r"training\.steps was asked to be 4, and its proof reads 8"),
        (made_tasks.Raises(), r"Raises: training raised KeyError: 0"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_each_way_to_be_wrong_is_a_problem(task: object, problem: str) -> None:
    """One sentence says what was found and what to do; nothing else is said to be wrong."""
    report = check_task(task)
    (found,) = report.problems
    with pytest.raises(Disagreements, match=problem):
        report.require()
    assert "\n" not in found
    assert f"problem: {found}" in str(report)


@pytest.mark.parametrize(
    ("task", "warning"),
    [
        (made_tasks.NearRows(), r"1 test rows are nearly the same as a training row"),
        (made_tasks.BeatenByDummy(), r"the dummy baseline constant reaches accuracy 0\.\d+, and"),
        (made_tasks.ErrorOfDummy(), r"the dummy baseline constant reaches error 0\.\d+, and V0"),
        (made_tasks.Unproved(), r"training\.steps is unproved: .* @greenbench\.proof\(\"steps\"\)"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_may_be_meant_so_is_a_warning(task: object, warning: str) -> None:
    """It is no problem, and it is said."""
    report = check_task(task)
    assert report.problems == ()
    assert any(re.search(warning, found) for found in report.warnings), report.warnings
    report.require()


def test_another_version_of_the_contract_is_a_problem() -> None:
    """A package that was written for a later greenbench is told so, and nothing is run."""
    later = replace(RIGHT, contract=CONTRACT + 1, load=None)
    (problem,) = check_task(later).problems
    assert str(CONTRACT + 1) in problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"scores": {}, "primary": ()}, "score"),
        ({"primary": ("recall",)}, "recall"),
        ({"sizes": {}}, "tiny"),
    ],
)
def test_a_definition_that_lacks_something_is_not_run(
    change: dict[str, object], problem: str
) -> None:
    """What a Task of Python code says of itself must fit together."""
    report = check_task(replace(RIGHT, **change))
    assert any(problem in found for found in report.problems)


def test_a_missing_package_is_no_fault_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of it then: the error has the line to type."""
    monkeypatch.setattr("greenbench.extras._is_installed", lambda _package: False)
    with pytest.raises(UnavailableError, match=r"task right needs .*: pip install"):
        check_task(replace(RIGHT, extra="suite"))


def test_a_file_that_is_none_is_a_problem(tmp_path: Path) -> None:
    """A path that leads nowhere, and a description with a kind that does not exist."""
    (problem,) = check_task(tmp_path / "spam.yaml").problems
    assert "there is no such file; give tasks/NAME.yaml" in problem
    (tmp_path / "spam.yaml").write_text("kind: telepathy\n")
    assert "telepathy" in str(check_task(tmp_path / "spam.yaml"))


FROM_A_FILE = """
import sys
from greenbench.testing import check_task
report = check_task(sys.argv[1])
print(report)
assert not {"torch", "transformers", "sklearn"} & set(sys.modules)
"""


def test_a_file_is_checked_without_torch(tmp_path: Path) -> None:
    """A path is enough, and what the task does not need is not imported."""
    file = tmp_path / "tasks" / "threshold.py"
    file.parent.mkdir()
    source = Path(made_tasks.__file__).read_text()
    file.write_text(f"{source}\nTASK = Threshold()\n")
    command = [sys.executable, "-c", FROM_A_FILE, str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.stdout == "threshold: nothing is wrong\n", ran.stderr


@pytest.mark.slow
def test_a_description_of_texts_is_checked_like_functions(tmp_path: Path) -> None:
    """A checkpoint of greenbench is trained once; made-up tickets are right."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tickets.csv").write_text(
        "text,label\n" + "".join(f"{row['text']!r},{row['label']}\n" for row in _tickets())
    )
    file = tmp_path / "tasks" / "tickets.yaml"
    file.write_text(
        "kind: text-classification\nmodel: modernbert_tiny\n"
        "data: {source: tickets.csv, columns: {text: text, label: label}}\n"
        "profiles: {tiny: {train: 120, valid: 20, test: 40, epochs: 1}}\n"
    )
    assert check_task(file).problems == ()


def _tickets() -> list[dict[str, str]]:
    return [
        {"text": row["text"].replace(",", ""), "label": row["label"]}
        for row in tickets.rows("text-classification", 200)
    ]
