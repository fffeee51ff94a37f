"""Draw random expressions of a requested type from the variables in scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.data.synthetic.methods.tree import ZERO, Expr, literal, size_of
from greenbench.data.synthetic.randomness import happens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_WORDS = ("a", "b", "ab", "x", "no", "-", "z1", "ok")
_CHARS = "abcxyz01-"
_COMPARISONS = ("less", "at_most", "more", "at_least", "equal", "differ")
_NUMBER_KINDS = {
    "add": 5,
    "subtract": 5,
    "times": 3,
    "quotient": 7,
    "max": 2,
    "min": 2,
    "abs": 1,
    "choose": 1,
    "find": 1,
}
"""Kind of an int operation around a first operand, to the weight with which it is drawn."""
_TEXT_KINDS = ("append", "join_number", "prepend", "rest", "part", "case", "replace")


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables, and items of arrays, that an expression may use."""

    known: tuple[Expr, ...]

    def of(self, type_: str) -> list[Expr]:
        """Return those of a type."""
        return [e for e in self.known if e.type == type_]

    def plus(self, *more: Expr) -> Scope:
        """Return the scope with more variables."""
        return Scope((*self.known, *more))

    def without(self, hidden: Expr) -> Scope:
        """Return the scope with one variable hidden."""
        return Scope(tuple(e for e in self.known if e != hidden))


def draw(rng: Random, scope: Scope, type_: str, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw an expression of ``type_``, at most ``depth`` operations deep (a condition one more).

    ``prefer`` takes part where its type allows: a loop's item, or the value that is updated.
    """
    if type_ == "int":
        return number(rng, scope, depth, prefer)
    if type_ == "boolean":
        return truth(rng, scope, depth, prefer)
    if type_ == "String":
        return words(rng, scope, depth, prefer)
    return rng.choice(scope.of(type_))


def constant(rng: Random, values: Sequence[int]) -> Expr:
    """Draw one of ``values``, as an int literal."""
    return literal(rng.choice(values), "int")


# --- numbers --------------------------------------------------------------------------------------


def number(rng: Random, scope: Scope, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw an int expression."""
    if depth <= 0:
        return _number_leaf(rng, scope, prefer)
    nested = happens(rng, 0.4)
    first = number(rng, scope, depth - 1 if nested else 0, prefer)
    kinds = list(_NUMBER_KINDS)
    weights = list(_NUMBER_KINDS.values())
    (kind,) = rng.choices(kinds, weights=weights)
    return _number_operation(rng, scope, kind, first)


def _number_leaf(rng: Random, scope: Scope, prefer: Expr | None) -> Expr:
    if prefer is not None and prefer.type == "int" and happens(rng, 0.7):
        return prefer
    known = scope.of("int")
    if known and happens(rng, 0.6):
        return rng.choice(known)
    sequences = [*scope.of("String"), *scope.of("int[]")]
    if sequences and happens(rng, 0.4):
        return size_of(rng.choice(sequences))
    return constant(rng, (0, 1, 1, 2, 3, 4, 5, 7, 10, -1, -3))


def _number_operation(rng: Random, scope: Scope, kind: str, first: Expr) -> Expr:
    """Draw an operation of ``kind`` with its first operand given."""
    if kind == "times":
        factor = constant(rng, (2, 2, 3, 4, -1))
        return Expr("multiply", (first, factor), "int")
    if kind == "quotient":
        return _quotient(rng, first)
    if kind == "abs":
        return Expr("abs", (first,), "int", natural=True)
    if kind == "choose":
        condition = truth(rng, scope, 0)
        other = number(rng, scope, 0)
        return Expr("choose", (condition, first, other), "int")
    if kind == "find":
        return _find(rng, scope, first)
    return _two_numbers(rng, scope, kind, first)


def _quotient(rng: Random, first: Expr) -> Expr:
    """Divide by a constant, in the form that suits what is known of the sign."""
    divisor = constant(rng, (2, 2, 3, 4, 5, 7, 10))
    operations = ("halve", "wrap") if first.natural else ("divide", "remainder")
    return Expr(rng.choice(operations), (first, divisor), "int", natural=first.natural)


def _find(rng: Random, scope: Scope, first: Expr) -> Expr:
    """Look for a word in a text; without a text in scope, add to ``first`` instead."""
    texts = scope.of("String")
    if not texts:
        return _two_numbers(rng, scope, "add", first)
    text = rng.choice(texts)
    return Expr("find", (text, _word(rng)), "int")


def _two_numbers(rng: Random, scope: Scope, op: str, first: Expr) -> Expr:
    second = number(rng, scope, 0)
    natural = False
    if op == "add":
        natural = first.natural and second.natural
    elif op == "max":
        natural = first.natural or second.natural
    return Expr(op, (first, second), "int", natural=natural)


# --- conditions -----------------------------------------------------------------------------------


def truth(rng: Random, scope: Scope, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw a condition."""
    if depth > 0 and happens(rng, 0.25):
        first = truth(rng, scope, 0, prefer)
        second = truth(rng, scope, 0)
        return Expr(rng.choice(("and", "or")), (first, second), "boolean")
    flags = scope.of("boolean")
    if flags and happens(rng, 0.3):
        flag = rng.choice(flags)
        return flag if happens(rng, 0.5) else Expr("not", (flag,), "boolean")
    chars = scope.of("char")
    if chars and happens(rng, 0.7):
        return _about_char(rng, rng.choice(chars))
    texts = scope.of("String")
    if texts and happens(rng, 0.5):
        return _about_text(rng, rng.choice(texts), texts)
    return _about_number(rng, scope, prefer)


def _about_char(rng: Random, char: Expr) -> Expr:
    if happens(rng, 0.25):
        return Expr("digit", (char,), "boolean")
    op = rng.choice(("equal", "differ"))
    other = literal(rng.choice(_CHARS), "char")
    return Expr(op, (char, other), "boolean")


def _about_text(rng: Random, text: Expr, texts: list[Expr]) -> Expr:
    op = rng.choice(("same_text", "empty", "contains", "starts"))
    if op == "empty":
        return Expr(op, (text,), "boolean")
    others = [other for other in texts if other != text]
    if others and happens(rng, 0.5):
        second = rng.choice(others)
    else:
        second = _word(rng)
    return Expr(op, (text, second), "boolean")


def _about_number(rng: Random, scope: Scope, prefer: Expr | None) -> Expr:
    plain = happens(rng, 0.6)
    first = number(rng, scope, 0 if plain else 1, prefer)
    numbers = scope.of("int")
    if first.op == "literal" and numbers:
        first = rng.choice(numbers)
    if happens(rng, 0.25):
        divisor = constant(rng, (2, 3, 4, 5))
        return Expr("divides", (first, divisor), "boolean")
    op = rng.choice(_COMPARISONS)
    second = number(rng, scope, 0)
    return Expr(op, (first, second), "boolean")


# --- text -----------------------------------------------------------------------------------------


def words(rng: Random, scope: Scope, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw a text expression."""
    known = scope.of("String")
    leaf = _word(rng)
    if prefer is not None and prefer.type == "String":
        leaf = prefer
    elif known and happens(rng, 0.75):
        leaf = rng.choice(known)
    if depth <= 0:
        return leaf
    return _text_operation(rng, scope, rng.choice(_TEXT_KINDS), leaf)


def _text_operation(rng: Random, scope: Scope, kind: str, first: Expr) -> Expr:
    """Draw an operation of ``kind`` around the text ``first``."""
    op = kind
    arguments = [first]
    if kind == "append":
        op = "join"
        arguments.append(words(rng, scope, 0))
    elif kind == "prepend":
        op = "join"
        arguments.insert(0, words(rng, scope, 0))
    elif kind == "join_number":
        depth = rng.choice((0, 1))
        arguments.append(number(rng, scope, depth))
    elif kind == "rest":
        arguments.append(constant(rng, (1, 1, 2)))
    elif kind == "part":
        arguments.append(ZERO)
        arguments.append(constant(rng, (1, 2)))
    elif kind == "case":
        op = rng.choice(("upper", "lower"))
    elif kind == "replace":
        arguments.append(_word(rng))
        arguments.append(_word(rng))
    return Expr(op, tuple(arguments), "String")


def _word(rng: Random) -> Expr:
    return literal(rng.choice(_WORDS), "String")
