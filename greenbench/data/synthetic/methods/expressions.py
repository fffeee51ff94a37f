"""Draw random expressions of a wanted type from the names in sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.data.synthetic.methods.tree import Expr, literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_WORDS = ("a", "b", "ab", "x", "no", "-", "z1", "ok")
_CHARS = "abcxyz01-"
_COMPARISONS = ("less", "at_most", "more", "at_least", "equal", "differ")


def name_of(type_: str, name: str) -> Expr:
    """Return a variable."""
    return Expr("name", (), type_, name)


@dataclass(frozen=True, slots=True)
class Names:
    """The variables, and items of arrays, that an expression may use."""

    known: tuple[Expr, ...]

    def of(self, type_: str) -> list[Expr]:
        """Those of a type."""
        return [e for e in self.known if e.type == type_]

    def plus(self, *more: Expr) -> Names:
        """With more in sight."""
        return Names((*self.known, *more))

    def without(self, one: Expr) -> Names:
        """With one out of sight."""
        return Names(tuple(e for e in self.known if e != one))


def draw(rng: Random, names: Names, type_: str, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw an expression of ``type_``, at most ``depth`` operations deep (a condition one more).

    ``prefer`` takes part where its type allows: a loop's item, or the value that is updated.
    """
    return _DRAWERS[type_](rng, names, depth, prefer)


def number(rng: Random, names: Names, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw an int expression."""
    if depth <= 0:
        return _leaf(rng, names, prefer)
    first = number(rng, names, depth - 1 if rng.random() < 0.4 else 0, prefer)  # noqa: PLR2004
    kind = rng.choices(tuple(_NUMBERS), weights=tuple(weight for weight, _ in _NUMBERS.values()))[0]
    return _NUMBERS[kind][1](rng, names, first)


def _leaf(rng: Random, names: Names, prefer: Expr | None) -> Expr:
    if prefer is not None and prefer.type == "int" and rng.random() < 0.7:  # noqa: PLR2004
        return prefer
    known = names.of("int")
    if known and rng.random() < 0.6:  # noqa: PLR2004
        return rng.choice(known)
    if (measured := [*names.of("String"), *names.of("int[]")]) and rng.random() < 0.4:  # noqa: PLR2004
        one = rng.choice(measured)
        return Expr("length" if one.type == "String" else "size", (one,), "int", natural=True)
    return literal(rng.choice((0, 1, 1, 2, 3, 4, 5, 7, 10, -1, -3)), "int")


def _combine(op: str) -> Callable[[Random, Names, Expr], Expr]:
    def combined(rng: Random, names: Names, first: Expr) -> Expr:
        second = number(rng, names, 0)
        both = first.natural and second.natural and op in {"add", "multiply"}
        return Expr(
            op,
            (first, second),
            "int",
            natural=both or (op == "max" and (first.natural or second.natural)),
        )

    return combined


def _times(rng: Random, _names: Names, first: Expr) -> Expr:
    return Expr("multiply", (first, literal(rng.choice((2, 2, 3, 4, -1)), "int")), "int")


def _shared(rng: Random, _names: Names, first: Expr) -> Expr:
    """Divide by a constant, in the form that suits what is known of the sign."""
    divisor = literal(rng.choice((2, 2, 3, 4, 5, 7, 10)), "int")
    ops = ("halve", "wrap") if first.natural else ("divide", "remainder")
    return Expr(rng.choice(ops), (first, divisor), "int", natural=first.natural)


def _absolute(_rng: Random, _names: Names, first: Expr) -> Expr:
    return Expr("abs", (first,), "int", natural=True)


def _choice(rng: Random, names: Names, first: Expr) -> Expr:
    return Expr("choose", (truth(rng, names, 0), first, number(rng, names, 0)), "int")


def _found(rng: Random, names: Names, first: Expr) -> Expr:
    if not (texts := names.of("String")):
        return _combine("add")(rng, names, first)
    return Expr("find", (rng.choice(texts), literal(rng.choice(_WORDS), "String")), "int")


_NUMBERS: dict[str, tuple[int, Callable[[Random, Names, Expr], Expr]]] = {
    "add": (5, _combine("add")),
    "subtract": (5, _combine("subtract")),
    "times": (3, _times),
    "shared": (7, _shared),
    "max": (2, _combine("max")),
    "min": (2, _combine("min")),
    "abs": (1, _absolute),
    "choice": (1, _choice),
    "found": (1, _found),
}
"""Kind to its weight and how it is drawn around a first operand."""


def truth(rng: Random, names: Names, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw a condition."""
    if depth > 0 and rng.random() < 0.25:  # noqa: PLR2004
        first, second = truth(rng, names, 0, prefer), truth(rng, names, 0)
        return Expr(rng.choice(("and", "or")), (first, second), "boolean")
    if (flags := names.of("boolean")) and rng.random() < 0.3:  # noqa: PLR2004
        flag = rng.choice(flags)
        return flag if rng.random() < 0.5 else Expr("not", (flag,), "boolean")  # noqa: PLR2004
    chars, texts = names.of("char"), names.of("String")
    if chars and rng.random() < 0.7:  # noqa: PLR2004
        return _about_char(rng, rng.choice(chars))
    if texts and rng.random() < 0.5:  # noqa: PLR2004
        return _about_text(rng, rng.choice(texts), texts)
    return _about_number(rng, names, prefer)


def _about_char(rng: Random, char: Expr) -> Expr:
    if rng.random() < 0.25:  # noqa: PLR2004
        return Expr("digit", (char,), "boolean")
    return Expr(
        rng.choice(("equal", "differ")), (char, literal(rng.choice(_CHARS), "char")), "boolean"
    )


def _about_text(rng: Random, text: Expr, texts: list[Expr]) -> Expr:
    op = rng.choice(("same_text", "empty", "contains", "starts"))
    if op == "empty":
        return Expr(op, (text,), "boolean")
    others = [t for t in texts if t != text]
    second = (
        rng.choice(others)
        if others and rng.random() < 0.5
        else literal(rng.choice(_WORDS), "String")
    )  # noqa: PLR2004
    return Expr(op, (text, second), "boolean")


def _about_number(rng: Random, names: Names, prefer: Expr | None) -> Expr:
    first = number(rng, names, 0 if rng.random() < 0.6 else 1, prefer)  # noqa: PLR2004
    if first.op == "literal" and names.of("int"):
        first = rng.choice(names.of("int"))
    if rng.random() < 0.25:  # noqa: PLR2004
        return Expr("divides", (first, literal(rng.choice((2, 3, 4, 5)), "int")), "boolean")
    return Expr(rng.choice(_COMPARISONS), (first, number(rng, names, 0)), "boolean")


def words(rng: Random, names: Names, depth: int, prefer: Expr | None = None) -> Expr:
    """Draw a text expression."""
    known = names.of("String")
    leaf = literal(rng.choice(_WORDS), "String")
    if prefer is not None and prefer.type == "String":
        leaf = prefer
    elif known and rng.random() < 0.75:  # noqa: PLR2004
        leaf = rng.choice(known)
    return leaf if depth <= 0 else _TEXTS[rng.choice(tuple(_TEXTS))](rng, names, leaf)


_TEXTS: dict[str, Callable[[Random, Names, Expr], Expr]] = {
    "join": lambda rng, names, first: Expr("join", (first, words(rng, names, 0)), "String"),
    "number": lambda rng, names, first: Expr(
        "join_number", (first, number(rng, names, rng.choice((0, 1)))), "String"
    ),
    "before": lambda rng, names, first: Expr("join", (words(rng, names, 0), first), "String"),
    "rest": lambda rng, _names, first: Expr(
        "rest", (first, literal(rng.choice((1, 1, 2)), "int")), "String"
    ),
    "part": lambda rng, _names, first: Expr(
        "part", (first, literal(0, "int"), literal(rng.choice((1, 2)), "int")), "String"
    ),
    "case": lambda rng, _names, first: Expr(rng.choice(("upper", "lower")), (first,), "String"),
    "replace": lambda rng, _names, first: Expr(
        "replace",
        (first, literal(rng.choice(_WORDS), "String"), literal(rng.choice(_WORDS), "String")),
        "String",
    ),
}


def character(rng: Random, names: Names, _depth: int, _prefer: Expr | None = None) -> Expr:
    """Draw a character: one in sight."""
    return rng.choice(names.of("char"))


_DRAWERS: dict[str, Callable[[Random, Names, int, Expr | None], Expr]] = {
    "int": number,
    "boolean": truth,
    "String": words,
    "char": character,
}
