"""The names that a Java program needs: of its file, and of the class that starts it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 100
"""Characters of a name that any file system takes; with a longer one the compiler complains."""
_TOKEN = re.compile(
    r"""
    //[^\n]* | /\*.*?(?:\*/|\Z)                                        # comments
    | \"{3}(?:\\.|.)*?\"{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'    # texts and characters
    | (?P<open>\{) | (?P<close>\}) | (?P<end>;)
    | \bpackage\s+(?P<package>[\w.]+) | (?P<public>\bpublic\b(?=\s))
    | \b(?:class|interface|enum|record)\s+(?P<type>[\w$]+)
    | (?P<main>\bstatic\s+(?:(?:public|final|synchronized|strictfp)\s+)*void\s+main\s*\()
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class _TopLevelType:
    name: str
    is_public: bool
    has_main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JavaNames:
    """What a program's file has to be called, and the class that starts it, with its package."""

    file: str
    entry: str


def java_names(text: str) -> JavaNames:
    """Name a program's file after its public top-level type, and find the type with a ``main``.

    Without such types both are Main. This is a scan of the braces outside comments and texts, not a
    parser: what it misses does not compile or start, as if misnamed.
    """
    package, types = _scan(text)
    usable = [type_ for type_ in types if len(type_.name) <= _LONGEST]
    public = [type_.name for type_ in usable if type_.is_public]
    starting = [type_.name for type_ in usable if type_.has_main]
    name = public[0] if public else "Main"
    entry = starting[0] if starting else name
    if package:
        entry = f"{package}.{entry}"
    return JavaNames(file=f"{name}.java", entry=entry)


def _scan(text: str) -> tuple[str, list[_TopLevelType]]:
    """Return the package and the top-level types of a program."""
    package = ""
    types: list[_TopLevelType] = []
    depth = 0
    after_public = False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "main" and depth == 1 and types:
            types[-1].has_main = True
        elif depth == 0 and kind == "package":
            package = package or token["package"]
        elif depth == 0 and kind == "type":
            types.append(_TopLevelType(token["type"], after_public))
        if depth == 0 and kind is not None:
            after_public = kind == "public"
    return package, types
