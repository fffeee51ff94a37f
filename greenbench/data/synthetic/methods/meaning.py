"""What a generated method computes, by Java's rules: the ground truth of its expected outputs.

It walks the tree and knows nothing of any printed program. A method that loops too long, throws or leaves 32 bits for an
input has no value there, and ``Undefined`` is raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.data.synthetic.methods.operations import OPERATIONS, Undefined, bounded, item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.data.synthetic.methods import tree
    from greenbench.data.synthetic.methods.tree import Expr, Method, Statement, Value

STEPS = 2000
"""Statements after which a call counts as endless."""
LONGEST = 200
"""Characters or items that a value may have."""


class _Leave(Exception):
    """``break`` or ``continue``."""

    def __init__(self, word: str) -> None:
        self.word = word


class _Return(Exception):
    """A ``return`` with its value."""

    def __init__(self, value: Any) -> None:
        self.value = value


def call(method: Method, arguments: Sequence[Value]) -> Value:
    """Return what ``method`` returns for ``arguments``, which stay as they are; raises Undefined (see the module)."""
    copied = [list(a) if isinstance(a, list) else a for a in arguments]
    state = _State({name: value for (_, name), value in zip(method.params, copied, strict=True)})
    try:
        state.run(method.body)
    except _Return as found:
        value: Value = found.value
        return value
    raise AssertionError(f"{method.name} ends without a return")


class _State:
    """The variables of one call, and the steps it has left."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables, self.left = variables, STEPS

    def run(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self.left -= 1
            if self.left < 0:
                raise Undefined
            getattr(self, f"_{type(statement).__name__.lower()}")(statement)

    def value(self, expr: Expr) -> Any:
        if expr.op == "literal":
            return expr.value
        if expr.op == "name":
            return self.variables[expr.value]
        if expr.op in {"and", "or"}:
            first = self.value(expr.args[0])
            return first if first == (expr.op == "or") else self.value(expr.args[1])
        if expr.op == "choose":
            return self.value(expr.args[1 if self.value(expr.args[0]) else 2])
        return OPERATIONS[expr.op].meaning(*map(self.value, expr.args))

    def _put(self, name: str, value: Any) -> None:
        if isinstance(value, (str, list)) and len(value) > LONGEST:
            raise Undefined
        self.variables[name] = value

    def _declare(self, s: tree.Declare) -> None:
        self._put(s.name, self.value(s.value))

    def _newarray(self, s: tree.NewArray) -> None:
        size = self.value(s.size)
        if not 0 <= size <= LONGEST:
            raise Undefined
        self._put(s.name, [0] * size)

    def _assign(self, s: tree.Assign) -> None:
        value, before = self.value(s.value), self.variables[s.name]
        if s.operator and isinstance(before, str):
            self._put(s.name, before + value)
        elif s.operator:
            self._put(
                s.name,
                bounded(
                    {"+": before + value, "-": before - value, "*": before * value}[s.operator]
                ),
            )
        else:
            self._put(s.name, value)

    def _setitem(self, s: tree.SetItem) -> None:
        array, index = self.variables[s.name], self.value(s.index)
        item(array, index)
        array[index] = self.value(s.value)

    def _if(self, s: tree.If) -> None:
        self.run(s.then if self.value(s.condition) else s.otherwise)

    def _count(self, s: tree.Count) -> None:
        numbers = range(self.value(s.start), self.value(s.stop))
        self._loop(s.name, reversed(numbers) if s.down else numbers, s.body)

    def _each(self, s: tree.Each) -> None:
        self._loop(s.name, self.value(s.over), s.body)

    def _loop(self, name: str, values: Iterable[Any], body: Sequence[Statement]) -> None:
        for value in values:
            self.variables[name] = value
            if self._left(body):
                return

    def _while(self, s: tree.While) -> None:
        while self.value(s.condition):
            if self._left(s.body):
                return

    def _left(self, body: Sequence[Statement]) -> bool:
        """Run a loop's body once; True where it breaks."""
        try:
            self.run(body)
        except _Leave as leave:
            return leave.word == "break"
        return False

    def _leave(self, s: tree.Leave) -> None:
        raise _Leave(s.word)

    def _return(self, s: tree.Return) -> None:
        raise _Return(self.value(s.value))
