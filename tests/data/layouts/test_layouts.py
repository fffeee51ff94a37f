"""The layout of data is recognised by its files, and unknown ones give one sentence."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.data.program_tests import Checks, Stream, Streams
from greenbench.errors import UsageError
from greenbench.tasks.translation import load as translation

if TYPE_CHECKING:
    from pathlib import Path

TESTS = [{"input": "1\n", "output": "2\n"}]


def load(path: Path, direction: str | None = None, columns: dict[str, str] | None = None) -> Any:
    """Load everything."""
    return translation.load(path, columns=columns or {}, sizes=None, seed=0, direction=direction)


def pairs(splits: Any) -> list[Any]:
    """Return the pairs of all splits, by problem."""
    return sorted((*splits.train, *splits.valid, *splits.test), key=lambda p: str(p.problem))


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def long_rows(count: int = 24, **more: Any) -> list[dict[str, Any]]:
    """Return a Java and a Python program for each problem."""
    return [
        {
            "problem_id": f"p{n:02}",
            "lang": lang,
            "source": f"{lang} program {n}",
            "tests": json.dumps(TESTS),
            **more,
        }
        for n in range(count)
        for lang in ("Java", "Python")
    ]


def authors(root: Path, language: str, ending: str, names: dict[str, str]) -> None:
    """Write programs and a test each, as the authors of the paper lay them out."""
    code, cases = root / language / "Code", root / language / "TestCases"
    code.mkdir(parents=True)
    cases.mkdir()
    for name, text in names.items():
        (code / f"{name}{ending}").write_text(text)
        (cases / f"{name}_0.in").write_text("1\n")
        (cases / f"{name}_0.out").write_text("2\n")


def test_a_row_for_each_program(tmp_path: Path) -> None:
    """Programs of one problem meet; marked rows are left out and counted."""
    rows = long_rows() + long_rows(1, pair_ok=False, problem_id="bad")
    splits = load(table(tmp_path / "a.jsonl", rows))
    first = pairs(splits)[0]
    assert (first.problem, first.source, first.target, first.language) == (
        "p00",
        "Java program 0",
        "Python program 0",
        "python",
    )
    assert first.tests == Streams(cases=(Stream(stdin="1\n", stdout="2\n"),))
    assert (splits.facts["layout"], splits.facts["marked_unusable"], splits.facts["rows"]) == (
        "long",
        2,
        24,
    )


def test_the_other_way_round(tmp_path: Path) -> None:
    """The tests are those of the source."""
    rows = long_rows()
    for row in rows[1::2]:
        row["tests"] = json.dumps([{"input": "of python", "output": "x"}])
    found = pairs(load(table(tmp_path / "a.jsonl", rows), "python:java"))
    assert {p.tests.cases[0].stdin for p in found} == {"of python"}
    assert {p.language for p in found} == {"java"}


def test_a_column_for_each_language(tmp_path: Path) -> None:
    """Without tests, and in the order of the columns."""
    splits = load(
        table(tmp_path / "a.jsonl", [{"java": f"j{n}", "cs": f"c{n}"} for n in range(24)])
    )
    assert (splits.facts["direction"], splits.facts["layout"], splits.facts["test_kind"]) == (
        "java:cs",
        "wide",
        None,
    )


def test_the_authors_folders(tmp_path: Path) -> None:
    """Both ways of naming tests."""
    names = {f"atcoder_{n:02}": f"program {n}" for n in range(24)}
    authors(tmp_path, "Java", ".java", names)
    authors(tmp_path, "Python", ".py", names)
    for which, text in (("in", "7\n"), ("out", "8\n")):
        (tmp_path / "Java" / "TestCases" / f"atcoder_23_{which}.txt").write_text(text)
        (tmp_path / "Java" / "TestCases" / f"atcoder_23_0.{which}").unlink()
    splits = load(tmp_path, "java:python")
    found = pairs(splits)
    assert (len(found), splits.facts["layout"]) == (24, "folders")
    assert found[0].tests == Streams(cases=(Stream(stdin="1\n", stdout="2\n"),))
    assert found[-1].tests == Streams(cases=(Stream(stdin="7\n", stdout="8\n"),))


def test_half_a_test_is_told(tmp_path: Path) -> None:
    """An input without its output would silently be no test."""
    names = {f"p{n}": "x" for n in range(4)}
    authors(tmp_path, "Java", ".java", names)
    authors(tmp_path, "Go", ".go", names)
    (tmp_path / "Java/TestCases/p1_0.out").unlink()
    with pytest.raises(UsageError, match=r"p1_0.in: is one half of a test, input or output"):
        load(tmp_path)


def test_evalplus_beside_humaneval_x_lends_its_stricter_tests(tmp_path: Path) -> None:
    """Java of the one and Python of the other are pairs, judged by all inputs."""
    prompt = "def add(a, b):\n"
    table(
        tmp_path / "plus.jsonl",
        [
            {
                "task_id": f"HumanEval/{n}",
                "prompt": prompt,
                "entry_point": "add",
                "canonical_solution": "    return a + b\n",
                "base_input": [[1, 2]],
                "plus_input": [[n, n]],
                "atol": 0,
            }
            for n in range(24)
        ],
    )
    table(
        tmp_path / "x.jsonl",
        [
            {
                "task_id": f"Java/{n}",
                "declaration": f"class S{n} {{",
                "canonical_solution": "}",
                "test": "class Main {}",
            }
            for n in range(24)
        ],
    )
    splits = load(tmp_path, "java:python")
    assert splits.facts["layout"] == "EvalPlus and HumanEval-X"
    tests = pairs(splits)[0].tests
    assert isinstance(tests, Checks)
    assert "check_side_by_side(add" in tests.after


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"a": "x", "b": "y"}],
            r"the columns \(a, b\) are of no layout; looked for: a column for each language",
        ),
        (long_rows(tests="[{"), r"the tests are no JSON"),
        (
            long_rows(tests=json.dumps({"input": "x"})),
            r'the tests are a dict; a list like \[\{"input"',
        ),
        (long_rows(tests=json.dumps([{"in": "x"}])), r"test 1: there is no input and output"),
        (long_rows(source=5), r"the program is a int and must be text"),
        (long_rows(problem_id=1.5), r"the problem is 1.5 and must be a name or a whole number"),
        (
            [{**row, "lang": "Java"} for row in long_rows()],
            r"the languages of its programs are java; two of",
        ),
    ],
    ids=["columns", "json", "shape", "case", "type", "problem", "language"],
)
def test_what_is_no_data_is_told_with_its_place(
    tmp_path: Path, rows: list[dict[str, Any]], told: str
) -> None:
    """The file, the row, what was found and what was looked for."""
    with pytest.raises(UsageError, match=told) as caught:
        load(table(tmp_path / "a.jsonl", rows))
    assert "a.jsonl" in str(caught.value)


def test_tables_of_two_layouts_are_not_guessed_at(tmp_path: Path) -> None:
    """Nor is a table beside the authors' folders."""
    table(tmp_path / "mixed/a.jsonl", long_rows())
    table(tmp_path / "mixed/b.jsonl", [{"java": "j", "cs": "c"}])
    with pytest.raises(
        UsageError,
        match=r"a\.jsonl is of the layout long and b\.jsonl of wide; give tables of one layout",
    ):
        load(tmp_path / "mixed")
    authors(tmp_path / "beside", "Java", ".java", {"p": "x"})
    table(tmp_path / "beside/a.jsonl", long_rows())
    with pytest.raises(UsageError, match=r"holds the table a\.jsonl and folders of programs"):
        load(tmp_path / "beside")


def test_an_empty_folder_lists_what_was_looked_for(tmp_path: Path) -> None:
    """A person sees which layouts there are."""
    with pytest.raises(
        UsageError,
        match=r"holds no translation data; looked for: .*EvalPlus.*HumanEval-X.*Java/Code",
    ):
        load(tmp_path)


def test_all_programs_that_are_not_utf8_are_named_at_once(tmp_path: Path) -> None:
    """With their lines, ten at most; a test's input counts too."""
    names = {f"p{n:02}": "x" for n in range(24)}
    authors(tmp_path, "Java", ".java", names)
    authors(tmp_path, "Python", ".py", names)
    (tmp_path / "Java/Code/p03.java").write_bytes(b"ok\ncaf\xe9\n")
    with pytest.raises(UsageError, match=r"Code/p03\.java:2: not valid UTF-8"):
        load(tmp_path)
    (tmp_path / "Python/Code/p07.py").write_bytes(b"\xff\n")
    (tmp_path / "Java/TestCases/p01_0.in").write_bytes(b"1\n2\n\xe4\n")
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: 3 files are not valid UTF-8: Java/Code/p03.java:2, "
        "Java/TestCases/p01_0.in:3, Python/Code/p07.py:1; save them as UTF-8, or remove them"
    )
    for number in range(10, 24):
        (tmp_path / f"Python/Code/p{number}.py").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"17 files are .*Python/Code/p16\.py:1 and 7 more; save"):
        load(tmp_path)


def test_all_tables_that_are_not_utf8_are_named_at_once(tmp_path: Path) -> None:
    """Of a folder of shards, compressed ones too; a table that is UTF-8 is not named."""
    for name in ("train.jsonl", "valid.jsonl", "test.jsonl"):
        table(tmp_path / name, [{"java": "j", "cs": "c"}] * 3)
    (tmp_path / "valid.jsonl").unlink()
    bad = b'{"java": "a", "cs": "b"}\n{"java": "\xe9", "cs": "b"}\n'
    (tmp_path / "valid.jsonl.gz").write_bytes(gzip.compress(bad))
    (tmp_path / "test.jsonl").write_bytes(bad)
    with pytest.raises(
        UsageError, match=r"2 files are not valid UTF-8: valid\.jsonl\.gz:2, test\.jsonl:2; save"
    ):
        load(tmp_path)
