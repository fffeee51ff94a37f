"""Java methods with their Python translations and tests, split so that no two sides hold near-duplicates.

Expected outputs are what the tree means by Java's rules (``meaning``), not what a printed program happens to return. Every
method has at least ``CASES`` inputs for which it is defined, and gives at least two different outputs on them.
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from greenbench.data.synthetic.methods.drawing import draw_method
from greenbench.data.synthetic.methods.meaning import call
from greenbench.data.synthetic.methods.operations import Undefined
from greenbench.data.synthetic.methods.printing import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.data.synthetic.methods.tree import Method, Value

CASES, TRIES = 8, 24
LONGEST_JAVA = 250
"""Characters of a method's Java text, about 90 tokens: longer ones are not used."""
ALIKE = 0.8
"""From this similarity on (see ``similarity``) two methods are near-duplicates."""
BUCKETS = 16
TEST_BUCKETS, VALID_BUCKETS, TRAIN_BUCKETS = range(4), range(4, 6), range(6, BUCKETS)
HELD_OUT = range(6)
SHINGLE = 4
"""Tokens in a row that are compared."""
_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[A-Za-z_]\w*|\d+|\+\+|--|[-+*/%<>=!]=|&&|\|\||\S""")
_KEPT = frozenset(
    re.findall(
        r"\w+",
        "static int boolean String char if else for while return break continue new true false length charAt substring equals "
        "isEmpty contains startsWith indexOf toUpperCase toLowerCase replace toCharArray Math abs max min Character isDigit",
    )
)
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
    """Yield methods of a usual length without end; the same seed gives the same methods on every Python and machine."""
    rng = Random(f"methods-{seed}")
    while True:
        method = draw_method(rng)
        if len(write(method, "java")) <= LONGEST_JAVA:
            yield method


def programs(seed: int) -> Iterator[Program]:
    """Yield those methods of ``stream`` that can be tested, with their tests."""
    rng = Random(f"inputs-{seed}")
    for method in stream(seed):
        cases = tests(rng, method)
        if cases is not None:
            yield Program(method=method, cases=cases)


def tests(rng: Random, method: Method) -> tuple[Case, ...] | None:
    """Draw inputs and compute what is expected; None where too few are defined, or all give the same."""
    found: list[Case] = []
    for _ in range(TRIES):
        arguments = tuple(_argument(rng, type_) for type_, _ in method.params)
        try:
            found.append(Case(arguments=arguments, expected=call(method, arguments)))
        except Undefined:
            continue
        if len(found) == CASES:
            return tuple(found) if len({str(c.expected) for c in found}) > 1 else None
    return None


def _argument(rng: Random, type_: str) -> Value:
    if type_ == "int":
        return rng.choice((rng.randint(-9, 12), rng.randint(-9, 12), rng.randint(-120, 120)))
    if type_ == "boolean":
        return rng.random() < 0.5  # noqa: PLR2004
    if type_ == "String":
        return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(0, 6)))
    return [rng.randint(-20, 20) for _ in range(rng.randint(0, 6))]


# --- likeness -----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def shape(java: str) -> tuple[str, ...]:
    """Return the tokens of a method with its names numbered by first use and all constants alike."""
    seen: dict[str, str] = {}
    tokens = []
    for word in _TOKEN.findall(java):
        if word[0] in "'\"" or word.isdigit():
            tokens.append("0")
        elif word[0].isalpha() and word not in _KEPT:
            tokens.append(seen.setdefault(word, f"v{len(seen)}"))
        else:
            tokens.append(word)
    return tuple(tokens)


def bucket(java: str) -> int:
    """Return the bucket (0 to 15) of a method's shape: equal shapes always fall into the same one."""
    return hashlib.sha256(" ".join(shape(java)).encode()).digest()[0] % BUCKETS


@functools.lru_cache(maxsize=4096)
def shingles(java: str) -> frozenset[tuple[str, ...]]:
    """Return the runs of ``SHINGLE`` tokens in a method's shape."""
    tokens = shape(java)
    return frozenset(tokens[i : i + SHINGLE] for i in range(len(tokens) - SHINGLE + 1))


def similarity(a: str, b: str) -> float:
    """Return how much of two methods' shapes is common: the Jaccard index of their shingles (Broder 1997), 0 to 1."""
    one, other = shingles(a), shingles(b)
    return len(one & other) / len(one | other)


# --- splits -------------------------------------------------------------------------------------------------------------


def make_splits(
    sizes: Sequence[int], seed: int
) -> tuple[list[Program], list[Program], list[Program]]:
    """Return train, valid and test of the given sizes.

    No shape occurs twice, and no method of one side is a near-duplicate of one on another side. Shapes are dealt to the
    sides by their SHA-256, so that no held-out shape was seen in pretraining either, which draws from training buckets.
    """
    source = programs(seed)
    shapes: set[tuple[str, ...]] = set()
    sides: list[list[Program]] = []
    for size, buckets in zip(sizes, (TRAIN_BUCKETS, VALID_BUCKETS, TEST_BUCKETS), strict=True):
        others = [write(p.method, "java") for side in sides for p in side]
        sides.append(_take(source, size, buckets, shapes, others))
    return sides[0], sides[1], sides[2]


def _take(
    source: Iterator[Program],
    size: int,
    buckets: range,
    shapes: set[tuple[str, ...]],
    others: Sequence[str],
) -> list[Program]:
    taken: list[Program] = []
    while len(taken) < size:
        program = next(source)
        java = write(program.method, "java")
        known = shape(java) in shapes or bucket(java) not in buckets
        if not known and all(similarity(java, other) < ALIKE for other in others):
            shapes.add(shape(java))
            taken.append(program)
    return taken
