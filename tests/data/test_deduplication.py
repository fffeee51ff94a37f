"""De-duplication: every row is counted, near-duplicates share a cluster, clusters are cached."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.data import deduplication, near_duplicates
from greenbench.data.deduplication import exact, key, near
from greenbench.data.examples import Example

LAYOUT = st.sampled_from(["", " ", "\n", "\t ", "/* x */", "// y\n", "\r\n", "/* // */", "\f"])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Example]:
    """Return an example's code, and the example with other white space and comments."""
    tokens = draw(st.lists(st.sampled_from(["a", "b;", '"//"']), max_size=3))
    text = draw(LAYOUT) + "".join(token + draw(LAYOUT) for token in tokens)
    return "".join(tokens), Example(text=text, label=draw(st.integers(0, 1)))


ROWS = st.lists(written(), max_size=50)


def copies(count: int, words: int = 12) -> list[Example]:
    """Make ``count`` different functions with one near copy each, which has the other label."""
    made = []
    for i in range(count):
        body = " ".join(f"w{i}x{j};" for j in range(words * 3))
        made += [
            Example(text=f"f() {{ {body} }}", label=0),
            Example(text=f"f() {{ {body} more; }}", label=1),
        ]
    return made


# --- the same -------------------------------------------------------------------------------------


@given(rows=ROWS)
def test_every_row_is_accounted_for(rows: list[tuple[str, Example]]) -> None:
    """Kept and removed rows add up, and each code with one label is kept exactly once."""
    labels: dict[str, set[int]] = {}
    for code, example in rows:
        labels.setdefault(code, set()).add(example.label)
    codes = {example.text: code for code, example in rows}
    distinct = exact([example for _, example in rows])
    counts = distinct.counts
    removed = counts["empty_removed"] + counts["duplicates_removed"] + counts["conflicts_removed"]
    assert len(distinct.examples) + removed == len(rows)
    assert counts["empty_removed"] == sum(not code for code, _ in rows)
    agreed = sorted(code for code, found in labels.items() if code and len(found) == 1)
    assert sorted(codes[e.text] for e in distinct.examples) == agreed
    assert counts["conflicting_texts"] == sum(
        len(found) == 2 for code, found in labels.items() if code
    )


@given(rows=ROWS)
def test_no_text_with_both_labels_is_kept(rows: list[tuple[str, Example]]) -> None:
    """What is kept carries the one label that all its rows carry."""
    codes = {example.text: code for code, example in rows}
    for kept in exact([example for _, example in rows]).examples:
        assert {example.label for code, example in rows if code == codes[kept.text]} == {kept.label}


@given(rows=ROWS, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str, Example]], seed: int) -> None:
    """The same examples are kept, letter by letter, and the same counts told."""
    given_rows = [example for _, example in rows]
    first, other = exact(given_rows), exact(random.Random(seed).sample(given_rows, len(given_rows)))
    assert set(first.examples) == set(other.examples)
    assert first.counts == other.counts


def test_the_order_of_rows_does_not_matter_to_where_a_copy_comes_from() -> None:
    """Which project and time a copied function gets does not depend on the order of rows."""
    rows = [
        Example(text="f();", label=0, project=p, time=t)
        for p, t in (("b", 2.0), ("a", 1.0), ("c", None), (None, 3.0))
    ]
    assert exact(rows).examples == exact(rows[::-1]).examples


def test_duplicates_differ_in_comments_and_white_space_only() -> None:
    """White space and comments make no new function; a renamed variable or another string does."""
    texts = (
        "int  a;\n",
        "\tint a;",
        "int a; // the count",
        "/* a */ int/**/a;",
        "int b;",
        'f("//x");',
        'f("//y");',
    )
    distinct = exact([Example(text=t, label=0) for t in texts])
    assert len(distinct.examples) == 4
    assert distinct.counts["duplicates_removed"] == 3


def test_conflicting_rows_are_all_removed() -> None:
    """Three rows of one text with both labels are one conflicting text, and no duplicates."""
    rows = [Example(text=t, label=y) for t, y in (("f", 0), ("f ", 1), ("f // no", 1), ("g", 1))]
    distinct = exact(rows)
    assert [e.text for e in distinct.examples] == ["g"]
    assert distinct.counts == {
        "empty_removed": 0,
        "duplicates_removed": 0,
        "conflicts_removed": 3,
        "conflicting_texts": 1,
    }


@pytest.mark.parametrize("text", ["", " \n", "// nothing", "/* nothing", "/* a */ // b"])
def test_rows_without_code_are_removed_and_are_no_conflict(text: str) -> None:
    """An empty function teaches nothing, whatever its labels."""
    distinct = exact(
        [Example(text=text, label=0), Example(text=text, label=1), Example(text="f", label=1)]
    )
    assert [e.text for e in distinct.examples] == ["f"]
    assert distinct.counts == {
        "empty_removed": 2,
        "duplicates_removed": 0,
        "conflicts_removed": 0,
        "conflicting_texts": 0,
    }
    assert key(text) == b""


# --- nearly the same ------------------------------------------------------------------------------


def test_near_duplicates_are_counted_and_keep_their_labels() -> None:
    """A function and its fix are one cluster of two labels; a stranger is none."""
    rows = [*copies(3), Example(text="int alone(void);", label=1)]
    clustered, counts = near(rows)
    groups = [e.group for e in clustered]
    assert groups[0::2][:3] == groups[1::2]
    assert len(set(groups)) == 4
    assert [(e.text, e.label) for e in clustered] == [(e.text, e.label) for e in rows]
    told = [
        counts[name]
        for name in ("near_duplicates", "near_duplicate_clusters", "near_duplicate_conflicts")
    ]
    assert told == [6, 3, 3]
    assert {type(e.group) for e in clustered} == {int}
    assert counts["clusters_kept"] == "not needed"


def test_a_cluster_of_one_label_is_no_conflict() -> None:
    """Only clusters that hold both labels are told as such."""
    clustered, counts = near([Example(text=e.text, label=1) for e in copies(2)])
    assert (counts["near_duplicate_clusters"], counts["near_duplicate_conflicts"]) == (2, 0)
    assert len(clustered) == 4


def test_nothing_is_near_nothing() -> None:
    """No rows are no clusters."""
    clustered, counts = near([])
    assert (clustered, counts["near_duplicates"], counts["near_duplicate_clusters"]) == ([], 0, 0)


# --- the cache ------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the clusters of few functions kept in a cache that is empty; return its folder."""
    monkeypatch.setattr(deduplication, "KEPT_FROM", 4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "greenbench" / "near-duplicates"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many texts were signed, each time that some are."""
    calls: list[int] = []
    sign = near_duplicates.signatures
    monkeypatch.setattr(
        near_duplicates, "signatures", lambda texts: calls.append(len(texts)) or sign(texts)
    )
    return calls


def test_clusters_are_made_once(kept: Path, made: list[int]) -> None:
    """The second time they come from the cache, and are the same."""
    rows = copies(3)
    (first, told_first), (second, told_second) = near(rows), near(rows)
    assert first == second
    assert made == [6]
    assert (told_first["clusters_kept"], told_second["clusters_kept"]) == (
        "kept in the cache",
        "taken from the cache",
    )
    assert len(list(kept.iterdir())) == 1


def test_few_functions_leave_no_file(kept: Path, made: list[int]) -> None:
    """Clusters that take no time are not kept."""
    near(copies(1))
    near(copies(1))
    assert made == [2, 2]
    assert not kept.exists()


@pytest.mark.parametrize("left", [0, 3, 20, 40, -1], ids=lambda n: f"{n} bytes")
def test_a_cut_off_file_is_made_anew(kept: Path, made: list[int], left: int) -> None:
    """What a full disk left is no cluster; the whole ones are kept again."""
    rows = copies(3)
    first, _ = near(rows)
    file = next(kept.iterdir())
    whole = file.read_bytes()
    file.write_bytes(whole[:left])
    again, told = near(rows)
    assert again == first
    assert told["clusters_kept"] == "kept in the cache"
    assert made == [6, 6]
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [
        b"garbage" * 50,
        b"PK\x03\x04" + b"x" * 60,
        b"\x93NUMPY\x01\x00\x15\x00{'descr': '<i4', (((\n" + bytes(24),
        b"\x93NUMPY\x09\x00" + b"x" * 99,
    ],
    ids=["garbage", "a broken archive", "a broken header", "another version"],
)
def test_a_file_of_something_else_is_made_anew(kept: Path, content: bytes) -> None:
    """Whatever lies in its place is no reason to fail."""
    first, _ = near(copies(3))
    next(kept.iterdir()).write_bytes(content)
    again, told = near(copies(3))
    assert again == first
    assert told["clusters_kept"] == "kept in the cache"


def test_a_file_of_another_length_is_made_anew(kept: Path) -> None:
    """Clusters of other rows are not laid over these."""
    first, _ = near(copies(3))
    np.save(next(kept.iterdir()), np.zeros(5, np.int32))
    assert near(copies(3))[0] == first


@pytest.mark.parametrize("place", ["", "greenbench", "greenbench/near-duplicates"])
def test_a_cache_that_cannot_be_written_is_told_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """If the cache cannot be written, clusters are computed, and the facts give the reason."""
    monkeypatch.setattr(deduplication, "KEPT_FROM", 4)
    chosen = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(chosen))
    blocked = chosen / place
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("")
    clustered, told = near(copies(3))
    assert told["clusters_kept"].startswith("could not be kept: ")
    assert len({e.group for e in clustered}) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_cache_without_leave_to_write_is_told(kept: Path, mode: int) -> None:
    """A folder of somebody else's is no reason to fail."""
    kept.mkdir(parents=True)
    kept.chmod(mode)
    try:
        _, told = near(copies(3))
    finally:
        kept.chmod(0o700)
    assert "could not be kept" in told["clusters_kept"]


def test_a_full_disk_leaves_no_scrap(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file is removed, and the reason told."""
    write = Path.write_bytes

    def full(file: Path, content: bytes) -> None:
        write(file, content[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    _, told = near(copies(3))
    assert "No space left" in told["clusters_kept"]
    assert list(kept.iterdir()) == []


def test_another_text_is_another_file(kept: Path, made: list[int]) -> None:
    """One other letter, or another border between two functions, makes another cache file."""
    rows = copies(3)
    joined = [
        Example(text=rows[0].text + rows[1].text[:1], label=0),
        Example(text=rows[1].text[1:], label=0),
        *rows[2:],
    ]
    for asked in (rows, [*rows[:-1], Example(text=rows[-1].text + ";", label=1)], joined):
        near(asked)
    assert made == [6, 6, 6]
    assert len(list(kept.iterdir())) == 3


@pytest.mark.parametrize(("name", "value"), [("THRESHOLD", 0.9), ("SHINGLE", 5), ("BANDS", 16)])
def test_another_rule_is_another_file(
    kept: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """Clusters made by another rule are not taken for those of this one."""
    near(copies(3))
    monkeypatch.setattr(near_duplicates, name, value)
    assert near(copies(3))[1]["clusters_kept"] == "kept in the cache"
    assert len(list(kept.iterdir())) == 2


def test_another_version_is_another_file(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the clustering makes kept ones void."""
    near(copies(3))
    monkeypatch.setattr(deduplication, "VERSION", deduplication.VERSION + 1)
    near(copies(3))
    assert len(list(kept.iterdir())) == 2
