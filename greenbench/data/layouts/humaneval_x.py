"""HumanEval-X (Zheng et al., KDD 2023): functions in several languages, each with unit tests.

A program is the declaration and the canonical solution, without the description, as in its authors'
own translation task. What a test needs precedes it, because a translation need not import it: the
imports of the reference translation, and for Python and C++ those that the authors' evaluation puts
before every program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.data import tables
from greenbench.data.layouts.records import Solution, Solutions, code, language, plain
from greenbench.data.program_tests import Checks
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

NAME = "HumanEval-X"
LOOKS = "HumanEval-X (task_id, declaration, canonical_solution, test)"
REQUIRED = ("task_id", "declaration", "canonical_solution", "test")
OPTIONAL = ("lang", "import", "test_setup")
BEFORE = {
    "python": (
        (
            "import math, re, sys, copy, datetime, itertools, collections, heapq, functools, "
            "hashlib, string"
        ),
        "from typing import *",
    ),
    "cpp": (
        "#include <cstdlib>",
        "#include <algorithm>",
        "#include <cmath>",
        "#include <cstdio>",
        "#include <vector>",
        "#include <string>",
        "#include <climits>",
        "#include <cstring>",
        "#include <iostream>",
        "#include <map>",
        "using namespace std;",
    ),
}
"""Language to the lines that precede every program.

The authors' numpy is left out, as no test needs it.
"""
_LENT = re.compile(r"^(?:import\b.*;|#include\b.*|using\b.*;)[ \t]*$", re.MULTILINE)
"""Lines of a declaration that the test after it needs too."""
_LEFT_OVER = re.compile(r'\n[ \t]*"[ \t]*\n\Z')
"""What the authors' removal of descriptions left of four quotation marks in Python/142."""
_GO_IMPORT = re.compile(r'"([\w./-]+)"')


def fits(columns: Sequence[str], _chosen: Mapping[str, str]) -> bool:
    """Whether the columns (in lower case) are of this layout."""
    return set(REQUIRED) <= set(columns)


def read(file: PurePath, chosen: Mapping[str, str]) -> Solutions:
    """Read the programs of one file. Raises UsageError."""
    table = tables.read_named(file, REQUIRED, OPTIONAL, chosen, may_lack=("test",))
    solutions = Solutions(files=[file])
    for index, row in enumerate(table.rows()):
        solutions.programs.append(_solution(row, table.where(index)))
    return solutions


def _solution(row: Mapping[str, object], where: str) -> Solution:
    prefix, slash, number = plain(row["task_id"], where, "task_id").partition("/")
    if not slash or not number:
        raise UsageError(
            f"{where}: the task_id is {prefix!r} and must be like Python/0; mend the row"
        )
    name = language(_text(row, "lang", where) or prefix)
    declaration = _LEFT_OVER.sub("\n", code(row["declaration"], where))
    body = plain(row["canonical_solution"], where, "program")
    test = _text(row, "test", where)
    text = (declaration + body).lstrip("\r\n")
    preamble = before(name, declaration)
    if name == "go":
        imports = _text(row, "import", where)
        text = _go_imports(_GO_IMPORT.findall(imports), text) + text
        setup = _text(row, "test_setup", where)
        preamble = _go_setup(setup, test)
    tests = Checks(before=preamble, after=test) if test.strip() else None
    return Solution(problem=f"HumanEval/{number}", language=name, text=text, tests=tests)


def _text(row: Mapping[str, object], column: str, where: str) -> str:
    """Return an optional text, empty if the row has none."""
    return plain(row.get(column) or "", where, column)


def before(name: str, declaration: str = "") -> str:
    """Return the lines that precede every program in the language ``name``.

    In Java and C++ they include the imports of the reference translation's ``declaration``.
    """
    lines = list(BEFORE.get(name, ()))
    if name in {"java", "cpp"}:
        lines += _LENT.findall(declaration)
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _go_imports(packages: Sequence[str], text: str) -> str:
    """Import the packages that ``text`` uses: Go refuses unused and missing ones alike."""
    lines = ""
    for package in packages:
        if _uses(package, text):
            lines += f'    "{package}"\n'
    return f"import (\n{lines})\n\n" if lines else ""


def _uses(package: str, text: str) -> bool:
    name = package.rpartition("/")[2]
    return re.search(rf"\b{re.escape(name)}\.", text) is not None


def _go_setup(setup: str, test: str) -> str:
    """Return the package line, and those imports of ``setup`` that the test itself uses."""
    if not setup:
        return ""
    package = setup.partition("import")[0].strip()
    # The package "testing" is needed for the type of the test's parameter
    return f"{package}\n\n{_go_imports(_GO_IMPORT.findall(setup), test + 'testing.')}"
