"""Reading tables: every format gives the same rows, every damaged file one sentence."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data import tables
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ROLES = {"text": ("func", "code"), "label": ("vul", "target")}
ROWS = [("int f(void)\n{\n\treturn 1, 2;\n}", 0), ('char *g = "a""b";\r\n', 1), ("größe();", 1)]


def write(
    path: Path, rows: list[tuple[Any, Any]], names: tuple[str, str] = ("func", "vul")
) -> Path:
    """Write ``rows`` in the format that the ending of ``path`` names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    if plain.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({name: [o[name] for o in objects] for name in names}), path)
        return path
    with plain.open("w", encoding="utf-8", newline="") as stream:
        if plain.suffix == ".csv":
            writer = csv.writer(stream)
            writer.writerows([names, *rows])
        elif plain.suffix == ".json":
            json.dump(objects, stream)
        else:
            stream.writelines(json.dumps(o) + "\n" for o in objects)
    if plain != path:
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path


def sentence(path: Path, chosen: dict[str, str] | None = None) -> str:
    """Return the error sentence of reading ``path``; it is one line."""
    with pytest.raises(UsageError) as caught:
        tables.read(path, ROLES, chosen or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "ending", ["parquet", "jsonl", "json", "csv", "jsonl.gz", "json.gz", "csv.gz"]
)
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    """Text with line breaks, commas, quotes and umlauts survives; the digest is the file's."""
    file = write(tmp_path / f"data.{ending}", ROWS)
    table = tables.read(file, ROLES, {})
    assert table.columns["text"] == tuple(text for text, _ in ROWS)
    assert [int(label) for label in table.columns["label"]] == [label for _, label in ROWS]
    assert dict(table.names) == {"text": "func", "label": "vul"}
    assert table.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@settings(deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), min_size=1, max_size=8
    )
)
def test_csv_keeps_any_text(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the csv module writes is read back character by character."""
    file = write(tmp_path_factory.mktemp("csv") / "a.csv", [(text, 0) for text in texts])
    assert tables.read(file, ROLES, {}).columns["text"] == tuple(texts)


def test_csv_field_of_a_megabyte_is_read(tmp_path: Path) -> None:
    """A function far above the csv module's limit is read, and that limit is restored."""
    before = csv.field_size_limit()
    file = write(tmp_path / "a.csv", [("x;\n" * 400_000, 1)])
    assert len(tables.read(file, ROLES, {}).columns["text"][0]) == 1_200_000
    assert csv.field_size_limit() == before


def test_json_lines_under_the_ending_json_are_read(tmp_path: Path) -> None:
    """Many tools write one object per line and call it .json."""
    file = write(tmp_path / "a.jsonl", ROWS).rename(tmp_path / "a.json")
    assert len(tables.read(file, ROLES, {}).columns["text"]) == len(ROWS)


def test_folder_is_read_in_order_of_paths(tmp_path: Path) -> None:
    """All tables below a folder are joined, without metadata and hidden files."""
    write(tmp_path / "b" / "2.jsonl", [("second", 1)])
    write(tmp_path / "a" / "1.jsonl", [("first", 0), ("middle", 0)])
    write(tmp_path / ".cache" / "0.jsonl", [("hidden", 0)])
    (tmp_path / "dataset_infos.json").write_text("{}")
    (tmp_path / "README.md").write_text("hello")
    table = tables.read(tmp_path, ROLES, {})
    assert table.columns["text"] == ("first", "middle", "second")
    assert table.where(1) == f"{tmp_path / 'a' / '1.jsonl'}: row 2"
    assert table.where(2) == f"{tmp_path / 'b' / '2.jsonl'}: row 1"
    with pytest.raises(IndexError):
        table.where(3)


def test_chosen_columns_win_over_recognised_ones(tmp_path: Path) -> None:
    """A column named by the user is taken although another one would be recognised."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"func": "old", "func_new": "new", "vul": 1, "target": 0}\n')
    table = tables.read(file, ROLES, {"text": "func_new", "label": "target"})
    assert (table.columns["text"], table.columns["label"]) == (("new",), (0,))


def test_recognised_columns_are_case_insensitive(tmp_path: Path) -> None:
    """FUNC and Vul are found."""
    file = write(tmp_path / "a.csv", ROWS, names=("FUNC", "Vul"))
    assert dict(tables.read(file, ROLES, {}).names) == {"text": "FUNC", "label": "Vul"}


def test_folder_with_different_columns_is_refused(tmp_path: Path) -> None:
    """Two tables that call the text differently are not silently joined."""
    write(tmp_path / "a.csv", ROWS)
    write(tmp_path / "b.csv", ROWS, names=("code", "vul"))
    found = sentence(tmp_path)
    assert "a.csv" in found
    assert "b.csv" in found
    assert "code" in found


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_lacking_column_lists_found_and_recognised_ones(tmp_path: Path, ending: str) -> None:
    """The sentence names the columns that exist, those that would do, and the option."""
    found = sentence(write(tmp_path / f"a.{ending}", ROWS, names=("body", "vul")))
    assert "any of func, code" in found
    assert "among body, vul" in found
    assert "--green-columns TASK=text:COLUMN" in found


def test_ambiguous_columns_ask_for_a_choice(tmp_path: Path) -> None:
    """Where two columns could be the text, none is guessed."""
    found = sentence(write(tmp_path / "a.csv", ROWS, names=("func", "code")))
    assert "several columns could be the text (func, code)" in found
    assert "--green-columns" in found


def test_chosen_column_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A typing error in --green-columns does not fall back to a recognised column."""
    found = sentence(write(tmp_path / "a.csv", ROWS), {"text": "fnuc"})
    assert "'fnuc' of --green-columns" in found
    assert "func, vul" in found


def test_unknown_role_is_refused(tmp_path: Path) -> None:
    """A typing error in a role names those that exist."""
    assert "no role 'txt'; the roles are text, label" in sentence(tmp_path, {"txt": "func"})


def test_one_column_for_two_roles_is_refused(tmp_path: Path) -> None:
    """The label must not be the text."""
    file = write(tmp_path / "a.csv", ROWS)
    assert "one column to several roles" in sentence(file, {"text": "func", "label": "func"})


def test_two_columns_of_the_chosen_name_are_refused(tmp_path: Path) -> None:
    """A csv header may repeat a name; which one is meant cannot be known."""
    file = write(tmp_path / "a.csv", ROWS, names=("func", "vul"))
    file.write_text("func,vul,vul\na,0,1\n")
    assert "2 columns are called 'vul'" in sentence(file, {"label": "vul"})


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json", "csv", "csv.gz"])
def test_file_of_no_bytes_is_refused(tmp_path: Path, ending: str) -> None:
    """An empty file of any format is named."""
    file = tmp_path / f"a.{ending}"
    file.write_bytes(b"")
    assert str(file) in sentence(file)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_table_without_rows_is_refused(tmp_path: Path, ending: str) -> None:
    """A header alone is no data."""
    assert "holds no rows" in sentence(write(tmp_path / f"a.{ending}", []))


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    """A parquet file that a download cut off is not read in part."""
    file = write(tmp_path / "a.parquet", ROWS)
    file.write_bytes(file.read_bytes()[:-20])
    assert "cannot be read as .parquet" in sentence(file)


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    """The rows before the cut are not taken for the whole."""
    file = write(tmp_path / "a.jsonl.gz", ROWS * 100)
    file.write_bytes(file.read_bytes()[:-12])
    assert "cannot be read as .jsonl" in sentence(file)


def test_broken_json_line_is_named(tmp_path: Path) -> None:
    """The line number of the broken line is given."""
    file = write(tmp_path / "a.jsonl", ROWS)
    file.write_text(file.read_text() + '{"func": "cut o')
    assert f"{file}:4: the line is no JSON" in sentence(file)


def test_json_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    """A list has no columns."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"func": "f", "vul": 0}\n[1, 2]\n')
    assert "line 2 is a list" in sentence(file)


@pytest.mark.parametrize("ending", ["jsonl", "json"])
@pytest.mark.parametrize("half", [b"\\ud83d", b"\xed\xa0\xbd"], ids=["escape", "bytes"])
def test_half_of_a_character_in_json_is_named(tmp_path: Path, ending: str, half: bytes) -> None:
    """What text that was cut in the middle leaves could be neither hashed nor tokenised."""
    file = tmp_path / f"a.{ending}"
    rows = [b'{"func": "f", "vul": 0}', b'{"func": "g %s", "vul": 1}' % half]
    file.write_bytes(b"\n".join(rows) if ending == "jsonl" else b"[%s]" % b", ".join(rows))
    assert r"2 has \ud83d, half of a character" in sentence(file)
    file.write_bytes(file.read_bytes().replace(half, b"\\ud83d\\ude00"))
    assert tables.read(file, ROLES, {}).columns["text"] == ("f", "g \U0001f600")


def test_broken_json_list_is_named(tmp_path: Path) -> None:
    """A list that is cut off gives its last line."""
    file = tmp_path / "a.json"
    file.write_text('[{"func": "f", "vul": 0},\n{"func": "g"')
    assert f"{file}:2: no JSON from here on" in sentence(file)


def test_csv_row_with_too_many_fields_is_named(tmp_path: Path) -> None:
    """An unquoted comma gives the line on which its row begins."""
    file = tmp_path / "a.csv"
    file.write_text('func,vul\n"a\nb",0\nf(a, b),1\n')
    assert f"{file}:4: the row has 3 fields, the header 2" in sentence(file)


def test_csv_quote_that_never_closes_is_named(tmp_path: Path) -> None:
    """The rest of the file is not swallowed as one field."""
    file = tmp_path / "a.csv"
    file.write_text('func,vul\na,0\n"b,1\nc,0\n')
    assert f"{file}:3: the row that begins here is broken" in sentence(file)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_other_encodings_than_utf8_are_refused(tmp_path: Path, ending: str) -> None:
    """Latin-1 is not guessed."""
    file = tmp_path / f"a.{ending}"
    text = (
        "func,vul\na,0\nü,0\n"
        if ending == "csv"
        else '{"func": "a", "vul": 0}\n\n{"func": "ü", "vul": 0}\n'
    )
    file.write_bytes(text.encode("latin-1"))
    assert f"{file}:3: " in sentence(file)
    assert "utf-8" in sentence(file).lower()


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_values_that_are_nested_too_deeply_are_refused(tmp_path: Path, ending: str) -> None:
    """A hundred thousand brackets are one sentence, and no traceback."""
    file = tmp_path / f"a.{ending}"
    row = '{"func": "a", "vul": 0, "more": ' + "[" * 100_000 + "]" * 100_000 + "}"
    file.write_text(f"[{row}]" if ending == "json" else row)
    assert "nested too deeply" in sentence(file)


def test_unreadable_bytes_of_a_directory_named_like_a_file_are_a_folder(tmp_path: Path) -> None:
    """A folder called a.parquet, as Spark writes it, is read as a folder."""
    write(tmp_path / "a.parquet" / "part-0.parquet", ROWS)
    assert len(tables.read(tmp_path / "a.parquet", ROLES, {}).columns["text"]) == len(ROWS)


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json", "csv"])
@pytest.mark.parametrize("role", ["text", "label"])
def test_null_rows_are_counted_and_the_first_is_named(
    tmp_path: Path, ending: str, role: str
) -> None:
    """No row without text or label is dropped in silence."""
    null: tuple[Any, Any] = (None, 1) if role == "text" else ("f", None)
    found = sentence(write(tmp_path / f"a.{ending}", [*ROWS, null, ROWS[0], null]))
    assert f"2 of 6 rows have no {role}" in found
    assert "the first is row 4" in found


def test_nan_and_a_left_out_key_are_missing_values(tmp_path: Path) -> None:
    """JSON written by pandas holds NaN, and an object may leave a key out."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"func": "f", "vul": NaN}\n{"func": "g"}\n{"func": "h", "vul": 1}\n')
    assert "2 of 3 rows have no label" in sentence(file)


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json", "csv"])
def test_a_value_that_may_lack_is_none_where_it_does(tmp_path: Path, ending: str) -> None:
    """Null and blank are the same in every format, and other roles may still lack no value."""
    file = write(tmp_path / f"a.{ending}", [ROWS[0], (None, 1), (" \n", 0)])
    table = tables.read(file, ROLES, {}, may_lack=("text",))
    assert table.columns["text"] == (ROWS[0][0], None, None)
    assert len(table.columns["label"]) == 3
    with pytest.raises(UsageError, match="2 of 3 rows have no text"):
        tables.read(file, ROLES, {}, may_lack=("label",))


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_table_without_rows_is_refused_where_values_may_lack_too(
    tmp_path: Path, ending: str
) -> None:
    """Values may lack, rows may not."""
    file = write(tmp_path / f"a.{ending}", [])
    with pytest.raises(UsageError, match="holds no rows"):
        tables.read(file, ROLES, {}, may_lack=("text", "label"))


def test_a_column_that_may_lack_values_may_not_lack_itself(tmp_path: Path) -> None:
    """Only values may be left out."""
    file = write(tmp_path / "a.csv", ROWS, names=("body", "vul"))
    with pytest.raises(UsageError, match="no column for the text"):
        tables.read(file, ROLES, {}, may_lack=("text",))


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json", "csv", "csv.gz"])
def test_columns_are_listed_in_their_order(tmp_path: Path, ending: str) -> None:
    """Every format tells which columns there are."""
    assert tables.columns(write(tmp_path / f"a.{ending}", ROWS, names=("vul", "code"))) == (
        "vul",
        "code",
    )


def test_columns_are_listed_without_reading_rows(tmp_path: Path) -> None:
    """A csv file with damaged rows still has a header, and the csv module's limit is restored."""
    before = csv.field_size_limit()
    file = tmp_path / "a.csv"
    file.write_text('func,vul\na,b,c,d\n"never closed')
    assert tables.columns(file) == ("func", "vul")
    assert csv.field_size_limit() == before
    assert "4 fields" in sentence(file)


def test_columns_of_a_broken_file_are_refused(tmp_path: Path) -> None:
    """The same sentence as reading it gives."""
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"cannot be read as \.parquet"):
        tables.columns(file)
