"""Names in a Java program: of its file, and of the class that starts it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 100
"""Characters of a name that a file system takes however they are encoded; with a longer one the compiler will complain."""
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
class _Type:
    name: str
    public: bool
    starts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a program's file has to be called, and the class that starts it, with its package."""

    file: str
    entry: str


def names(text: str) -> Names:
    """Name a program's file after its public top-level type, and find the top-level type with a ``main``; else both are Main.

    A scan of the braces outside comments and texts, not a parser: what it misses does not compile or start, as if misnamed.
    """
    package, types = _scan(text)
    public = next((one.name for one in types if one.public and len(one.name) <= _LONGEST), "Main")
    start = next((one.name for one in types if one.starts and len(one.name) <= _LONGEST), public)
    return Names(file=f"{public}.java", entry=f"{package}.{start}" if package else start)


def _scan(text: str) -> tuple[str, list[_Type]]:
    package, types, depth, public = "", list[_Type](), 0, False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind in {"open", "close"}:
            depth += 1 if kind == "open" else -1
        elif kind == "main" and depth == 1 and types:
            types[-1].starts = True
        elif depth == 0 and kind == "package":
            package = package or token["package"]
        elif depth == 0 and kind == "type":
            types.append(_Type(token["type"], public))
        if depth == 0 and kind is not None:
            public = kind == "public"
    return package, types
