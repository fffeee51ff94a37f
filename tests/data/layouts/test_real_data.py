"""Public data sets are recognised, and give the pairs that they are known to hold."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from greenbench.data.program_tests import Checks, Streams
from greenbench.errors import UsageError
from greenbench.tasks.translation import load as translation

DATA = Path(__file__).parents[3].parent / "shared/datasets"
AVATAR, CODENET = DATA / "avatar_codenet/avatar.parquet", DATA / "avatar_codenet/codenet.parquet"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data are not here")


def load(path: Path, direction: str | None = None) -> Any:
    """Load everything."""
    return translation.load(path, columns={}, sizes=None, seed=0, direction=direction)


@pytest.mark.parametrize("direction", ["java:python", "python:java"])
def test_avatar_has_222_pairs_with_tests(direction: str) -> None:
    """Pairs whose references do not pass are marked in the data, left out, and counted."""
    splits = load(AVATAR, direction)
    assert splits.facts["split_sizes"] == {"train": 178, "valid": 22, "test": 22}
    assert (splits.facts["layout"], splits.facts["test_kind"], splits.facts["marked_unusable"]) == (
        "long",
        "stdin/stdout",
        55,
    )
    assert all(isinstance(p.tests, Streams) and p.target for p in splits.test)


@pytest.mark.parametrize(
    "direction", ["java:python", "python:java", "java:javascript", "python:cpp", "java:go"]
)
def test_humaneval_x_has_164_pairs_in_every_direction(direction: str) -> None:
    """The checks are in the language of the translation."""
    splits = load(DATA / "humaneval_x", direction)
    assert sum(splits.facts["split_sizes"].values()) == 164
    assert all(
        isinstance(p.tests, Checks) and p.language == direction.split(":")[1] for p in splits.test
    )


def test_programs_without_translations_can_be_tested_on_alone(tmp_path: Path) -> None:
    """CodeNet has no pairs: refused alone, with the remedy; a test split beside AVATAR's pairs."""
    with pytest.raises(
        UsageError,
        match=r"no problem of its files has programs in both java and python; put data with pairs",
    ):
        load(CODENET)
    shutil.copy(AVATAR, tmp_path / "train.parquet")
    shutil.copy(CODENET, tmp_path / "test.parquet")
    splits = load(tmp_path)
    assert splits.facts["split_sizes"] == {"train": 200, "valid": 22, "test": 200}
    assert all(p.target is None and p.tests for p in splits.test)
    assert all(p.target for p in (*splits.train, *splits.valid))


def test_more_than_two_languages_ask_for_the_direction() -> None:
    """The sentence lists those that are there, and so it does where one is not."""
    with pytest.raises(UsageError, match=r"cpp, go, java, javascript, python; say which"):
        load(DATA / "humaneval_x")
    with pytest.raises(UsageError, match="choose two of these"):
        load(DATA / "humaneval_x", "java:cs")
