"""What a generated method computes, by Java's rules: the ground truth of its expected outputs.

It walks the tree and knows nothing of any printed program. A method that loops too long, throws or
leaves 32 bits for an input has no value there, and ``Undefined`` is raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from greenbench.data.synthetic.methods.operations import OPERATIONS, Undefined, item
from greenbench.data.synthetic.methods.tree import (
    Assign,
    Count,
    Declare,
    Each,
    If,
    Leave,
    NewArray,
    Return,
    SetItem,
    While,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.data.synthetic.methods.tree import Expr, Method, Statement, Value

STEPS = 2000
"""Statements after which a call counts as endless."""
LONGEST = 200
"""Characters or items that a value may have."""
_UPDATES = {"+": "add", "-": "subtract", "*": "multiply"}


class _Jump(Exception):
    """``break`` or ``continue``."""

    def __init__(self, word: str) -> None:
        self.word = word


class _Returned(Exception):
    """A ``return`` with its value."""

    def __init__(self, value: Value) -> None:
        self.value = value


def call(method: Method, arguments: Sequence[Value]) -> Value:
    """Return what ``method`` returns for ``arguments``, which stay as they are.

    Raises Undefined where there is no value (see the module).
    """
    variables: dict[str, Value] = {}
    for (_, name), argument in zip(method.params, arguments, strict=True):
        variables[name] = list(argument) if isinstance(argument, list) else argument
    try:
        _Frame(variables).run(method.body)
    except _Returned as returned:
        return returned.value
    raise AssertionError(f"{method.name} ends without a return")


class _Frame:
    """The variables of one call, and the steps it has left."""

    def __init__(self, variables: dict[str, Value]) -> None:
        self.variables = variables
        self.left = STEPS

    def run(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self.left -= 1
            if self.left < 0:
                raise Undefined
            self._execute(statement)

    def value(self, expr: Expr) -> Value:
        if expr.op == "literal":
            return expr.value
        if expr.op == "name":
            return self.variables[expr.name]
        if expr.op == "and":
            return self.value(expr.args[0]) and self.value(expr.args[1])
        if expr.op == "or":
            return self.value(expr.args[0]) or self.value(expr.args[1])
        if expr.op == "choose":
            condition, first, second = expr.args
            return self.value(first) if self.value(condition) else self.value(second)
        return OPERATIONS[expr.op].meaning(*map(self.value, expr.args))

    def _number(self, expr: Expr) -> int:
        return cast("int", self.value(expr))

    def _execute(self, s: Statement) -> None:
        match s:
            case Assign() | SetItem() | Declare() | NewArray():
                self._store(s)
            case If():
                self.run(s.then if self.value(s.condition) else s.otherwise)
            case Count():
                numbers = range(self._number(s.start), self._number(s.stop))
                self._loop(s.name, reversed(numbers) if s.down else numbers, s.body)
            case Each():
                self._loop(s.name, cast("str | list[int]", self.value(s.over)), s.body)
            case While():
                self._while(s)
            case Leave():
                raise _Jump(s.word)
            case Return():
                raise _Returned(self.value(s.value))

    def _store(self, s: Assign | SetItem | Declare | NewArray) -> None:
        match s:
            case Assign():
                self._put(s.name, self._updated(s))
            case SetItem():
                self._set_item(s)
            case Declare():
                self._put(s.name, self.value(s.value))
            case NewArray():
                self._put(s.name, self._zeros(s.size))

    def _put(self, name: str, value: Value) -> None:
        if isinstance(value, (str, list)) and len(value) > LONGEST:
            raise Undefined
        self.variables[name] = value

    def _zeros(self, size: Expr) -> list[int]:
        count = self._number(size)
        if not 0 <= count <= LONGEST:
            raise Undefined
        return [0] * count

    def _updated(self, s: Assign) -> Value:
        value = self.value(s.value)
        if not s.operator:
            return value
        before = self.variables[s.name]
        update = "join" if isinstance(before, str) else _UPDATES[s.operator]
        return OPERATIONS[update].meaning(before, value)

    def _set_item(self, s: SetItem) -> None:
        array = cast("list[int]", self.variables[s.name])
        index = self._number(s.index)
        item(array, index)  # raises where there is no such place
        array[index] = self._number(s.value)

    def _loop(self, name: str, values: Iterable[int | str], body: Sequence[Statement]) -> None:
        for value in values:
            self.variables[name] = value
            if self._breaks(body):
                return

    def _while(self, s: While) -> None:
        while self.value(s.condition):
            if self._breaks(s.body):
                return

    def _breaks(self, body: Sequence[Statement]) -> bool:
        """Run a loop's body once; True where it breaks."""
        try:
            self.run(body)
        except _Jump as jump:
            return jump.word == "break"
        return False
