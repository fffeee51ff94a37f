"""What a definition lacks is named before any of it is run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenbench.tasks import BUILT_IN, CONTRACT
from greenbench.tasks.contract import problems

SPAM = replace(BUILT_IN["T2"], name="spam", origin="package acme 1.2")


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_tasks_of_greenbench_keep_the_contract(name: str) -> None:
    """They are defined like any other."""
    assert problems(BUILT_IN[name]) == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"scores": {}, "primary": ()}, "it has no score; say each one"),
        ({"primary": ()}, "it has no primary score; take one of: mcc"),
        ({"primary": ("recall_at_5",)}, "its primary score recall_at_5 is none of its scores"),
        ({"scores": {"mcc": None}}, "whether more mcc is better is None; say True, or False"),
        ({"sizes": {}}, "it has no sizes for the profile tiny; it has them for: none"),
        ({"contract": CONTRACT + 1}, "update greenbench"),
        ({"contract": 0}, "update what brings the task"),
    ],
)
def test_what_is_missing_is_said_with_the_place(change: dict[str, object], problem: str) -> None:
    """The first sentence names the task, what brings it, what was found and what to do."""
    first, *_ = problems(replace(SPAM, **change))
    assert first.startswith("spam (package acme 1.2): ")
    assert problem in first
