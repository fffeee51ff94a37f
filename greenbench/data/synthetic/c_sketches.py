"""What a generated C function is made of before it is written down: its names and its two arrangements.

Does: hold the structures that the functions use (`PRELUDE` declares them), draw names, and describe a function as a
`Sketch`. Does not: know any flaw (`c_flaws`) or lay out text (`c_functions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random

# name, text pointer, size, and two int members of each structure in the prelude
STRUCTS = (
    ("packet", "data", "len", "kind", "refs"),
    ("session", "buf", "size", "state", "users"),
    ("frame", "bytes", "length", "type", "locks"),
    ("record", "text", "used", "status", "links"),
    ("stream", "chunk", "fill", "mode", "readers"),
)
_HEADERS = ("pthread", "stdint", "stdio", "stdlib", "string")
PRELUDE = "".join(f"#include <{header}.h>\n" for header in _HEADERS) + "".join(
    f"struct {name} {{ char *{text}; size_t {size}; int {first}; int {second}; pthread_mutex_t guard; }};\n"
    for name, text, size, first, second in STRUCTS
)


class Block(NamedTuple):
    """A control header such as `if (x)` and the statements it governs."""

    header: str
    body: tuple[str, ...]


Node = str | Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The identifiers of one function, drawn once so that both twins use the same ones."""

    struct: str
    text: str
    size: str
    first: str
    second: str
    obj: str
    array: str
    index: str
    other: str
    bound: str
    value: str
    source: str
    result: str
    spare: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """One function before fillers and layout: its signature, its locals and its two arrangements.

    `holds` is true when the function owns memory or a lock between its statements: an early return among them would
    plant a second flaw, so fillers that return only go in front.
    """

    cwe: str
    returns: str
    params: tuple[str, ...]
    safe: tuple[Node, ...]
    flawed: tuple[Node, ...]
    variables: tuple[str, ...] = ()
    answer: str = ""
    holds: bool = False


def draw_names(rng: Random) -> Names:
    """Draw the identifiers of one function; the pools do not overlap, so no two roles share a name."""
    struct, text, size, first, second = rng.choice(STRUCTS)
    return Names(
        struct=struct,
        text=text,
        size=size,
        first=first,
        second=second,
        obj=rng.choice(("p", "ctx", "req", "node", "obj", "self")),
        array=rng.choice(("table", "items", "cells", "slots", "arr", "map")),
        index=rng.choice(("i", "idx", "pos", "at", "off")),
        other=rng.choice(("j", "k", "end", "step", "row")),
        bound=rng.choice(("n", "count", "limit", "max", "cap")),
        value=rng.choice(("v", "val", "key", "item", "x")),
        source=rng.choice(("src", "name", "input", "msg", "line")),
        result=rng.choice(("ret", "rc", "out", "res", "sum")),
        spare=rng.choice(("flags", "level", "depth", "tag", "opt")),
        number=rng.randint(2, 64),
    )
