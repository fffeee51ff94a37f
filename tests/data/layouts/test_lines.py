"""Files with a program a line are paired with their translations, in the authors' splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from greenbench.data.pairs import AUTHORS_RULE, RANDOM_RULE, doubts
from greenbench.errors import UsageError
from greenbench.tasks.translation import load as translation

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path, direction: str | None = None, **columns: str) -> Any:
    """Load everything."""
    return translation.load(path, columns=columns, sizes=None, seed=0, direction=direction)


def sentence(path: Path, direction: str | None = None, **columns: str) -> str:
    """Return the error sentence of loading ``path``; it is one line."""
    with pytest.raises(UsageError) as caught:
        load(path, direction, **columns)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def codexglue(root: Path, name: str, count: int, second: str = "cs") -> None:
    """Write a program a line in Java and in another language."""
    root.mkdir(parents=True, exist_ok=True)
    for language in ("java", second):
        lines = [f"{language} {name} {number}\n" for number in range(count)]
        (root / f"{name}.java-{second}.txt.{language}").write_text("".join(lines))


def splits_of(splits: Any) -> list[list[tuple[str, str]]]:
    """Return source and target of the pairs of train, valid and test, sorted."""
    sides = (splits.train, splits.valid, splits.test)
    return [sorted((pair.source, pair.target) for pair in side) for side in sides]


def test_codexglue_is_read_as_it_is_published(tmp_path: Path) -> None:
    """Lines of the same number are a pair, and the splits are the authors'."""
    for name, count in (("train", 9), ("valid", 2), ("test", 3)):
        codexglue(tmp_path / "data", name, count)
    (tmp_path / "README.md").write_text("Java and C#")
    splits = load(tmp_path)
    assert splits_of(splits) == [
        [(f"java {name} {n}", f"cs {name} {n}") for n in range(count)]
        for name, count in (("train", 9), ("valid", 2), ("test", 3))
    ]
    facts = splits.facts
    assert (facts["layout"], facts["direction"], facts["rows"]) == ("lines", "java:cs", 14)
    assert (facts["split_rule"], facts["tests"]) == (AUTHORS_RULE, False)
    assert {pair.language for pair in splits.test} == {"cs"}


def test_the_option_turns_the_direction_around(tmp_path: Path) -> None:
    """The first language of the name is the source only if nothing else is said."""
    codexglue(tmp_path, "all", 20)
    splits = load(tmp_path, "cs:java")
    assert splits.test[0].source.startswith("cs all")
    assert splits.facts["split_rule"] == RANDOM_RULE


def test_languages_are_recognised_by_their_other_names(tmp_path: Path) -> None:
    """As AVATAR's functions are named, without the word txt."""
    for ending in ("java", "python"):
        (tmp_path / f"test.java-python.{ending}").write_text("x\n" * 20)
    with pytest.raises(UsageError, match="1 distinct pairs are left of 20 rows"):
        load(tmp_path)


def test_without_a_valid_split_a_tenth_of_train_is_taken(tmp_path: Path) -> None:
    """As for programs in tables."""
    codexglue(tmp_path, "train", 20)
    codexglue(tmp_path, "test", 5)
    assert load(tmp_path).facts["split_sizes"] == {"train": 18, "valid": 2, "test": 5}


def test_files_of_test_alone_are_divided_here(tmp_path: Path) -> None:
    """A warning says so."""
    codexglue(tmp_path, "test", 30)
    splits = load(tmp_path)
    assert splits.facts["split_sizes"] == {"train": 24, "valid": 3, "test": 3}
    assert "tell the split test" in doubts(splits.facts)[0]


def test_characters_that_are_no_line_feed_end_no_program(tmp_path: Path) -> None:
    """Form feeds and Unicode's line separators may be in a program; a byte order mark is none."""
    odd = "a \x0b b \x0c c \x1c d \x85 e \u2028 f"
    codexglue(tmp_path, "all", 20)
    for ending, mark in (("java", "\ufeff"), ("cs", "")):
        file = tmp_path / f"all.java-cs.txt.{ending}"
        file.write_bytes((mark + file.read_text() + odd + "\r\n").encode())
    splits = load(tmp_path)
    assert (odd, odd) in [pair for side in splits_of(splits) for pair in side]
    assert ("java all 0", "cs all 0") in [pair for side in splits_of(splits) for pair in side]


def test_two_pairs_of_languages_ask_for_the_direction(tmp_path: Path) -> None:
    """The sentence lists those that are there; with the option one is read."""
    codexglue(tmp_path, "all", 20)
    codexglue(tmp_path, "all", 30, second="python")
    assert "programs in java:cs and in java:python; say which" in sentence(tmp_path)
    assert load(tmp_path, "java:python").facts["rows"] == 30
    assert "'java:go', but the files of" in sentence(tmp_path, "java:go")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"one\n", r"all.java-cs.txt.java: has 20 lines, and all.java-cs.txt.cs 1; each"),
        (b"x\n" * 7 + b" \n" + b"x\n" * 12, "all.java-cs.txt.cs:8: the line is blank"),
        (b"x\n" * 9 + b"caf\xe9\n" * 11, "all.java-cs.txt.cs:10: not valid UTF-8"),
        (None, "in cs is missing; add it, or remove this one"),
    ],
)
def test_lines_that_do_not_correspond_are_refused(
    content: bytes | None, told: str, tmp_path: Path
) -> None:
    """No pair is made of lines that are not translations of each other."""
    codexglue(tmp_path, "all", 20)
    other = tmp_path / "all.java-cs.txt.cs"
    if content is None:
        other.unlink()
    else:
        other.write_bytes(content)
    assert told in sentence(tmp_path)


def test_what_else_may_be_meant_is_asked_about(tmp_path: Path) -> None:
    """One file of two, a table beside them, or columns that are not there."""
    codexglue(tmp_path, "all", 20)
    assert "give the folder of both" in sentence(tmp_path / "all.java-cs.txt.java")
    assert "lines data have no columns to choose" in sentence(tmp_path, source="a")
    (tmp_path / "more.csv").write_text("java,cs\na,b\n")
    found = sentence(tmp_path)
    assert "holds the table more.csv and files with a program a line (all.java-cs" in found
