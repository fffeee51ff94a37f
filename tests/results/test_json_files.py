"""Files that are no results files are named in one clause, whatever they are."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import HEADER, raw_cell
from hypothesis import given
from hypothesis import strategies as st

from greenbench.cli import main
from greenbench.data.ordinary_files import read_bytes
from greenbench.errors import UsageError
from greenbench.results import json_files, loading
from greenbench.results.record import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "V1_x_20200101T000000Z.json"


def results_file() -> dict[str, Any]:
    """Return a results file of one cell, as JSON has it."""
    cell, _, _ = raw_cell(joules=(100.0, 110.0))
    run = {"schema": SCHEMA, "variant": "V1_x", "cells": [cell], **HEADER}
    copy: dict[str, Any] = json.loads(json.dumps(run))
    return copy


WHOLE = json.dumps(results_file())
MALFORMED = {
    "empty": (b"", "Expecting value"),
    "cut": (WHOLE.encode()[:-5], "line 1 column"),
    "nested lists": (b'{"cells":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "more than 100 lists"),
    "nested objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "more than 100 lists"),
    "some levels": (b"[" * 101 + b"]" * 101, "more than 100 lists"),
    "digits": (b'{"schema":' + b"9" * 5000 + b"}", "more than 4,300 digits"),
    "UTF-16": (WHOLE.encode("utf-16"), "byte 0 is not UTF-8"),
    "Latin-1": ('{"variant": "é"}'.encode("latin-1"), "byte 13 is not UTF-8"),
    "NUL bytes": (b"\0" * 20, "Expecting value"),
    "a key twice": (b'{"schema": 3, "schema": 2}', "'schema' stands twice in one object"),
}


@pytest.mark.parametrize(("contents", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_contents_are_named(tmp_path: Path, contents: bytes, reason: str) -> None:
    """A folder's other files are read; the sentence has the file's name and what is wrong."""
    (tmp_path / NAME).write_bytes(contents)
    (tmp_path / "V0_a_20200101T000000Z.json").write_text(WHOLE)
    runs, (problem,) = loading.load_folder(tmp_path)
    assert len(runs) == 1
    assert problem.startswith(f"{tmp_path / NAME}: not a results file (")
    assert reason in problem
    assert problem.endswith("); delete it or give another")


def put_folder(path: Path) -> None:
    """Make a folder."""
    path.mkdir()


def put_dangling_link(path: Path) -> None:
    """Link to what does not exist."""
    path.symlink_to("nowhere")


def put_endless_link(path: Path) -> None:
    """Link to a device that has no end."""
    path.symlink_to("/dev/zero")


def put_large_file(path: Path) -> None:
    """Make a file of 1 GB that takes no space on disk."""
    path.touch()
    os.truncate(path, 1 << 30)


PUT = {
    os.mkfifo: "it is not an ordinary file",
    put_folder: "Is a directory",
    put_dangling_link: "No such file",
    put_endless_link: "it is not an ordinary file",
    put_large_file: "it is larger than 536,870,912 bytes",
}


@pytest.mark.parametrize(("put", "reason"), PUT.items(), ids=lambda value: str(value)[:20])
def test_what_is_no_file_to_read_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], put: Any, reason: str
) -> None:
    """No pipe is waited for, no device read without end; ``compare`` exits with 2."""
    put(tmp_path / NAME)
    runs, (problem,) = loading.load_folder(tmp_path)
    assert runs == []
    assert f"{NAME}: not a results file ({reason}" in problem
    assert main(["compare", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{problem}\n"


def test_a_file_that_only_root_may_read_is_named(tmp_path: Path) -> None:
    """The sentence says that permission is lacking."""
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    (tmp_path / NAME).touch(mode=0)
    _, (problem,) = loading.load_folder(tmp_path)
    assert "not a results file (Permission denied)" in problem


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Some editors put one before UTF-8."""
    (tmp_path / NAME).write_bytes(b"\xef\xbb\xbf" + WHOLE.encode())
    assert loading.load(tmp_path / NAME).variant == "V1_x"


def test_a_file_that_grows_while_it_is_read_has_an_end() -> None:
    """A file that states fewer bytes than it has, as those of the kernel do, is read up to most."""
    with pytest.raises(OSError, match="it is larger than 10 bytes"):
        read_bytes(Path("/proc/self/status"), 10)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"cells": None}, "not a results file (it lacks cells)"),
        ({"environment": None}, "not a results file (it lacks environment)"),
        ({"schema": 0}, "found schema 0, expected one from 1 to"),
        ({"schema": True}, "schema: found True, expected a whole number"),
        ({"schema": SCHEMA + 1}, "update greenbench"),
        ({"cells": [{}]}, "main.json.cells[0].id: found None, expected a text"),
    ],
)
def test_a_header_of_another_form_is_refused(changed: dict[str, Any], sentence: str) -> None:
    """A null is no value, and a schema is one that a greenbench wrote."""
    with pytest.raises(UsageError) as caught:
        loading.parsed({**results_file(), **changed}, "main.json")
    assert sentence in str(caught.value)


def places(value: object) -> Iterator[tuple[object, object]]:
    """Yield each object or list of a results file, and each of its keys."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, entry in inner:
        yield value, key
        yield from places(entry)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(st.data())
def test_any_value_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    """Nothing but a UsageError comes out of a results file that anybody changed."""
    run = results_file()
    spots: Any = list(places(run))
    holder, key = spots[data.draw(st.integers(0, len(spots) - 1))]
    holder[key] = data.draw(JSON)
    with contextlib.suppress(UsageError):
        assert loading.parsed(run, "main.json").variant == run["variant"]


def test_the_deepest_record_is_far_from_the_limit() -> None:
    """A record of two rounds is a tenth as deep as what is refused."""
    levels, _ = json_files._shape(results_file())
    assert levels <= json_files.MOST_LEVELS // 8


def test_a_text_that_looks_like_a_key_hides_no_key_that_stands_twice(tmp_path: Path) -> None:
    """Objects within texts, and white space before a colon, are read as JSON has them."""
    path = tmp_path / NAME
    path.write_text(json.dumps({"error": '{"a": 1, "a" : 2}', "a": [{"b": {}}]}))
    assert json_files.read_json(path) == {"error": '{"a": 1, "a" : 2}', "a": [{"b": {}}]}
    path.write_text('{"error": "no", "inner": [{"a"\n: 1, "a": 2}]}')
    with pytest.raises(ValueError, match="'a' stands twice in one object"):
        json_files.read_json(path)
