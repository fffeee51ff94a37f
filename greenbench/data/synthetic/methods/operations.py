"""The operations of expressions: one row each, with forms in each language and a meaning in Java.

A form is a template, how tightly it binds, and how tightly each argument must bind to stand there
without parentheses. The meaning is the ground truth: expected outputs come from it and from no
printed program. It raises ``Undefined`` where Java would throw, or where a number leaves 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.data.synthetic.methods.tree import Value

T = TypeVar("T")

CHOICE, OR, AND, NOT, COMPARE, ADD, MULTIPLY, UNARY, ATOM = range(1, 10)
"""How tightly a form binds, loosest first; Python's ``not`` is looser than a comparison."""
LARGEST = 2**31 - 1
LANGUAGES = ("java", "python", "javascript")


class Undefined(Exception):
    """The method has no value for this input: Java would throw, or a number would leave 32 bits."""


@dataclass(frozen=True, slots=True)
class Form:
    """How an operation is written in one language."""

    template: str
    binds: int = ATOM
    slots: tuple[int, ...] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: forms by language, and the meaning for evaluated arguments."""

    java: Form
    python: Form
    javascript: Form
    meaning: Callable[..., Value]


def infix(symbol: str, binds: int) -> Form:
    """Return the form of a binary operator, which groups to the left."""
    return Form(f"{{0}} {symbol} {{1}}", binds, (binds, binds + 1))


def on(template: str) -> Form:
    """Return the form of a method called on its first argument."""
    return Form(template, ATOM, (ATOM, 0, 0))


def same(form: Form, meaning: Callable[..., Value]) -> Operation:
    """Return an operation that all languages write alike."""
    return Operation(form, form, form, meaning)


def bounded(value: int) -> int:
    """Return ``value``; raises Undefined where an ``int`` of Java cannot hold it."""
    if abs(value) > LARGEST:
        raise Undefined
    return value


def truncated(a: int, b: int) -> int:
    """Divide as Java does, towards zero; raises Undefined for a divisor of 0."""
    if b == 0:
        raise Undefined
    quotient = abs(a) // abs(b)
    return bounded(quotient if (a < 0) == (b < 0) else -quotient)


def remainder(a: int, b: int) -> int:
    """Return Java's remainder, which has the sign of ``a``."""
    return a - b * truncated(a, b)


def item(sequence: Sequence[T], index: int) -> T:
    """Return the item at ``index``; raises Undefined outside, also for a negative index."""
    if not 0 <= index < len(sequence):
        raise Undefined
    return sequence[index]


def part(text: str, start: int, stop: int | None = None) -> str:
    """Return Java's ``substring``; raises Undefined where it would throw."""
    end = len(text) if stop is None else stop
    if not 0 <= start <= end <= len(text):
        raise Undefined
    return text[start:end]


def _compare(java: str, python: str, meaning: Callable[[int, int], bool]) -> Operation:
    javascript = {"==": "===", "!=": "!=="}.get(java, java)
    written = Form(f"{{0}} {python} {{1}}", COMPARE, (ADD, ADD))  # Python would chain: a == b == c
    return Operation(infix(java, COMPARE), written, infix(javascript, COMPARE), meaning)


_EQUAL = Form("{0} == {1}", COMPARE, (ADD, ADD))
_STRICT = Form("{0} === {1}", COMPARE, (ADD, ADD))

OPERATIONS: dict[str, Operation] = {
    # numbers; `halve` and `wrap` are `/` and `%` on numbers known not to be negative
    "add": same(infix("+", ADD), lambda a, b: bounded(a + b)),
    "subtract": same(infix("-", ADD), lambda a, b: bounded(a - b)),
    "multiply": same(infix("*", MULTIPLY), lambda a, b: bounded(a * b)),
    "divide": Operation(
        infix("/", MULTIPLY),
        Form("int({0} / {1})", ATOM, (MULTIPLY, UNARY)),
        Form("Math.trunc({0} / {1})", ATOM, (MULTIPLY, UNARY)),
        truncated,
    ),
    "halve": Operation(
        infix("/", MULTIPLY),
        infix("//", MULTIPLY),
        Form("Math.floor({0} / {1})", ATOM, (MULTIPLY, UNARY)),
        truncated,
    ),
    "remainder": Operation(
        infix("%", MULTIPLY), Form("int(math.fmod({0}, {1}))"), infix("%", MULTIPLY), remainder
    ),
    "wrap": same(infix("%", MULTIPLY), remainder),
    "divides": Operation(
        Form("{0} % {1} == 0", COMPARE, (MULTIPLY, UNARY)),
        Form("{0} % {1} == 0", COMPARE, (MULTIPLY, UNARY)),
        Form("{0} % {1} === 0", COMPARE, (MULTIPLY, UNARY)),
        lambda a, b: remainder(a, b) == 0,
    ),
    "negate": same(Form("-{0}", UNARY, (ATOM,)), lambda a: bounded(-a)),
    "abs": Operation(Form("Math.abs({0})"), Form("abs({0})"), Form("Math.abs({0})"), abs),
    "max": Operation(
        Form("Math.max({0}, {1})"), Form("max({0}, {1})"), Form("Math.max({0}, {1})"), max
    ),
    "min": Operation(
        Form("Math.min({0}, {1})"), Form("min({0}, {1})"), Form("Math.min({0}, {1})"), min
    ),
    # truth
    "less": _compare("<", "<", lambda a, b: a < b),
    "at_most": _compare("<=", "<=", lambda a, b: a <= b),
    "more": _compare(">", ">", lambda a, b: a > b),
    "at_least": _compare(">=", ">=", lambda a, b: a >= b),
    "equal": _compare("==", "==", lambda a, b: a == b),
    "differ": _compare("!=", "!=", lambda a, b: a != b),
    "not": Operation(
        Form("!{0}", UNARY, (UNARY,)),
        Form("not {0}", NOT, (NOT,)),
        Form("!{0}", UNARY, (UNARY,)),
        lambda a: not a,
    ),
    # arrays
    "size": Operation(on("{0}.length"), Form("len({0})"), on("{0}.length"), len),
    "item": same(on("{0}[{1}]"), item),
    # text
    "length": Operation(on("{0}.length()"), Form("len({0})"), on("{0}.length"), len),
    "char_at": Operation(on("{0}.charAt({1})"), on("{0}[{1}]"), on("{0}.charAt({1})"), item),
    "part": Operation(
        on("{0}.substring({1}, {2})"), on("{0}[{1}:{2}]"), on("{0}.slice({1}, {2})"), part
    ),
    "rest": Operation(on("{0}.substring({1})"), on("{0}[{1}:]"), on("{0}.slice({1})"), part),
    "join": same(infix("+", ADD), lambda a, b: a + b),
    "join_number": Operation(
        infix("+", ADD),
        Form("{0} + str({1})", ADD, (ADD, 0)),
        Form("{0} + String({1})", ADD, (ADD, 0)),
        lambda a, b: a + str(b),
    ),
    "same_text": Operation(on("{0}.equals({1})"), _EQUAL, _STRICT, lambda a, b: a == b),
    "empty": Operation(
        on("{0}.isEmpty()"),
        Form('{0} == ""', COMPARE, (ADD,)),
        Form('{0} === ""', COMPARE, (ADD,)),
        lambda a: a == "",
    ),
    "contains": Operation(
        on("{0}.contains({1})"),
        Form("{1} in {0}", COMPARE, (ADD, ADD)),
        on("{0}.includes({1})"),
        lambda a, b: b in a,
    ),
    "starts": Operation(
        on("{0}.startsWith({1})"),
        on("{0}.startswith({1})"),
        on("{0}.startsWith({1})"),
        lambda a, b: a.startswith(b),
    ),
    "find": Operation(
        on("{0}.indexOf({1})"), on("{0}.find({1})"), on("{0}.indexOf({1})"), lambda a, b: a.find(b)
    ),
    "upper": Operation(
        on("{0}.toUpperCase()"), on("{0}.upper()"), on("{0}.toUpperCase()"), str.upper
    ),
    "lower": Operation(
        on("{0}.toLowerCase()"), on("{0}.lower()"), on("{0}.toLowerCase()"), str.lower
    ),
    "replace": Operation(
        on("{0}.replace({1}, {2})"),
        on("{0}.replace({1}, {2})"),
        on("{0}.replaceAll({1}, {2})"),
        lambda a, b, c: a.replace(b, c),
    ),
    "digit": Operation(
        Form("Character.isDigit({0})"), on("{0}.isdigit()"), Form("!isNaN({0})", UNARY), str.isdigit
    ),
    # evaluated lazily, see `meaning`
    "and": Operation(infix("&&", AND), infix("and", AND), infix("&&", AND), lambda a, b: a and b),
    "or": Operation(infix("||", OR), infix("or", OR), infix("||", OR), lambda a, b: a or b),
    "choose": Operation(
        Form("{0} ? {1} : {2}", CHOICE, (OR, OR, OR)),
        Form("{1} if {0} else {2}", CHOICE, (OR, OR, OR)),
        Form("{0} ? {1} : {2}", CHOICE, (OR, OR, OR)),
        lambda a, b, c: b if a else c,
    ),
}
