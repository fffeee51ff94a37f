"""Java methods with their Python translations and tests, split without near-duplicates.

Expected outputs are what the tree means by Java's rules (``meaning``), not what a printed program
happens to return. Every method has at least ``CASES`` inputs for which it is defined, and gives at
least two different outputs on them.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from greenbench.data.synthetic.buckets import (
    TEST_BUCKETS,
    TRAIN_BUCKETS,
    VALID_BUCKETS,
    bucket_of,
)
from greenbench.data.synthetic.methods.drawing import draw_method
from greenbench.data.synthetic.methods.meaning import call
from greenbench.data.synthetic.methods.operations import Undefined
from greenbench.data.synthetic.methods.printing import write
from greenbench.data.synthetic.randomness import happens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.data.synthetic.methods.tree import Method, Value

CASES, TRIES = 8, 24
LONGEST_JAVA = 250
"""Characters of a method's Java text, about 90 tokens: longer ones are not used."""
ALIKE = 0.8
"""From this similarity on (see ``similarity``) two methods are near-duplicates."""
SHINGLE = 4
"""Tokens in a row that are compared."""
_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[A-Za-z_]\w*|\d+|\+\+|--|[-+*/%<>=!]=|&&|\|\||\S""")
_KEPT = frozenset(
    {
        *("static", "int", "boolean", "String", "char", "if", "else", "for", "while", "return"),
        *("break", "continue", "new", "true", "false", "length", "charAt", "substring", "equals"),
        *("isEmpty", "contains", "startsWith", "indexOf", "toUpperCase", "toLowerCase", "replace"),
        *("toCharArray", "Math", "abs", "max", "min", "Character", "isDigit"),
    }
)
"""Words of a Java text that are no names of its own."""
_LETTERS = "abxz019-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: the arguments of a call and what it returns, as plain builtins."""

    arguments: tuple[Value, ...]
    expected: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A drawn method with its tests."""

    method: Method
    cases: tuple[Case, ...]


def stream(seed: int) -> Iterator[Method]:
    """Yield methods of a usual length without end.

    A seed gives the same methods on every Python and machine.
    """
    rng = Random(f"methods-{seed}")
    while True:
        method = draw_method(rng)
        if len(write(method, "java")) <= LONGEST_JAVA:
            yield method


def programs(seed: int) -> Iterator[Program]:
    """Yield those methods of ``stream`` that can be tested, with their tests."""
    rng = Random(f"inputs-{seed}")
    for method in stream(seed):
        cases = draw_cases(rng, method)
        if cases is not None:
            yield Program(method=method, cases=cases)


def draw_cases(rng: Random, method: Method) -> tuple[Case, ...] | None:
    """Draw inputs and compute the outputs.

    None where too few inputs have an output, or all have the same.
    """
    cases: list[Case] = []
    for _ in range(TRIES):
        arguments = tuple(draw_argument(rng, type_) for type_, _ in method.params)
        try:
            expected = call(method, arguments)
        except Undefined:
            continue
        cases.append(Case(arguments=arguments, expected=expected))
        if len(cases) == CASES:
            outputs = {str(case.expected) for case in cases}
            return tuple(cases) if len(outputs) > 1 else None
    return None


def draw_argument(rng: Random, type_: str) -> Value:
    """Draw a value of a parameter's type."""
    if type_ == "int":
        return rng.choice((rng.randint(-9, 12), rng.randint(-9, 12), rng.randint(-120, 120)))
    if type_ == "boolean":
        return happens(rng, 0.5)
    length = rng.randint(0, 6)
    if type_ == "String":
        return "".join(rng.choice(_LETTERS) for _ in range(length))
    return [rng.randint(-20, 20) for _ in range(length)]


# --- similarity -----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def shape(java: str) -> tuple[str, ...]:
    """Return a method's tokens with its names numbered by first use and all constants alike."""
    numbers: dict[str, str] = {}
    tokens = []
    for word in _TOKEN.findall(java):
        if word[0] in "'\"" or word.isdigit():
            tokens.append("0")
        elif word[0].isalpha() and word not in _KEPT:
            tokens.append(numbers.setdefault(word, f"v{len(numbers)}"))
        else:
            tokens.append(word)
    return tuple(tokens)


def bucket(java: str) -> int:
    """Return the bucket (0 to 15) of a method's shape."""
    return bucket_of(" ".join(shape(java)))


@functools.lru_cache(maxsize=4096)
def shingles(java: str) -> frozenset[tuple[str, ...]]:
    """Return the runs of ``SHINGLE`` tokens in a method's shape."""
    tokens = shape(java)
    starts = range(len(tokens) - SHINGLE + 1)
    return frozenset(tokens[start : start + SHINGLE] for start in starts)


def similarity(a: str, b: str) -> float:
    """Return the Jaccard index of two methods' shingles (Broder 1997), from 0 to 1."""
    first, second = shingles(a), shingles(b)
    return len(first & second) / len(first | second)


# --- splits ---------------------------------------------------------------------------------------


def make_splits(
    sizes: Sequence[int], seed: int
) -> tuple[list[Program], list[Program], list[Program]]:
    """Return train, valid and test of the given sizes.

    No shape occurs twice, and no method of one split is a near-duplicate of one of another split.
    Shapes are dealt to the splits by ``buckets``, so no held-out shape was seen in pretraining
    either.
    """
    source = programs(seed)
    shapes: set[tuple[str, ...]] = set()
    earlier: list[str] = []
    splits: list[list[Program]] = []
    for size, buckets in zip(sizes, (TRAIN_BUCKETS, VALID_BUCKETS, TEST_BUCKETS), strict=True):
        split = _take(source, size, buckets, shapes, earlier)
        earlier += [write(program.method, "java") for program in split]
        splits.append(split)
    train, valid, test = splits
    return train, valid, test


def _take(
    source: Iterator[Program],
    size: int,
    buckets: range,
    shapes: set[tuple[str, ...]],
    others: Sequence[str],
) -> list[Program]:
    """Take programs of new shapes from ``buckets`` that are near none of the ``others``."""
    taken: list[Program] = []
    while len(taken) < size:
        program = next(source)
        java = write(program.method, "java")
        if shape(java) in shapes or bucket(java) not in buckets:
            continue
        if any(similarity(java, other) >= ALIKE for other in others):
            continue
        shapes.add(shape(java))
        taken.append(program)
    return taken
