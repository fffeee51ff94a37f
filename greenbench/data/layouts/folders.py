"""The folders of Pan et al., "Lost in Translation" (ICSE 2024).

Programs are in ``Java/Code/NAME.java``, tests in ``Java/TestCases``: ``NAME_0.in`` and
``NAME_0.out`` (AVATAR) or ``NAME_in.txt`` and ``NAME_out.txt`` (CodeNet). EvalPlus's part has its
Java programs in a Maven project, whose JUnit tests are not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from greenbench.data.formats import decoded
from greenbench.data.layouts.records import Solution, Solutions, language
from greenbench.data.program_tests import Stream, Streams
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NAME = "folders"
LOOKS = "folders such as Java/Code with Java/TestCases"
TESTS, MAVEN = "testcases", "evalplus_java/src/main/java/com/example"
DEEPEST = 4
"""The most folders between the given one and ``Code``."""
ENDINGS: Mapping[str, Sequence[str]] = {
    "java": (".java",),
    "python": (".py",),
    "cs": (".cs",),
    "c": (".c",),
    "cpp": (".cpp", ".cc", ".cxx"),
    "go": (".go",),
    "javascript": (".js",),
}
_CASE = re.compile(r"(?P<program>.+)_(?:(?P<number>\d+)\.(?:in|out)|(?:in|out)\.txt)")

TestFiles = dict[int, dict[str, "Path"]]
"""Number of a test to its files, ``in`` and ``out``."""


def parts(root: Path) -> list[Path]:
    """Return the folders of programs at most a few levels below ``root``, sorted by path."""
    candidates: set[Path] = set()
    for folder in _code_folders(root):
        candidates.add(folder)
        candidates.add(folder.parent.parent / MAVEN)
    return sorted(p for p in candidates if p.is_dir() and _programs(p))


def _code_folders(root: Path) -> Iterator[Path]:
    """Yield what is called ``Code`` below ``root`` and in no hidden folder."""
    for depth in range(1, DEEPEST + 1):
        for folder in root.glob("*/" * depth + "[cC][oO][dD][eE]"):
            below = folder.relative_to(root)
            if not any(name.startswith(".") for name in below.parts):
                yield folder


def read(part: Path, root: Path) -> Solutions:
    """Read the programs and tests of a folder that ``parts`` found below ``root``.

    Raises UsageError if a file is empty or not UTF-8, or if a test lacks its input or output.
    """
    dataset, name = _place(part)
    tests_of = _test_files(part.parent)
    solutions = Solutions()
    for file in _programs(part):
        tests = tests_of.get(file.stem, {})
        solution = Solution(
            problem=(dataset.relative_to(root) / file.stem).as_posix(),
            language=name,
            text=_text(file),
            tests=_streams(tests),
        )
        solutions.programs.append(solution)
        solutions.files.append(file)
        for case in tests.values():
            solutions.files.extend(case.values())
    return solutions


def texts(part: Path) -> list[Path]:
    """Return the files that ``read`` reads: programs, and inputs and outputs of tests."""
    files = _programs(part)
    for tests in _test_files(part.parent).values():
        for case in tests.values():
            files += case.values()
    return sorted(files)


def _programs(part: Path) -> list[Path]:
    """Return the programs of one folder, by its language; none for an unknown language."""
    endings = tuple(ENDINGS.get(_place(part)[1], ()))
    programs = []
    for file in part.iterdir():
        if file.name.lower().endswith(endings) and not file.name.startswith("."):
            programs.append(file)
    return sorted(programs)


def _place(part: Path) -> tuple[Path, str]:
    """Return the data set's folder, within which program names are unique, and the language."""
    if part.as_posix().endswith(MAVEN):
        return part.parents[MAVEN.count("/")], "java"
    return part.parent.parent, language(part.parent.name)


def _text(file: Path) -> str:
    text = decoded(file).removeprefix("\ufeff")
    if not text.strip():
        raise UsageError(f"{file}: the program is empty; write it, or remove the file")
    return text


def _test_files(folder: Path) -> Mapping[str, TestFiles]:
    """Return the files of the tests beside ``Code``, by program."""
    files: dict[str, TestFiles] = defaultdict(lambda: defaultdict(dict))
    for tests in folder.iterdir():
        if tests.name.lower() != TESTS or not tests.is_dir():
            continue
        for file in tests.iterdir():
            match = _CASE.fullmatch(file.name)
            if match is None:
                continue
            is_output = file.stem.endswith("_out") or file.suffix == ".out"
            number = int(match["number"] or 0)
            files[match["program"]][number]["out" if is_output else "in"] = file
    return files


def _streams(tests: TestFiles) -> Streams | None:
    for case in tests.values():
        if len(case) == 1:
            (file,) = case.values()
            raise UsageError(
                f"{file}: is one half of a test, input or output; add the other, or remove it"
            )
    cases = []
    for number in sorted(tests):
        stdin = decoded(tests[number]["in"])
        stdout = decoded(tests[number]["out"])
        cases.append(Stream(stdin=stdin, stdout=stdout))
    return Streams(cases=tuple(cases)) if cases else None
