"""Draw a random method: typed parameters, conditions, loops, text and arrays, about ten lines.

What is drawn compiles as Java. Whether it has a value for an input is not decided here (see ``meaning``); a loop's bounds
and variable stay as they are in its body, so that it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from greenbench.data.synthetic.methods import tree
from greenbench.data.synthetic.methods.expressions import Names, draw, name_of, number
from greenbench.data.synthetic.methods.tree import Expr, Method, Statement, literal

if TYPE_CHECKING:
    from random import Random

_VERBS = (
    "count",
    "find",
    "make",
    "get",
    "sum",
    "check",
    "build",
    "merge",
    "scan",
    "rate",
    "pick",
    "fold",
)
_NOUNS = (
    "Items",
    "Total",
    "Value",
    "Level",
    "Parts",
    "Score",
    "Words",
    "Cells",
    "Steps",
    "Codes",
    "Marks",
    "Range",
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
_LOCALS = ("r", "total", "result", "out", "best")
_START: dict[str, tuple[int | bool | str, ...]] = {
    "int": (0, 0, 1, -1),
    "String": ("", "", "x"),
    "boolean": (True, False),
}


@dataclass(slots=True)
class _Draft:
    """What is decided so far: the random state, the names in sight, the variable that will be returned."""

    rng: Random
    names: Names
    answer: Expr
    counters: list[str] = field(default_factory=lambda: ["i", "j"])
    """Names left for loop counters; all copies of a draft share them, and so for ``digits``."""
    digits: list[str] = field(default_factory=lambda: ["left"])


def draw_method(rng: Random) -> Method:
    """Draw one method."""
    types = rng.choice(_SIGNATURES)
    params = tuple(zip(types, _distinct(rng, types), strict=True))
    returns = rng.choice(
        _RETURNS if {"String", "int[]"} & {*types} else ("int", "int", "String", "boolean")
    )
    names = Names(tuple(name_of(type_, name) for type_, name in params))
    answer = name_of(returns, rng.choice(_LOCALS))
    draft = _Draft(rng, names, answer)
    guard = _guard(draft) if rng.random() < 0.3 else ()  # noqa: PLR2004
    start = _first(draft)
    draft.names = names.plus(answer)
    blocks = [s for _ in range(rng.choice((1, 1, 2))) for s in _block(draft)]
    title = rng.choice(_VERBS) + rng.choice(_NOUNS)
    return Method(title, params, returns, (*guard, start, *blocks, tree.Return(_last(draft))))


def _distinct(rng: Random, types: tuple[str, ...]) -> list[str]:
    taken: list[str] = []
    for type_ in types:
        taken.append(rng.choice([n for n in _PARAMETERS[type_] if n not in taken]))
    return taken


def _guard(d: _Draft) -> tuple[Statement, ...]:
    """Leave early, as methods that check their arguments do."""
    if d.answer.type == "int[]":
        return ()
    return (
        tree.If(
            draw(d.rng, d.names, "boolean", 1),
            (tree.Return(draw(d.rng, d.names, d.answer.type, 0)),),
        ),
    )


def _first(d: _Draft) -> Statement:
    type_, name = d.answer.type, str(d.answer.value)
    if type_ == "int[]":
        arrays = d.names.of("int[]")
        size = (
            Expr("size", (d.rng.choice(arrays),), "int", natural=True)
            if arrays
            else literal(d.rng.randint(2, 6), "int")
        )
        return tree.NewArray(name, size)
    if d.rng.random() < 0.3:  # noqa: PLR2004
        return tree.Declare(type_, name, draw(d.rng, d.names, type_, 1))
    return tree.Declare(type_, name, literal(d.rng.choice(_START[type_]), type_))


def _last(d: _Draft) -> Expr:
    if d.answer.type in {"int", "String", "boolean"} and d.rng.random() < 0.25:  # noqa: PLR2004
        return draw(d.rng, d.names, d.answer.type, 1, prefer=d.answer)
    return d.answer


# --- blocks -------------------------------------------------------------------------------------------------------------


def _block(d: _Draft) -> tuple[Statement, ...]:
    """Draw a loop or a condition around updates of the answer."""
    if d.answer.type == "int[]":
        return (_fill_loop(d),)
    kinds = [
        _condition,
        _count_loop,
        _count_loop,
        _digits_loop if d.names.of("int") else _condition,
    ]
    if d.names.of("int[]") or d.names.of("String"):
        kinds += [_each_loop, _each_loop, _index_loop]
    return d.rng.choice(kinds)(d)


def _condition(d: _Draft) -> tuple[Statement, ...]:
    otherwise = (_update(d),) if d.rng.random() < 0.5 else ()  # noqa: PLR2004
    return (tree.If(draw(d.rng, d.names, "boolean", 1), (_update(d),), otherwise),)


def _body(d: _Draft, *inner: Expr, fixed: tuple[Expr, ...] = ()) -> tuple[Statement, ...]:
    """Draw a loop's body, in which the names ``inner`` are in sight."""
    within = replace(d, names=d.names.plus(*inner))
    update = _update(within)
    if d.rng.random() < 0.55:  # noqa: PLR2004
        condition = draw(d.rng, within.names, "boolean", 1, prefer=(*fixed, *inner)[0])
        if d.rng.random() < 0.2:  # noqa: PLR2004
            return (tree.If(condition, (tree.Leave(d.rng.choice(("break", "continue"))),)), update)
        return (tree.If(condition, (update,), (_update(within),) if d.rng.random() < 0.3 else ()),)  # noqa: PLR2004
    return (update,) if d.rng.random() < 0.7 else (update, _update(within))  # noqa: PLR2004


def _counter(d: _Draft) -> Expr:
    return replace(name_of("int", d.counters.pop(0)), natural=True)


def _count_loop(d: _Draft) -> tuple[Statement, ...]:
    """Count from a small number to another one, or to a parameter."""
    params = [e for e in d.names.of("int") if e.value != d.answer.value]
    stop = (
        d.rng.choice(params)
        if params and d.rng.random() < 0.6
        else literal(d.rng.randint(3, 9), "int")
    )  # noqa: PLR2004
    i = _counter(d)
    start = literal(d.rng.choice((0, 0, 1, 2)), "int")
    return (tree.Count(str(i.value), start, stop, _body(d, i), down=d.rng.random() < 0.25),)  # noqa: PLR2004


def _index_loop(d: _Draft) -> tuple[Statement, ...]:
    """Walk over the indices of an array or a text, whose items are in sight."""
    over = d.rng.choice(
        [*d.names.of("int[]"), *[s for s in d.names.of("String") if s.value != d.answer.value]]
        or [d.answer]
    )
    if over is d.answer:
        return _condition(d)
    array, i = over.type == "int[]", _counter(d)
    stop = Expr("size" if array else "length", (over,), "int", natural=True)
    item = Expr("item" if array else "char_at", (over, i), "int" if array else "char")
    return (
        tree.Count(
            str(i.value), literal(0, "int"), stop, _body(d, i, item), down=d.rng.random() < 0.25
        ),
    )  # noqa: PLR2004


def _each_loop(d: _Draft) -> tuple[Statement, ...]:
    choices = [
        *d.names.of("int[]"),
        *[s for s in d.names.of("String") if s.value != d.answer.value],
    ]
    if not choices:
        return _condition(d)
    over = d.rng.choice(choices)
    item = name_of("int", "v") if over.type == "int[]" else name_of("char", "c")
    return (tree.Each(item.type, str(item.value), over, _body(d, item)),)


def _digits_loop(d: _Draft) -> tuple[Statement, ...]:
    """Take a number apart, digit by digit; its absolute value, so that the loop ends."""
    if not d.digits:
        return _condition(d)
    left = replace(name_of("int", d.digits.pop()), natural=True)
    base = literal(d.rng.choice((2, 3, 10, 10)), "int")
    digit = Expr("wrap", (left, base), "int", natural=True)
    begin = tree.Declare(
        "int", str(left.value), Expr("abs", (d.rng.choice(d.names.of("int")),), "int", natural=True)
    )
    body = (
        *_body(d, digit),
        tree.Assign(str(left.value), Expr("halve", (left, base), "int", natural=True)),
    )
    if any(
        isinstance(s, tree.If)
        and isinstance(s.then[0], tree.Leave)
        and s.then[0].word == "continue"
        for s in body
    ):
        return _condition(d)  # it would never come to the division
    return begin, tree.While(Expr("more", (left, literal(0, "int")), "boolean"), body)


def _fill_loop(d: _Draft) -> Statement:
    """Write to every place of the array that is returned."""
    out = d.answer
    i = _counter(d)
    arrays = [a for a in d.names.of("int[]") if a.value != out.value]
    stop = Expr("size", (out,), "int", natural=True)
    items = tuple(Expr("item", (a, i), "int") for a in arrays)
    within = d.names.without(out).plus(i, *items)
    put = tree.SetItem(str(out.value), i, draw(d.rng, within, "int", 2, prefer=(*items, i)[0]))
    other = tree.SetItem(str(out.value), i, draw(d.rng, within, "int", 1))
    body: tuple[Statement, ...] = (put,)
    if d.rng.random() < 0.5:  # noqa: PLR2004
        body = (
            tree.If(draw(d.rng, within, "boolean", 1, prefer=(*items, i)[0]), (put,), (other,)),
        )
    return tree.Count(str(i.value), literal(0, "int"), stop, body, down=d.rng.random() < 0.2)  # noqa: PLR2004


def _update(d: _Draft) -> Statement:
    """Change the answer."""
    rng, name, type_ = d.rng, str(d.answer.value), d.answer.type
    if type_ == "boolean":
        return tree.Assign(name, draw(rng, d.names.without(d.answer), "boolean", 1))
    others = d.names.without(d.answer)
    if type_ == "String":
        if rng.random() < 0.6:  # noqa: PLR2004
            kind = rng.choice(("String", "char")) if others.of("char") else "String"
            return tree.Assign(name, draw(rng, others, kind, 0), "+")
        return tree.Assign(name, draw(rng, d.names, "String", 1, prefer=d.answer))
    if rng.random() < 0.65:  # noqa: PLR2004
        return tree.Assign(name, draw(rng, others, "int", rng.choice((0, 1))), rng.choice("++-"))
    return tree.Assign(name, number(rng, d.names, rng.choice((1, 2)), prefer=d.answer))
