"""Draw a random method: typed parameters, conditions, loops, text and arrays, about ten lines.

What is drawn compiles as Java. Whether it has a value for an input is not decided here (see
``meaning``); a loop's bounds and variable stay as they are in its body, so that it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from greenbench.data.synthetic.methods.expressions import Scope, constant, draw, number
from greenbench.data.synthetic.methods.tree import (
    ZERO,
    Assign,
    Count,
    Declare,
    Each,
    Expr,
    If,
    Leave,
    Method,
    NewArray,
    Return,
    SetItem,
    Statement,
    While,
    literal,
    size_of,
    variable,
)
from greenbench.data.synthetic.randomness import happens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

T = TypeVar("T")
_VERBS = (
    *("count", "find", "make", "get", "sum", "check"),
    *("build", "merge", "scan", "rate", "pick", "fold"),
)
_NOUNS = (
    *("Items", "Total", "Value", "Level", "Parts", "Score"),
    *("Words", "Cells", "Steps", "Codes", "Marks", "Range"),
)
_PARAMETERS = {
    "int": ("a", "b", "n", "x", "y", "k", "low", "high"),
    "String": ("s", "t", "text", "word", "line"),
    "int[]": ("nums", "data", "values", "items"),
    "boolean": ("flag", "strict"),
}
_SIGNATURES = (
    ("int",),
    ("int", "int"),
    ("int", "int", "int"),
    ("String",),
    ("String", "int"),
    ("String", "String"),
    ("int[]",),
    ("int[]", "int"),
    ("int[]", "int", "int"),
    ("int", "boolean"),
)
_RETURNS = ("int", "int", "int", "String", "boolean", "int[]")
_RETURNS_OF_NUMBERS = ("int", "int", "String", "boolean")
_LOCALS = ("r", "total", "result", "out", "best")
_START: dict[str, tuple[int | bool | str, ...]] = {
    "int": (0, 0, 1, -1),
    "String": ("", "", "x"),
    "boolean": (True, False),
}


@dataclass(slots=True)
class _Draft:
    """What is decided so far: the random state, the scope, the variable that will be returned."""

    rng: Random
    scope: Scope
    answer: Expr
    counters: list[str] = field(default_factory=lambda: ["i", "j"])
    """Names left for loop counters; all copies of a draft share them, and so for ``digits``."""
    digits: list[str] = field(default_factory=lambda: ["left"])

    def draw(self, type_: str, depth: int, prefer: Expr | None = None) -> Expr:
        """Draw an expression of ``type_`` from what is in scope."""
        return draw(self.rng, self.scope, type_, depth, prefer)

    def choose(self, options: Sequence[T]) -> T:
        """Draw one of ``options``."""
        return self.rng.choice(options)

    def happens(self, probability: float) -> bool:
        """Whether an event of this probability happens."""
        return happens(self.rng, probability)

    def iterables(self) -> list[Expr]:
        """Return the arrays, and the texts but for the answer, that a loop may walk over."""
        iterables = self.scope.of("int[]")
        for text in self.scope.of("String"):
            if text.value != self.answer.value:
                iterables.append(text)
        return iterables


def draw_method(rng: Random) -> Method:
    """Draw one method."""
    types = rng.choice(_SIGNATURES)
    params = tuple(zip(types, _parameter_names(rng, types), strict=True))
    has_sequence = "String" in types or "int[]" in types
    returns = rng.choice(_RETURNS if has_sequence else _RETURNS_OF_NUMBERS)
    scope = Scope(tuple(variable(type_, name) for type_, name in params))
    answer = variable(returns, rng.choice(_LOCALS))
    draft = _Draft(rng, scope, answer)
    body: list[Statement] = []
    if draft.happens(0.3):
        body.extend(_guard(draft))
    body.append(_first(draft))
    draft.scope = scope.plus(answer)
    for _ in range(rng.choice((1, 1, 2))):
        body.extend(_block(draft))
    title = rng.choice(_VERBS) + rng.choice(_NOUNS)
    body.append(Return(_last(draft)))
    return Method(title, params, returns, tuple(body))


def _parameter_names(rng: Random, types: tuple[str, ...]) -> list[str]:
    taken: list[str] = []
    for type_ in types:
        free = [name for name in _PARAMETERS[type_] if name not in taken]
        taken.append(rng.choice(free))
    return taken


def _guard(draft: _Draft) -> tuple[Statement, ...]:
    """Leave early, as methods that check their arguments do."""
    if draft.answer.type == "int[]":
        return ()
    condition = draft.draw("boolean", 1)
    value = draft.draw(draft.answer.type, 0)
    return (If(condition, (Return(value),)),)


def _first(draft: _Draft) -> Statement:
    """Declare the answer with its first value."""
    type_, name = draft.answer.type, draft.answer.name
    if type_ == "int[]":
        arrays = draft.scope.of("int[]")
        if arrays:
            return NewArray(name, size_of(draft.choose(arrays)))
        return NewArray(name, literal(draft.rng.randint(2, 6), "int"))
    if draft.happens(0.3):
        return Declare(type_, name, draft.draw(type_, 1))
    return Declare(type_, name, literal(draft.choose(_START[type_]), type_))


def _last(draft: _Draft) -> Expr:
    """Draw what is returned: the answer, or sometimes an expression around it."""
    answer = draft.answer
    if answer.type != "int[]" and draft.happens(0.25):
        return draft.draw(answer.type, 1, prefer=answer)
    return answer


# --- blocks ---------------------------------------------------------------------------------------


def _block(draft: _Draft) -> tuple[Statement, ...]:
    """Draw a loop or a condition around updates of the answer."""
    if draft.answer.type == "int[]":
        return (_fill_loop(draft),)
    kinds = [_condition, _count_loop, _count_loop]
    kinds.append(_digits_loop if draft.scope.of("int") else _condition)
    if draft.scope.of("int[]") or draft.scope.of("String"):
        kinds += [_each_loop, _each_loop, _index_loop]
    kind = draft.choose(kinds)
    return kind(draft)


def _condition(draft: _Draft) -> tuple[Statement, ...]:
    otherwise = (_update(draft),) if draft.happens(0.5) else ()
    condition = draft.draw("boolean", 1)
    return (If(condition, (_update(draft),), otherwise),)


def _body(draft: _Draft, *inner: Expr) -> tuple[Statement, ...]:
    """Draw a loop's body, in which the variables ``inner`` are in scope."""
    within = replace(draft, scope=draft.scope.plus(*inner))
    update = _update(within)
    if not draft.happens(0.55):
        return (update,) if draft.happens(0.7) else (update, _update(within))
    condition = within.draw("boolean", 1, prefer=inner[0])
    if draft.happens(0.2):
        leave = Leave(draft.choose(("break", "continue")))
        return (If(condition, (leave,)), update)
    otherwise = (_update(within),) if draft.happens(0.3) else ()
    return (If(condition, (update,), otherwise),)


def _counter(draft: _Draft) -> Expr:
    return variable("int", draft.counters.pop(0), natural=True)


def _count_loop(draft: _Draft) -> tuple[Statement, ...]:
    """Count from a small number to another one, or to a parameter."""
    params = [e for e in draft.scope.of("int") if e.value != draft.answer.value]
    if params and draft.happens(0.6):
        stop = draft.choose(params)
    else:
        stop = literal(draft.rng.randint(3, 9), "int")
    i = _counter(draft)
    start = constant(draft.rng, (0, 0, 1, 2))
    body = _body(draft, i)
    return (Count(i.name, start, stop, body, down=draft.happens(0.25)),)


def _index_loop(draft: _Draft) -> tuple[Statement, ...]:
    """Walk over the indices of an array or a text, whose items are in scope."""
    over = draft.choose(draft.iterables() or [draft.answer])
    if over is draft.answer:
        return _condition(draft)
    i = _counter(draft)
    item = Expr("char_at", (over, i), "char")
    if over.type == "int[]":
        item = Expr("item", (over, i), "int")
    body = _body(draft, i, item)
    down = draft.happens(0.25)
    return (Count(i.name, ZERO, size_of(over), body, down=down),)


def _each_loop(draft: _Draft) -> tuple[Statement, ...]:
    """Walk over the items of an array, or the characters of a text."""
    iterables = draft.iterables()
    if not iterables:
        return _condition(draft)
    over = draft.choose(iterables)
    item = variable("int", "v") if over.type == "int[]" else variable("char", "c")
    return (Each(item.type, item.name, over, _body(draft, item)),)


def _digits_loop(draft: _Draft) -> tuple[Statement, ...]:
    """Take a number apart, digit by digit; its absolute value, so that the loop ends."""
    if not draft.digits:
        return _condition(draft)
    left = variable("int", draft.digits.pop(), natural=True)
    base = constant(draft.rng, (2, 3, 10, 10))
    whole = draft.choose(draft.scope.of("int"))
    digit = Expr("wrap", (left, base), "int", natural=True)
    body = _body(draft, digit)
    if any(_continues(statement) for statement in body):
        return _condition(draft)  # it would never come to the division
    begin = Expr("abs", (whole,), "int", natural=True)
    rest = Expr("halve", (left, base), "int", natural=True)
    divide = Assign(left.name, rest)
    condition = Expr("more", (left, ZERO), "boolean")
    return Declare("int", left.name, begin), While(condition, (*body, divide))


def _continues(statement: Statement) -> bool:
    return isinstance(statement, If) and statement.then[0] == Leave("continue")


def _fill_loop(draft: _Draft) -> Statement:
    """Write to every place of the array that is returned."""
    out = draft.answer
    i = _counter(draft)
    others = draft.scope.without(out)
    items = [Expr("item", (array, i), "int") for array in others.of("int[]")]
    within = replace(draft, scope=others.plus(i, *items))
    prefer = items[0] if items else i
    put = SetItem(out.name, i, within.draw("int", 2, prefer))
    other = SetItem(out.name, i, within.draw("int", 1))
    body: tuple[Statement, ...] = (put,)
    if draft.happens(0.5):
        condition = within.draw("boolean", 1, prefer)
        body = (If(condition, (put,), (other,)),)
    down = draft.happens(0.2)
    return Count(i.name, ZERO, size_of(out), body, down=down)


def _update(draft: _Draft) -> Statement:
    """Change the answer."""
    answer = draft.answer
    if answer.type == "boolean":
        others = replace(draft, scope=draft.scope.without(answer))
        return Assign(answer.name, others.draw("boolean", 1))
    if answer.type == "String":
        return _update_text(draft)
    return _update_number(draft)


def _update_text(draft: _Draft) -> Statement:
    answer = draft.answer
    if not draft.happens(0.6):
        return Assign(answer.name, draft.draw("String", 1, prefer=answer))
    others = replace(draft, scope=draft.scope.without(answer))
    kind = "String"
    if others.scope.of("char"):
        kind = draft.choose(("String", "char"))
    return Assign(answer.name, others.draw(kind, 0), "+")


def _update_number(draft: _Draft) -> Statement:
    answer, rng = draft.answer, draft.rng
    if not draft.happens(0.65):
        depth = rng.choice((1, 2))
        return Assign(answer.name, number(rng, draft.scope, depth, prefer=answer))
    others = replace(draft, scope=draft.scope.without(answer))
    depth = rng.choice((0, 1))
    value = others.draw("int", depth)
    return Assign(answer.name, value, rng.choice("++-"))
