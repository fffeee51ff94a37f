"""Generated C functions with and without a flaw: the offline data of the vulnerability task.

Does: turn the sketches of `c_flaws` into complete C functions with fillers and a random layout,
normalise them for comparison, and split them so that no held-out function equals a training
function after normalisation.
Does not: stand for real vulnerable code. A score here says whether a pipeline still learns, not how
well a model finds flaws in the wild.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from greenbench.data.synthetic.buckets import (
    TEST_BUCKETS,
    TRAIN_BUCKETS,
    VALID_BUCKETS,
    bucket_of,
)
from greenbench.data.synthetic.c_flaws import draw_sketch
from greenbench.data.synthetic.c_sketches import Block, Node, Sketch, draw_identifiers, fill
from greenbench.data.synthetic.randomness import happens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KEYWORDS = frozenset(
    {
        *("break", "case", "char", "const", "continue", "default", "do", "else", "for", "if"),
        *("int", "long", "return", "short", "signed", "sizeof", "static", "struct", "switch"),
        *("unsigned", "void", "while"),
    }
)
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*"""
    r"""|->|\+\+|--|<<=|>>=|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||\S""",
    re.DOTALL,
)
_VERBS = (
    *("get", "set", "read", "load", "put", "update"),
    *("parse", "store", "check", "handle", "init", "find"),
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
# Fillers work on two numbers that no flaw depends on: {spare} is unsigned, {result} the int result;
# {a} and {b} are constants.
_FILLERS: tuple[Node, ...] = (
    "{spare} += {a};",
    "{spare} = {spare} * {a} + {b};",
    "{spare} ^= {spare} >> {a};",
    "{spare} <<= 1;",
    "{spare} = {spare} % {a};",
    "{spare} = ({spare} + {a}) / {b};",
    "{spare} = {spare} > {a} ? {a} : {spare};",
    "{result} = (int)({spare} & {a});",
    "{result} ^= {a};",
    "{result} = {spare} == {a};",
    "{spare}++;",
    "{spare} |= {a};",
    'puts("{word}");',
    'printf("%u\\n", {spare});',
    'fprintf(stderr, "{word} %d\\n", {result});',
    Block("if ({spare} > {a})", ("{spare} -= {b};",)),
    Block("if ({spare} & {a})", ('puts("{word}");',)),
    Block("if ({spare} == {a})", ("{result} = {b};",)),
    Block("while ({spare} > {a})", ("{spare} /= {b};",)),
    Block("for (int t = 0; t < {a}; t++)", ("{spare} += {b};",)),
    Block("if ({result} < {a} && {spare} > {b})", ("{spare} = 0;",)),
    Block("if (!{spare})", ("{spare} = {a};",)),
)
_EXITS = (
    Block("if ({spare} > {a})", ("return {answer};",)),
    Block("if ({spare} == {a})", ("return {answer};",)),
)
_WORDS = ("ok", "done", "retry", "start", "busy", "skip")


@dataclass(frozen=True, slots=True)
class CFunction:
    """One C function, whether it carries the flaw, and the flaw's CWE name.

    A safe function has the name of the kind that it was repaired from.
    """

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
        own_line=happens(rng, 0.3),
        braces=happens(rng, 0.4),
        gap=rng.choice((" ", " ", "")),
        blanks=rng.choice((0.0, 0.1, 0.25)),
        comments=rng.choice((0.0, 0.0, 0.1)),
    )


def _fill_filler(rng: Random, template: str, roles: Mapping[str, str], answer: str) -> str:
    """Complete one template of a filler with the function's names and fresh constants."""
    word = rng.choice(_WORDS)
    a = rng.randint(2, 30)
    b = rng.randint(2, 9)
    return template.format(a=a, b=b, word=word, answer=answer, **roles)


def _filler(rng: Random, roles: Mapping[str, str], sketch: Sketch, *, early: bool) -> Node:
    """Draw one harmless statement; one that returns only where the function holds nothing yet."""
    answer = "NULL"
    if sketch.returns == "int":
        answer = rng.choice(("-1", "0", "1"))
    leaves = early and happens(rng, 0.4)
    node: Node = rng.choice(_EXITS if leaves else _FILLERS)
    if isinstance(node, str):
        return _fill_filler(rng, node, roles, answer)
    header = _fill_filler(rng, node.header, roles, answer)
    body = [_fill_filler(rng, part, roles, answer) for part in node.body]
    return Block(header, tuple(body))


def _statements(
    rng: Random, roles: Mapping[str, str], sketch: Sketch, *, vulnerable: bool
) -> list[Node]:
    """Mix one to three fillers into the arrangement, at places drawn without seeing the label."""
    arrangement = sketch.flawed if vulnerable else sketch.safe
    nodes = [fill(node, roles) for node in arrangement]
    for _ in range(rng.randint(1, 3)):
        place = rng.randint(0, len(nodes))
        early = place == 0 or not sketch.holds
        nodes.insert(place, _filler(rng, roles, sketch, early=early))
    return nodes


def _lines(rng: Random, layout: _Layout, node: Node) -> Iterator[str]:
    """Yield the lines of one statement, with an occasional comment or blank line before it."""
    if happens(rng, layout.blanks):
        yield ""
    if happens(rng, layout.comments):
        yield f"{layout.indent}/* {rng.choice(_COMMENTS)} */"
    if isinstance(node, str):
        yield layout.indent + node
        return
    header = node.header.replace(" (", f"{layout.gap}(", 1)
    brace = " {" if layout.braces else ""
    yield layout.indent + header + brace
    for statement in node.body:
        yield layout.indent * 2 + statement
    if layout.braces:
        yield layout.indent + "}"


def _opening(rng: Random, roles: Mapping[str, str], sketch: Sketch, layout: _Layout) -> str:
    """Write the function's first line, or two lines where the brace has one of its own."""
    params = [param.format_map(roles) for param in sketch.params]
    params.append("unsigned " + roles["spare"])
    rng.shuffle(params)
    verb = rng.choice(_VERBS)
    storage = "static " if happens(rng, 0.4) else ""
    gap = "" if sketch.returns.endswith("*") else " "
    brace = "\n{" if layout.own_line else " {"
    name = f"{verb}_{roles['struct']}"
    return f"{storage}{sketch.returns}{gap}{name}({', '.join(params)}){brace}"


def _function(rng: Random, *, vulnerable: bool) -> CFunction:
    """Draw one whole function; the generator's state decides everything but the label."""
    roles = draw_identifiers(rng)
    sketch = draw_sketch(rng)
    layout = _draw_layout(rng)
    lines = [_opening(rng, roles, sketch, layout)]
    for declaration in ("int {result} = 0;", *sketch.variables):
        lines.append(layout.indent + declaration.format_map(roles))
    for node in _statements(rng, roles, sketch, vulnerable=vulnerable):
        lines.extend(_lines(rng, layout, node))
    answer = sketch.answer.format_map(roles)
    lines.append(f"{layout.indent}return {answer};")
    lines.append("}\n")
    return CFunction("\n".join(lines), vulnerable, sketch.cwe)


def twins(seed: int) -> tuple[CFunction, CFunction]:
    """Return the safe and the vulnerable form of one function.

    Both come of the same seed and have the same tokens in another arrangement.
    """
    safe = _function(Random(f"twin-{seed}"), vulnerable=False)
    flawed = _function(Random(f"twin-{seed}"), vulnerable=True)
    return safe, flawed


def stream(seed: int, *, vulnerable_share: float = 0.5) -> Iterator[CFunction]:
    """Yield functions without end; a seed gives the same ones on every Python and machine."""
    rng = Random(f"c-functions-{seed}")  # a text seed is hashed with SHA-512, not with hash()
    while True:
        vulnerable = happens(rng, vulnerable_share)
        yield _function(rng, vulnerable=vulnerable)


def generate(count: int, seed: int) -> list[CFunction]:
    """Return ``count`` functions, about half of them vulnerable."""
    return list(islice(stream(seed), count))


def normalised(text: str) -> str:
    """Return the function's shape.

    Names are numbered by first use, constants blanked, and comments, braces and layout are gone.
    """
    numbers: dict[str, str] = {}
    shape = []
    for word in _TOKEN.findall(text):
        if word.startswith(("//", "/*")) or word in "{}":
            continue
        if word[0].isdigit() or word[0] in "'\"":
            shape.append("0")
        elif word[0].isalpha() and word not in _KEYWORDS:
            shape.append(numbers.setdefault(word, f"v{len(numbers)}"))
        else:
            shape.append(word)
    return " ".join(shape)


def bucket(text: str) -> int:
    """Return the bucket (0 to 15) of a function's shape."""
    return bucket_of(normalised(text))


def _take(functions: Iterator[CFunction], size: int, buckets: range) -> tuple[CFunction, ...]:
    """Take functions of different shapes from ``buckets``; half, rounded up, are vulnerable."""
    lacking = {True: size - size // 2, False: size // 2}
    shapes: set[str] = set()
    taken: list[CFunction] = []
    while len(taken) < size:
        function = next(functions)
        shape = normalised(function.text)
        if not lacking[function.vulnerable] or shape in shapes or bucket_of(shape) not in buckets:
            continue
        lacking[function.vulnerable] -= 1
        shapes.add(shape)
        taken.append(function)
    return tuple(taken)


def make_splits(
    sizes: Sequence[int],
    seed: int,
) -> tuple[tuple[CFunction, ...], tuple[CFunction, ...], tuple[CFunction, ...]]:
    """Return train, valid and test of the given three sizes.

    No shape occurs twice, within a split or across them. Shapes are dealt to the splits by
    `buckets`, so the promise also holds for the pretraining functions of
    `greenbench.data.models.modernbert_tiny`.
    """
    train, valid, test = sizes
    functions = stream(seed)
    return (
        _take(functions, train, TRAIN_BUCKETS),
        _take(functions, valid, VALID_BUCKETS),
        _take(functions, test, TEST_BUCKETS),
    )
