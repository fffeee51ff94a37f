"""HumanEval-X (Zheng et al., KDD 2023): functions in several languages, each with a test in its own language.

A program is the declaration and the canonical solution, without the description, as its authors' own translation task has it.
What a test takes for granted is set before it, because a translation need not name it: the imports of the true translation,
and for Python and C++ the common ones that the authors' evaluation sets before every program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from greenbench.data import tables
from greenbench.data.layouts.records import Program, Read, code, language, plain
from greenbench.data.program_tests import Checks
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.data.tables import Table

NAME = "HumanEval-X"
LOOKS = "HumanEval-X (task_id, declaration, canonical_solution, test)"
REQUIRED = ("task_id", "declaration", "canonical_solution", "test")
OPTIONAL = ("lang", "import", "test_setup")
BEFORE = {
    "python": (
        "import math, re, sys, copy, datetime, itertools, collections, heapq, functools, hashlib, string",
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
"""Language to the lines that stand before every program; the authors' numpy is left out, as no test needs it."""
_LENT = re.compile(r"^(?:import\b.*;|#include\b.*|using\b.*;)[ \t]*$", re.MULTILINE)
"""Lines of a declaration that lend names to the test behind it."""
_LEFT_OVER = re.compile(r'\n[ \t]*"[ \t]*\n\Z')
"""What the authors' removal of descriptions has left of four quotation marks in Python/142."""
_GO_IMPORT = re.compile(r'"([\w./-]+)"')


def fits(columns: Sequence[str], _chosen: Mapping[str, str]) -> bool:
    """Whether the columns (in lower case) are of this layout."""
    return set(REQUIRED) <= set(columns)


def read(file: Path, chosen: Mapping[str, str]) -> Read:
    """Read the programs of one file. Raises UsageError."""
    there = {c.lower() for c in tables.columns(file)}
    optional = [name for name in OPTIONAL if name in there]
    table = tables.read(
        file,
        {name: (name,) for name in (*REQUIRED, *optional)},
        chosen,
        may_lack=("test", *optional),
    )
    rows = [
        dict(zip(table.columns, row, strict=True))
        for row in zip(*table.columns.values(), strict=True)
    ]
    return Read(
        programs=[_program(row, table, index) for index, row in enumerate(rows)], files=[file]
    )


def _program(row: Mapping[str, Any], table: Table, index: int) -> Program:
    where = table.where(index)
    named, slash, number = plain(row["task_id"], where, "task_id").partition("/")
    if not (slash and number):
        raise UsageError(
            f"{where}: the task_id is {named!r} and must be like Python/0; mend the row"
        )
    tongue = language(plain(row.get("lang") or named, where, "language"))
    declaration = _LEFT_OVER.sub("\n", code(row["declaration"], where))
    solution = plain(row["canonical_solution"], where, "program")
    test, setup = (plain(row.get(name) or "", where, name) for name in ("test", "test_setup"))
    text = (declaration + solution).lstrip("\r\n")
    if tongue == "go":
        text = (
            _go_imports(_GO_IMPORT.findall(plain(row.get("import") or "", where, "import")), text)
            + text
        )
    lent = _go_setup(setup, test) if tongue == "go" else before(tongue, declaration)
    tests = Checks(before=lent, after=test) if test.strip() else None
    return Program(problem=f"HumanEval/{number}", language=tongue, text=text, tests=tests)


def before(tongue: str, declaration: str = "") -> str:
    """Return what stands before programs in a language, with what the declaration of the true one lends to its test."""
    lent = _LENT.findall(declaration) if tongue in {"java", "cpp"} else []
    return "".join(f"{line}\n" for line in dict.fromkeys([*BEFORE.get(tongue, ()), *lent]))


def _go_imports(packages: Sequence[str], text: str) -> str:
    """Import the packages that a text uses: Go refuses one that is not used as well as one that lacks."""
    used = [p for p in packages if re.search(rf"\b{re.escape(p.rsplit('/', 1)[-1])}\.", text)]
    lines = "".join(f'    "{package}"\n' for package in used)
    return f"import (\n{lines})\n\n" if used else ""


def _go_setup(setup: str, test: str) -> str:
    """Return the package line and what the test itself uses of the imports behind it."""
    package = setup.partition("import")[0].strip()
    wanted = [
        p
        for p in _GO_IMPORT.findall(setup)
        if p == "testing" or re.search(rf"\b{p.rsplit('/', 1)[-1]}\.", test)
    ]
    return f"{package}\n\n{_go_imports(wanted, test + 'testing.')}" if setup else ""
