"""What a suite's functions must be, and what is refused with the function to write."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from greenbench.adapters.task import AdaptedTask
from greenbench.errors import UsageError
from greenbench.tasks.functions.functions import task_functions
from greenbench.tasks.functions.source import from_file, model_of
from tests.tasks.functions import nearest

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = {name: getattr(nearest, name) for name in dir(nearest) if not name.startswith("_")}


def changed(**changes: object) -> SimpleNamespace:
    """Return the task's functions with others in their place; None leaves one out."""
    both = WHOLE | changes
    return SimpleNamespace(**{name: value for name, value in both.items() if value is not None})


def test_functions_options_scores_and_proofs_are_found() -> None:
    """The knobs are those of Options, proved by the field or by a marked function."""
    found = task_functions(nearest, "tasks/T3.py")
    assert (found.primary, found.directions["distance"]) == ("accuracy", False)
    assert [(knob.knob, knob.proved) for knob in found.own.knobs] == [
        ("training.steps", True),
        ("training.rate", False),
        ("data.scale", True),
    ]


def test_an_object_in_task_has_all_functions() -> None:
    """An adapter makes it, and the file holds nothing else."""
    found = task_functions(SimpleNamespace(TASK=nearest), "tasks/T3.py")
    assert found.train is nearest.train


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"predict": None},
            r"has no function predict; write predict\(model, rows, options\)",
        ),
        ({"score": 5}, "score is of type int; it must be a function"),
        ({"train": lambda data: data}, r"train\(data\) cannot be called as train\(options, data, "),
        ({"prepare": lambda: None}, r"prepare\(\) cannot be called as prepare\(options, data, see"),
        ({"PRIMARY": None}, 'has no PRIMARY; write PRIMARY = "accuracy"'),
        ({"HIGHER_IS_BETTER": None}, "does not say whether more accuracy is better; write HIGHER"),
        ({"HIGHER_IS_BETTER": {"distance": False}}, "does not say whether more accuracy is better"),
        ({"HIGHER_IS_BETTER": {"accuracy": 1}}, "HIGHER_IS_BETTER has 'accuracy': 1; write"),
        ({"Options": dict}, "dict is no dataclass; write"),
    ],
)
def test_what_is_missing_is_named_with_what_to_write(
    changes: dict[str, object], problem: str
) -> None:
    """The sentence begins with the file."""
    with pytest.raises(UsageError, match=rf"^tasks/T3.py.*{problem}"):
        task_functions(changed(**changes), "tasks/T3.py")


def test_one_direction_is_that_of_the_primary_score() -> None:
    """A score of unknown direction is refused once it is given; see the judging."""
    found = task_functions(changed(HIGHER_IS_BETTER=False), "tasks/T3.py")
    assert found.directions == {"accuracy": False}


def test_functions_without_options_have_no_knobs() -> None:
    """They are given an empty object."""
    plain = changed(Options=None, scale_of=None)
    assert task_functions(plain, "tasks/T3.py").own.knobs == ()


def test_the_checksum_of_the_code_is_of_all_files_that_have_functions(tmp_path: Path) -> None:
    """An adapter in greenbench has ``train``; ``load`` and ``score`` are of the suite's file."""
    code = "def load(seed, sizes): ...\ndef score(rows, predictions): ...\n"
    checksums = []
    for number, text in enumerate((code, f"{code}# changed\n", code)):
        path = tmp_path / str(number) / "tasks" / "T3.py"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        written = from_file(path, "tasks/T3.py")
        adapted = AdaptedTask(
            load=written.load, score=written.score, PRIMARY="accuracy", HIGHER_IS_BETTER=True
        )
        checksums.append(model_of(adapted, "package mine 1.0").sha256)
    assert checksums[0] != checksums[1]
    assert checksums[0] == checksums[2]
    assert model_of(nearest, "tasks/T3.py").folder.name == "functions"
