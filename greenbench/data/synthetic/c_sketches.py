"""What a generated C function is made of before it is written down: names and two arrangements.

Does: hold the structures that the functions use (`PRELUDE` declares them), draw identifiers, and
describe a function as a `Sketch` of templates.
Does not: know any flaw (`c_flaws`) or lay out text (`c_functions`).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

# name, text pointer, size, and two int members of each structure in the prelude
STRUCTS = (
    ("packet", "data", "len", "kind", "refs"),
    ("session", "buf", "size", "state", "users"),
    ("frame", "bytes", "length", "type", "locks"),
    ("record", "text", "used", "status", "links"),
    ("stream", "chunk", "fill", "mode", "readers"),
)
_POOLS = {
    "obj": ("p", "ctx", "req", "node", "obj", "self"),
    "array": ("table", "items", "cells", "slots", "arr", "map"),
    "index": ("i", "idx", "pos", "at", "off"),
    "other": ("j", "k", "end", "step", "row"),
    "bound": ("n", "count", "limit", "max", "cap"),
    "value": ("v", "val", "key", "item", "x"),
    "source": ("src", "name", "input", "msg", "line"),
    "result": ("ret", "rc", "out", "res", "sum"),
    "spare": ("flags", "level", "depth", "tag", "opt"),
}
"""Role to the identifiers that may play it; the pools do not overlap, so no two roles collide."""


def _prelude() -> str:
    lines = []
    for header in ("pthread", "stdint", "stdio", "stdlib", "string"):
        lines.append(f"#include <{header}.h>\n")
    for name, text, size, first, second in STRUCTS:
        members = f"char *{text}; size_t {size}; int {first}; int {second};"
        lines.append(f"struct {name} {{ {members} pthread_mutex_t guard; }};\n")
    return "".join(lines)


PRELUDE = _prelude()


class Block(NamedTuple):
    """A control header such as `if (x)` and the statements it governs."""

    header: str
    body: tuple[str, ...]


Node = str | Block


@dataclass(frozen=True, slots=True)
class Sketch:
    """One function before fillers and layout: its signature, its locals and its two arrangements.

    All texts are templates in which a role stands for its identifier: `{array}[{index}] = 0;`.
    `holds` is true when the function owns memory or a lock between its statements: an early return
    among them would plant a second flaw, so fillers that return only go in front.
    """

    cwe: str
    params: tuple[str, ...]
    _: KW_ONLY
    safe: tuple[Node, ...]
    flawed: tuple[Node, ...]
    returns: str = "int"
    variables: tuple[str, ...] = ()
    answer: str = "{result}"
    holds: bool = False


def draw_identifiers(rng: Random) -> dict[str, str]:
    """Draw what stands for each role in one function: identifiers, and `number` and `large`."""
    struct, text, size, first, second = rng.choice(STRUCTS)
    roles = {"struct": struct, "text": text, "size": size, "first": first, "second": second}
    for role, pool in _POOLS.items():
        roles[role] = rng.choice(pool)
    number = rng.randint(2, 64)
    roles["number"] = str(number)
    roles["large"] = str(16 * number)
    return roles


def fill(node: Node, roles: Mapping[str, str]) -> Node:
    """Put identifiers in place of the roles in a statement's templates."""
    if isinstance(node, str):
        return node.format_map(roles)
    body = [part.format_map(roles) for part in node.body]
    return Block(node.header.format_map(roles), tuple(body))
