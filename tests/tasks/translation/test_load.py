"""T1 loads generated data, tables in the authors' splits, single tables, and public pairs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from greenbench.data import hub
from greenbench.data.pairs import AUTHORS_RULE, RANDOM_RULE, PairSplits, doubts
from greenbench.data.synthetic.methods.printing import snake
from greenbench.errors import UnavailableError, UsageError
from greenbench.tasks.translation import load as translation

CODEXGLUE = Path(__file__).parents[3].parent / "shared/datasets/codexglue_java_cs"
SMALL = (20, 6, 8)


def rows(
    count: int, start: int = 0, names: tuple[str, str] = ("java", "cs")
) -> list[dict[str, str]]:
    """Make ``count`` different pairs."""
    return [
        {names[0]: f"int f{i}() {{ return 1; }}", names[1]: f"int F{i}() {{\n\treturn 1;\n}}"}
        for i in range(start, start + count)
    ]


def write(path: Path, made: list[dict[str, Any]]) -> Path:
    """Write rows in the format that the ending of ``path`` names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(made), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(made[0]))
            writer.writeheader()
            writer.writerows(made)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


def load(source: str | Path, columns: dict[str, str] | None = None, **more: Any) -> PairSplits:
    """Load with seed 0, whole if nothing else is said."""
    return translation.load(source, **{"columns": columns or {}, "sizes": None, "seed": 0, **more})


def sentence(*args: Any, **more: Any) -> str:
    """Return the error sentence of loading; it is one line."""
    with pytest.raises(UsageError) as caught:
        load(*args, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sources(splits: PairSplits) -> list[set[str]]:
    """Return the sources by side."""
    return [{p.source for p in side} for side in (splits.train, splits.valid, splits.test)]


# --- generated ------------------------------------------------------------------------------------


def test_generated_data_are_repeatable_and_say_where_they_come_from() -> None:
    """The same seed gives the same pairs and digest, another one others.

    Every pair brings its tests.
    """
    one, same, other = (load("generated", sizes=SMALL, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.facts["sha256"] != other.facts["sha256"]
    facts = one.facts
    assert (facts["direction"], facts["tests"], facts["rows"]) == ("java:python", True, sum(SMALL))
    assert tuple(facts["split_sizes"].values()) == SMALL
    assert facts["test_sources_in_train"] == 0
    for pair in one.test:
        assert pair.source.startswith("static ")
        assert f"def {pair.tests.entry}(" in pair.target
        assert pair.language == "python"
        assert pair.source == pair.source.rstrip()


def test_the_other_direction_swaps_the_texts_and_calls_java() -> None:
    """The same programs, from Python to Java; tests call the name that Java gives."""
    there, back = (load("generated", sizes=SMALL, direction=d) for d in translation.DIRECTIONS)
    assert [(p.source, p.target) for p in there.train] != [(p.source, p.target) for p in back.train]
    assert {(p.source, p.target) for p in there.train} == {(p.target, p.source) for p in back.train}
    assert all(p.language == "java" and f" {p.tests.entry}(" in p.target for p in back.test)
    assert {snake(p.tests.entry) for p in back.test} == {p.tests.entry for p in there.test}


@pytest.mark.parametrize("direction", ["java:cs", "python:javascript"])
def test_generated_data_have_two_directions(direction: str) -> None:
    """Another one is refused, with those that there are."""
    found = sentence("generated", direction=direction)
    assert f"found '{direction}'; the generated data are java:python or python:java" in found


def test_generated_data_have_no_columns() -> None:
    """An option that nothing reads is a mistake, and not ignored."""
    assert "generated data have no columns" in sentence("generated", {"source": "java"})


@pytest.mark.parametrize("direction", ["java:cobol", "java:java", "rust:go"])
def test_unknown_languages_are_refused(direction: str, tmp_path: Path) -> None:
    """Of any data: the sentence lists the languages."""
    file = write(tmp_path / "a.csv", rows(30))
    for source in ("generated", file):
        found = sentence(source, direction=direction)
        assert f"--green-direction: found '{direction}'" in found
        assert "java, python, cs, c, cpp, go, javascript" in found


# --- the authors' split ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("train.parquet", "valid.parquet", "test.parquet"),
        (
            "train-00000-of-00001.parquet",
            "validation-00000-of-00001.parquet",
            "test-00000-of-00001.parquet",
        ),
        ("train.jsonl", "dev.jsonl", "test.jsonl"),
        ("data/Train_java.csv", "data/valid_java.csv", "data/TEST_java.csv"),
    ],
)
def test_the_authors_split_stays_as_it_is(tmp_path: Path, names: tuple[str, str, str]) -> None:
    """Files named after splits are these splits, with their duplicates, which are counted."""
    made = [[*rows(9), *rows(1)], rows(3, 10), [*rows(2), *rows(2, 20)]]
    for name, side in zip(names, made, strict=True):
        write(tmp_path / name, side)
    splits = load(tmp_path)
    assert sources(splits) == [{row["java"] for row in side} for side in made]
    facts = splits.facts
    assert (facts["split_rule"], facts["duplicates_removed"], facts["rows"]) == (
        AUTHORS_RULE,
        0,
        17,
    )
    assert facts["split_sizes"] == {"train": 10, "valid": 3, "test": 4}
    assert (facts["test_sources_in_train"], facts["direction"], facts["tests"]) == (
        2,
        "java:cs",
        False,
    )


def test_two_shards_of_a_side_are_one_side(tmp_path: Path) -> None:
    """All files of a side are read."""
    for name, side in (
        ("train-00000-of-00002", rows(5)),
        ("train-00001-of-00002", rows(5, 5)),
        ("dev", rows(2, 20)),
        ("test", rows(2, 30)),
    ):
        write(tmp_path / f"{name}.parquet", side)
    assert load(tmp_path).facts["split_sizes"] == {"train": 10, "valid": 2, "test": 2}


def test_folders_tell_the_side_too(tmp_path: Path) -> None:
    """Shards below folders called train, validation and test are the authors' splits."""
    for number, name in enumerate(("train/0000.jsonl", "validation/0000.jsonl", "test/0000.jsonl")):
        write(tmp_path / "hub" / name, rows(3 + number, start=10 * number))
    for number, name in enumerate(
        ("java-cs-train.jsonl", "java-cs-valid.jsonl", "java-cs-test.jsonl")
    ):
        write(tmp_path / "names" / name, rows(3 + number, start=10 * number))
    for folder in ("hub", "names"):
        facts = load(tmp_path / folder).facts
        assert (facts["split_rule"], facts["split_sizes"]) == (
            AUTHORS_RULE,
            {"train": 3, "valid": 4, "test": 5},
        )


def test_a_file_of_no_side_is_refused(tmp_path: Path) -> None:
    """Rows that would silently be left out, though the checksum covers them, are named."""
    for number, name in enumerate(("train.jsonl", "valid.jsonl", "test.jsonl", "train2.jsonl")):
        write(tmp_path / name, rows(3, start=10 * number))
    assert "train2.jsonl belongs to none of train, valid and test by its name" in sentence(tmp_path)


def test_half_a_split_is_refused(tmp_path: Path) -> None:
    """A folder that has two sides and lacks another is not split anew in silence.

    The sentence names what is missing.
    """
    write(tmp_path / "train.jsonl", rows(50))
    write(tmp_path / "test.jsonl", rows(5, 50))
    assert "none for valid; add files whose names begin with valid" in sentence(tmp_path)


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_folder_of_one_side_is_split_here_and_this_is_told(name: str, tmp_path: Path) -> None:
    """There are no sides of the authors to keep; a warning says where the sides come from."""
    write(tmp_path / f"{name}.jsonl", rows(50))
    splits = load(tmp_path)
    assert splits.facts["split_sizes"] == {"train": 40, "valid": 5, "test": 5}
    assert splits.facts["split_rule"] == RANDOM_RULE
    (warning,) = doubts(splits.facts)
    assert f"the names of all files tell the split {name}: train, valid and test were" in warning


# --- one table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl", "all.csv", "train.parquet"])
def test_a_single_file_is_split_here(tmp_path: Path, name: str) -> None:
    """Whatever its name, 80 / 10 / 10 of what is distinct; texts are as they are in the file."""
    splits = load(write(tmp_path / name, [*rows(100), *rows(7)]))
    assert splits.facts["split_sizes"] == {"train": 80, "valid": 10, "test": 10}
    assert (splits.facts["split_rule"], splits.facts["duplicates_removed"]) == (RANDOM_RULE, 7)
    assert set.union(*sources(splits)) == {row["java"] for row in rows(100)}
    number = splits.test[0].source.split("(")[0].removeprefix("int f")
    assert (splits.test[0].target, splits.test[0].language) == (
        f"int F{number}() {{\n\treturn 1;\n}}",
        "cs",
    )
    assert splits.test[0].tests is None


def test_the_order_of_rows_is_no_matter(tmp_path: Path) -> None:
    """A file whose rows are mixed gives the same sides in the same order, sizes included."""
    mixed = rows(100)
    Random(0).shuffle(mixed)
    one, other = (
        load(write(tmp_path / name, made), sizes=(30, 5, 5))
        for name, made in (("a.csv", rows(100)), ("b.csv", mixed))
    )
    assert (one.train, one.valid, one.test) == (other.train, other.valid, other.test)


def test_long_pairs_are_counted(tmp_path: Path) -> None:
    """The longest allowed length reaches the data, and the facts."""
    long = {"java": "x" * 500, "cs": "y" * 500}
    splits = load(write(tmp_path / "a.jsonl", [*rows(99), long]), longest=200)
    assert (splits.facts["too_long_removed"], splits.facts["longest_chars"]) == (1, 200)
    assert sum(splits.facts["split_sizes"].values()) == 99


def test_facts_name_the_file_and_not_its_folder(tmp_path: Path) -> None:
    """A results file is shared: it holds the file's name and digest, and not where it lay."""
    facts = load(write(tmp_path / "a.jsonl", rows(50))).facts
    assert (facts["source"], facts["revision"], bool(facts["revision_reason"])) == (
        "a.jsonl",
        None,
        True,
    )
    assert len(facts["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(facts)


def test_hub_data_carry_their_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub id is read like a folder, and the facts name the commit it was fetched at."""
    write(tmp_path / "a.jsonl", rows(50))
    monkeypatch.setattr(hub, "fetch", lambda _name, *, task: (tmp_path, f"commit for {task}"))
    facts = load("owner/name@v1").facts
    assert (facts["source"], facts["revision"]) == ("hub:owner/name@v1", "commit for T1")


def test_hub_out_of_reach_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without network or copy, the sentence tells how to give a local file."""
    monkeypatch.setattr(hub, "_obstacle", lambda: "no network")
    with pytest.raises(UnavailableError, match=r"no network.*--green-data T1=PATH"):
        load("nobody/has-this-data-set")


# --- direction ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "direction"),
    [
        (("cs", "java"), "cs:java"),
        (("Python", "C++"), "python:cpp"),
        (("js", "go"), "javascript:go"),
    ],
)
def test_columns_tell_the_direction(tmp_path: Path, names: tuple[str, str], direction: str) -> None:
    """The language that stands first is the source."""
    splits = load(write(tmp_path / "a.csv", rows(50, names=names)))
    assert splits.facts["direction"] == direction
    assert splits.test[0].source.startswith("int f")
    assert splits.test[0].language == direction.split(":")[1]


def test_the_option_turns_the_columns_around(tmp_path: Path) -> None:
    """What is asked for wins over the order of the columns."""
    splits = load(write(tmp_path / "a.csv", rows(50)), direction="cs:java")
    assert (splits.test[0].source[:5], splits.test[0].language, splits.facts["direction"]) == (
        "int F",
        "java",
        "cs:java",
    )


@pytest.mark.parametrize("names", [("source", "target"), ("java", "translation")])
def test_columns_that_do_not_tell_ask_for_the_option(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    """The sentence lists the columns and gives an example."""
    found = sentence(write(tmp_path / "a.csv", rows(50, names=names)))
    assert f"({', '.join(names)}); say it with --green-direction SRC:DST, e.g. java:cs" in found


def test_columns_of_no_layout_list_what_was_looked_for(tmp_path: Path) -> None:
    """The sentence names every layout by what it looks like, and the option for the columns."""
    found = sentence(write(tmp_path / "a.csv", rows(50, names=("before", "after"))))
    for looked_for in (
        "a column for each language",
        "canonical_solution",
        "base_input",
        "Java/Code",
        "--green-columns T1=",
    ):
        assert looked_for in found


def test_three_languages_ask_for_the_option(tmp_path: Path) -> None:
    """Which two are meant cannot be known; with the option they are taken."""
    file = write(tmp_path / "a.jsonl", [{**row, "python": "pass"} for row in rows(50)])
    assert "--green-direction" in sentence(file)
    assert load(file, direction="cs:python").test[0].target == "pass"


def test_source_and_target_columns_with_the_option(tmp_path: Path) -> None:
    """Columns called source and target are found if the languages are known, others if named."""
    assert (
        load(
            write(tmp_path / "a.csv", rows(50, names=("source", "target"))), direction="java:cs"
        ).facts["rows"]
        == 50
    )
    other = write(tmp_path / "b.csv", rows(50, names=("before", "after")))
    splits = load(other, {"source": "before", "target": "after"}, direction="java:cs")
    assert (splits.test[0].source[:5], splits.test[0].target[:5]) == ("int f", "int F")


def test_a_language_without_column_is_refused(tmp_path: Path) -> None:
    """A direction that the table does not have names its columns."""
    found = sentence(write(tmp_path / "a.csv", rows(50)), direction="java:go")
    assert "go" in found
    assert "java, cs" in found


def test_numbers_are_no_texts(tmp_path: Path) -> None:
    """The row that holds one is named."""
    file = write(tmp_path / "a.jsonl", [*rows(30), {"java": 5, "cs": "x"}])
    assert f"{file}: row 31: source and target must be text" in sentence(file)


@pytest.mark.skipif(not CODEXGLUE.is_dir(), reason="the CodeXGLUE pairs are not on this machine")
@pytest.mark.parametrize("direction", [None, "cs:java"])
def test_the_public_pairs_are_read_whole(direction: str | None) -> None:
    """CodeXGLUE's three splits keep their sizes in both directions, and no pair is lost."""
    splits = load(CODEXGLUE, direction=direction)
    assert splits.facts["split_sizes"] == {"train": 10_295, "valid": 499, "test": 1_000}
    assert splits.facts["direction"] == (direction or "java:cs")
    assert (splits.facts["split_rule"], splits.facts["rows"], splits.facts["tests"]) == (
        AUTHORS_RULE,
        11_794,
        False,
    )
    assert 40 <= splits.facts["test_sources_in_train"] <= 60
    boolean = [
        sum(" bool " in text for text in texts)
        for texts in zip(*((p.source, p.target) for p in splits.test), strict=True)
    ]
    assert (
        boolean[direction is None] > 10 * boolean[direction is not None]
    )  # C# says bool, Java boolean
