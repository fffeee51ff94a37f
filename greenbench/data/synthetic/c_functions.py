"""Generated C functions with and without a flaw: the offline, seconds-long data of the vulnerability task.

Does: turn the sketches of `c_flaws` into complete C functions with fillers and a random layout, normalise them for
comparison, and split them so that no held-out function equals a training function after normalisation.
Does not: stand for real vulnerable code. A score here says whether a pipeline still learns, not how well a model finds
flaws in the wild.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from greenbench.data.synthetic.c_flaws import draw_sketch
from greenbench.data.synthetic.c_sketches import PRELUDE, Block, Names, Node, Sketch, draw_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "BUCKETS",
    "HELD_OUT",
    "PRELUDE",
    "CFunction",
    "bucket",
    "generate",
    "make_splits",
    "normalised",
    "stream",
]

BUCKETS = 16
TEST_BUCKETS = range(4)
VALID_BUCKETS = range(4, 6)
TRAIN_BUCKETS = range(6, BUCKETS)
HELD_OUT = range(6)
_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "break case char const continue default do else for if int long return short signed sizeof static struct "
        "switch unsigned void while",
    ),
)
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*"""
    r"""|->|\+\+|--|<<=|>>=|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||\S""",
    re.DOTALL,
)
_VERBS = (
    "get",
    "set",
    "read",
    "load",
    "put",
    "update",
    "parse",
    "store",
    "check",
    "handle",
    "init",
    "find",
)
_COMMENTS = (
    "fast path",
    "see spec",
    "caller owns it",
    "keep in sync",
    "legacy",
    "hot loop",
    "not reentrant",
    "step",
)
# Fillers work on two numbers that no flaw depends on: {s} is unsigned, {r} the int result; {a} and {b} are constants.
_FILLERS: tuple[Node, ...] = (
    "{s} += {a};",
    "{s} = {s} * {a} + {b};",
    "{s} ^= {s} >> {a};",
    "{s} <<= 1;",
    "{s} = {s} % {a};",
    "{s} = ({s} + {a}) / {b};",
    "{s} = {s} > {a} ? {a} : {s};",
    "{r} = (int)({s} & {a});",
    "{r} ^= {a};",
    "{r} = {s} == {a};",
    "{s}++;",
    "{s} |= {a};",
    'puts("{w}");',
    'printf("%u\\n", {s});',
    'fprintf(stderr, "{w} %d\\n", {r});',
    Block("if ({s} > {a})", ("{s} -= {b};",)),
    Block("if ({s} & {a})", ('puts("{w}");',)),
    Block("if ({s} == {a})", ("{r} = {b};",)),
    Block("while ({s} > {a})", ("{s} /= {b};",)),
    Block("for (int t = 0; t < {a}; t++)", ("{s} += {b};",)),
    Block("if ({r} < {a} && {s} > {b})", ("{s} = 0;",)),
    Block("if (!{s})", ("{s} = {a};",)),
)
_EXITS = (Block("if ({s} > {a})", ("return {q};",)), Block("if ({s} == {a})", ("return {q};",)))
_WORDS = ("ok", "done", "retry", "start", "busy", "skip")


@dataclass(frozen=True, slots=True)
class CFunction:
    """One C function, whether it carries the flaw, and the flaw's CWE name (the kind it was repaired from if safe)."""

    text: str
    vulnerable: bool
    cwe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How a function is written down; drawn without looking at the label."""

    indent: str
    own_line: bool
    braces: bool
    gap: str
    blanks: float
    comments: float


def _draw_layout(rng: Random) -> _Layout:
    return _Layout(
        indent=rng.choice(("  ", "    ", "\t", "        ")),
        own_line=rng.random() < 0.3,  # noqa: PLR2004
        braces=rng.random() < 0.4,  # noqa: PLR2004
        gap=rng.choice((" ", " ", "")),
        blanks=rng.choice((0.0, 0.1, 0.25)),
        comments=rng.choice((0.0, 0.0, 0.1)),
    )


def _fill(rng: Random, names: Names, text: str, leave: str) -> str:
    """Complete one filler template with the function's names and fresh constants."""
    values = {"s": names.spare, "r": names.result, "q": leave, "w": rng.choice(_WORDS)}
    return text.format(a=rng.randint(2, 30), b=rng.randint(2, 9), **values)


def _filler(rng: Random, names: Names, sketch: Sketch, *, early: bool) -> Node:
    """Draw one harmless statement; one that returns only where the function holds nothing yet."""
    leave = "NULL" if sketch.returns != "int" else rng.choice(("-1", "0", "1"))
    node = rng.choice(_EXITS if early and rng.random() < 0.4 else _FILLERS)  # noqa: PLR2004
    if isinstance(node, str):
        return _fill(rng, names, node, leave)
    return Block(
        _fill(rng, names, node.header, leave),
        tuple(_fill(rng, names, part, leave) for part in node.body),
    )


def _statements(rng: Random, names: Names, sketch: Sketch, *, vulnerable: bool) -> list[Node]:
    """Mix one to three fillers into the chosen arrangement, at places drawn without looking at the label."""
    nodes = list(sketch.flawed if vulnerable else sketch.safe)
    for _ in range(rng.randint(1, 3)):
        place = rng.randint(0, len(nodes))
        nodes.insert(place, _filler(rng, names, sketch, early=place == 0 or not sketch.holds))
    return nodes


def _render(rng: Random, layout: _Layout, node: Node) -> Iterator[str]:
    """Yield the lines of one statement, with an occasional comment or blank line before it."""
    if rng.random() < layout.blanks:
        yield ""
    if rng.random() < layout.comments:
        yield f"{layout.indent}/* {rng.choice(_COMMENTS)} */"
    if isinstance(node, str):
        yield layout.indent + node
        return
    yield (
        layout.indent
        + node.header.replace(" (", f"{layout.gap}(", 1)
        + (" {" if layout.braces else "")
    )
    yield from (layout.indent * 2 + part for part in node.body)
    if layout.braces:
        yield layout.indent + "}"


def _function(rng: Random, *, vulnerable: bool) -> CFunction:
    """Draw one whole function; the generator's state decides everything but the label."""
    names = draw_names(rng)
    sketch, layout = draw_sketch(rng, names), _draw_layout(rng)
    params = [*sketch.params, f"unsigned {names.spare}"]
    rng.shuffle(params)
    title = f"{rng.choice(_VERBS)}_{names.struct}"
    head = f"{'static ' * (rng.random() < 0.4)}{sketch.returns}{' ' * (sketch.returns[-1] != '*')}{title}"  # noqa: PLR2004
    lines = [f"{head}({', '.join(params)})" + ("\n{" if layout.own_line else " {")]
    lines += [layout.indent + part for part in (f"int {names.result} = 0;", *sketch.variables)]
    for node in _statements(rng, names, sketch, vulnerable=vulnerable):
        lines.extend(_render(rng, layout, node))
    lines += [f"{layout.indent}return {sketch.answer or names.result};", "}"]
    return CFunction("\n".join(lines) + "\n", vulnerable, sketch.cwe)


def twins(seed: int) -> tuple[CFunction, CFunction]:
    """Return the safe and the vulnerable form of one function: same seed, same tokens, another arrangement."""
    return (
        _function(Random(f"twin-{seed}"), vulnerable=False),
        _function(Random(f"twin-{seed}"), vulnerable=True),
    )


def stream(seed: int, *, vulnerable_share: float = 0.5) -> Iterator[CFunction]:
    """Yield functions without end; the same seed gives the same functions on every Python and machine."""
    rng = Random(f"c-functions-{seed}")  # a text seed is hashed with SHA-512, not with hash()
    while True:
        yield _function(rng, vulnerable=rng.random() < vulnerable_share)


def generate(count: int, seed: int) -> list[CFunction]:
    """Return `count` functions, about half of them vulnerable."""
    functions = stream(seed)
    return [next(functions) for _ in range(count)]


def normalised(text: str) -> str:
    """Return the function's shape: names numbered by first use, constants blanked, comments, braces and layout gone."""
    seen: dict[str, str] = {}
    shape = []
    for word in _TOKEN.findall(text):
        if word.startswith(("//", "/*")) or word in "{}":
            continue
        if word[0].isalpha() and word not in _KEYWORDS:
            shape.append(seen.setdefault(word, f"v{len(seen)}"))
        else:
            shape.append("0" if word[0].isdigit() or word[0] in "'\"" else word)
    return " ".join(shape)


def bucket(text: str) -> int:
    """Return the bucket (0 to 15) of a function's shape: equal shapes always fall into the same one."""
    return hashlib.sha256(normalised(text).encode()).digest()[0] % BUCKETS


def _take(functions: Iterator[CFunction], size: int, buckets: range) -> tuple[CFunction, ...]:
    """Take `size` functions of different shapes from `buckets`, half of them vulnerable (one more if odd)."""
    wanted = {True: size - size // 2, False: size // 2}
    shapes: set[str] = set()
    taken: list[CFunction] = []
    while len(taken) < size:
        function = next(functions)
        shape = normalised(function.text)
        if bucket(function.text) in buckets and wanted[function.vulnerable] and shape not in shapes:
            wanted[function.vulnerable] -= 1
            shapes.add(shape)
            taken.append(function)
    return tuple(taken)


def make_splits(
    sizes: Sequence[int],
    seed: int,
) -> tuple[tuple[CFunction, ...], tuple[CFunction, ...], tuple[CFunction, ...]]:
    """Return train, valid and test of the given three sizes; no shape occurs twice, within a split or across them.

    Shapes are dealt to the splits by their SHA-256, so the promise also holds against the pretraining functions of
    `greenbench.data.models.modernbert_tiny`, which come from training buckets only.
    """
    train, valid, test = sizes
    functions = stream(seed)
    return (
        _take(functions, train, TRAIN_BUCKETS),
        _take(functions, valid, VALID_BUCKETS),
        _take(functions, test, TEST_BUCKETS),
    )
