"""The folders of Pan et al., "Lost in Translation" (ICSE 2024): ``Java/Code/NAME.java`` beside ``Java/TestCases``.

Tests are ``NAME_0.in`` and ``NAME_0.out`` (AVATAR's) or ``NAME_in.txt`` and ``NAME_out.txt`` (CodeNet's). EvalPlus's part has
its Java programs in a Maven project, whose JUnit tests are not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from greenbench.data.layouts.records import Program, Read, language
from greenbench.data.program_tests import Stream, Streams
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAME = "folders"
LOOKS = "folders such as Java/Code with Java/TestCases"
TESTS, MAVEN = "testcases", "evalplus_java/src/main/java/com/example"
DEEPEST = 4
"""Folders between the one that is given and ``Code``, at most."""
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

Cases = dict[str, dict[int, dict[str, "Path"]]]
"""Program to the number of a test to ``in`` and ``out``."""


def parts(root: Path) -> list[Path]:
    """Find the folders of programs at most a few levels below ``root``, in order of their paths."""
    levels = ["*/" * depth + "[cC][oO][dD][eE]" for depth in range(1, DEEPEST + 1)]
    found = [
        p
        for level in levels
        for p in root.glob(level)
        if not any(n.startswith(".") for n in p.relative_to(root).parts)
    ]
    maven = {data / MAVEN for data in (p.parent.parent for p in found)}
    return sorted(p for p in {*found, *maven} if p.is_dir() and _programs(p))


def read(part: Path, root: Path) -> Read:
    """Read the programs and tests of one folder that ``parts`` found below ``root``. Raises UsageError."""
    data, tongue = _place(part)
    cases = _cases(part.parent)
    read = Read()
    for file in _programs(part):
        name, own = (data.relative_to(root) / file.stem).as_posix(), cases.get(file.stem, {})
        read.programs.append(
            Program(problem=name, language=tongue, text=_text(file), tests=_streams(own))
        )
        read.files += [file, *(f for case in own.values() for f in case.values())]
    return read


def _programs(part: Path) -> list[Path]:
    """List the programs of one folder, by the ending of its language; none where it has no language of ours."""
    endings = tuple(ENDINGS.get(_place(part)[1], ()))
    return sorted(
        p for p in part.iterdir() if p.name.lower().endswith(endings) and not p.name.startswith(".")
    )


def _place(part: Path) -> tuple[Path, str]:
    """Return the folder of the data set, within which a program's name is one, and the language."""
    if part.as_posix().endswith(MAVEN):
        return part.parents[MAVEN.count("/")], "java"
    return part.parent.parent, language(part.parent.name)


def _text(file: Path) -> str:
    text = _decoded(file).removeprefix("\ufeff")
    if not text.strip():
        raise UsageError(f"{file}: the program is empty; write it, or remove the file")
    return text


def _decoded(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file}: not valid UTF-8 ({error.reason}); save the file as UTF-8, or remove it"
        ) from error


def _cases(folder: Path) -> Cases:
    """Sort the files of the tests beside ``Code``, if there are any."""
    found: Cases = defaultdict(lambda: defaultdict(dict))
    for tests in (p for p in folder.iterdir() if p.name.lower() == TESTS and p.is_dir()):
        for file in tests.iterdir():
            if case := _CASE.fullmatch(file.name):
                kind = "out" if file.stem.endswith("_out") or file.suffix == ".out" else "in"
                found[case["program"]][int(case["number"] or 0)][kind] = file
    return found


def _streams(cases: Mapping[int, Mapping[str, Path]]) -> Streams | None:
    for case in cases.values():
        if len(case) == 1:
            raise UsageError(
                f"{next(iter(case.values()))}: is one half of a test, input or output; add the other, or remove it"
            )
    made = (
        Stream(stdin=_decoded(case["in"]), stdout=_decoded(case["out"]))
        for _, case in sorted(cases.items())
    )
    return Streams(cases=tuple(made)) if cases else None
