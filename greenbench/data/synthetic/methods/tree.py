"""The tree of a generated method: typed expressions and statements, common to all languages.

Types are Java's: ``int``, ``boolean``, ``char``, ``String`` and ``int[]``. Nothing here prints,
runs or draws.
"""

from __future__ import annotations

from dataclasses import dataclass

Value = int | bool | str | list[int]


@dataclass(frozen=True, slots=True)
class Expr:
    """An operation of ``operations.OPERATIONS`` on arguments, or a leaf without arguments.

    The ``op`` of a leaf is "literal" or, for a variable, "name".
    """

    op: str
    args: tuple[Expr, ...]
    type: str
    value: int | str = ""
    """The literal's value (a truth value is an int here), or the variable's name."""
    natural: bool = False
    """Whether an int is known never to be negative: Java's and Python's division agree on it."""

    @property
    def name(self) -> str:
        """The variable's name."""
        return str(self.value)


def literal(value: int | str, type_: str) -> Expr:
    """Return a literal of ``type_``."""
    natural = type_ == "int" and int(value) >= 0
    return Expr("literal", (), type_, value, natural=natural)


ZERO = literal(0, "int")


def variable(type_: str, name: str, *, natural: bool = False) -> Expr:
    """Return a variable of ``type_``."""
    return Expr("name", (), type_, name, natural=natural)


def size_of(sequence: Expr) -> Expr:
    """Return the length of a text, or the size of an array."""
    op = "length" if sequence.type == "String" else "size"
    return Expr(op, (sequence,), "int", natural=True)


@dataclass(frozen=True, slots=True)
class Declare:
    """A variable with its first value: ``int total = 0;``."""

    type: str
    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class NewArray:
    """An array of zeros: ``int[] out = new int[n];``."""

    name: str
    size: Expr


@dataclass(frozen=True, slots=True)
class Assign:
    """``total = value;``, or ``total += value;`` with the operator ``+``."""

    name: str
    value: Expr
    operator: str = ""


@dataclass(frozen=True, slots=True)
class SetItem:
    """A new value for one place: ``out[i] = value;``."""

    name: str
    index: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class If:
    """``if (condition) { ... } else { ... }``; an empty ``otherwise`` has no else."""

    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """A loop over ``name`` = start, ..., stop - 1; ``down`` takes the numbers in reverse."""

    name: str
    start: Expr
    stop: Expr
    body: tuple[Statement, ...]
    down: bool = False


@dataclass(frozen=True, slots=True)
class Each:
    """A loop over the items of an array, or the characters of a string."""

    type: str
    name: str
    over: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class While:
    """A loop while a condition holds: ``while (condition) { ... }``."""

    condition: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """``break`` or ``continue``."""

    word: str


@dataclass(frozen=True, slots=True)
class Return:
    """The end of a call, with its value: ``return value;``."""

    value: Expr


Statement = Declare | NewArray | Assign | SetItem | If | Count | Each | While | Leave | Return


@dataclass(frozen=True, slots=True)
class Method:
    """One method: a name in camel case, parameters as (type, name), the type it returns, a body."""

    name: str
    params: tuple[tuple[str, str], ...]
    returns: str
    body: tuple[Statement, ...]
