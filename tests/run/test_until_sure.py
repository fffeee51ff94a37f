"""When a session looks at its blocks, and which options contradict that."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment.cells import cells_of
from greenbench.experiment.profiles import profile
from greenbench.experiment.resolving import resolve_settings
from greenbench.options import Options
from greenbench.run.until_sure import check_controls, planned_looks
from greenbench.stats.looks import Looks
from greenbench.types import Variant


def looks(**given: object) -> Looks | None:
    """Return the looks of a session with these options."""
    written = {f"--green-{name.replace('_', '-')}": value for name, value in given.items()}
    return planned_looks(resolve_settings(written.get, Path("/nowhere"), tasks=(), models=()))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"until_sure": "off"}, None),
        ({"until_sure": "8"}, Looks(3, 8)),
        ({"until_sure": "8", "profile": "full"}, Looks(5, 8)),
        ({"until_sure": "8", "rounds": "4"}, Looks(4, 8)),
        ({"until_sure": "3", "rounds": "3"}, Looks(3, 3)),
        ({"until_sure": "8", "block": "2", "resume": True}, None),
    ],
)
def test_looks_begin_after_the_rounds_that_are_asked_for_and_three_at_least(
    given: dict[str, object], expected: Looks | None
) -> None:
    """Profiles with one round begin with three; a single block is not looked at."""
    assert looks(**given) == expected


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"until_sure": "2"}, "found '2'; give a whole number from 3 to 100, or off"),
        ({"until_sure": "101"}, "found '101'; give a whole number from 3 to 100, or off"),
        ({"until_sure": "8", "rounds": "2"}, "first look is after --green-rounds=2 blocks"),
        ({"until_sure": "8", "rounds": "9"}, "=8: a cell has at least 9 rounds"),
        ({"until_sure": "8", "interleave": "off"}, "with --green-interleave=off there are none"),
        ({"until_sure": "8", "resume": True}, "leave out --green-resume"),
    ],
)
def test_what_contradicts_looks_is_refused_in_one_sentence(
    given: dict[str, object], sentence: str
) -> None:
    """It says which options, and what to do."""
    with pytest.raises((UsageError, Disagreements), match=sentence):
        looks(**given)


def test_without_a_gate_v0_has_to_be_selected() -> None:
    """Otherwise nothing says when a cell is settled."""
    variants = [Variant(name="V1_fast", title="", options=Options(), folder=Path())]
    cells = cells_of("T2", variants, profile("tiny"), seed=0, rounds=3)
    with pytest.raises(UsageError, match="V0 of T2 is not selected"):
        check_controls(cells, gates=())
