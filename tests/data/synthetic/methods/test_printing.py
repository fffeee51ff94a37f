"""How a method is written in each language: parentheses, literals, statements, names."""

from __future__ import annotations

import pytest

from greenbench.data.synthetic.methods.operations import LANGUAGES
from greenbench.data.synthetic.methods.printing import snake, text, write
from greenbench.data.synthetic.methods.tree import (
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
    While,
    literal,
    variable,
)

NEGATIVE, A, B, FLAG, S = (
    literal(-3, "int"),
    variable("int", "a"),
    variable("int", "b"),
    variable("boolean", "p"),
    variable("String", "s"),
)


def op(name: str, *args: Expr, type_: str = "int") -> Expr:
    """Write an operation."""
    return Expr(name, args, type_)


def test_snake_case() -> None:
    """Java's names in Python's way, words of one letter too."""
    assert [snake(n) for n in ("countItems", "f", "aB")] == ["count_items", "f", "a_b"]


# --- parentheses ----------------------------------------------------------------------------------

LESS = op("less", A, B, type_="boolean")
CHOOSE = op("choose", FLAG, A, B)


@pytest.mark.parametrize(
    ("expr", "java", "python"),
    [
        (op("subtract", A, op("subtract", A, B)), "a - (a - b)", "a - (a - b)"),
        (op("subtract", op("subtract", A, B), A), "a - b - a", "a - b - a"),
        (op("multiply", op("add", A, B), B), "(a + b) * b", "(a + b) * b"),
        (op("multiply", A, op("wrap", A, B)), "a * (a % b)", "a * (a % b)"),
        (op("subtract", A, NEGATIVE), "a - -3", "a - -3"),
        (op("multiply", NEGATIVE, NEGATIVE), "-3 * -3", "-3 * -3"),
        (op("negate", NEGATIVE), "-(-3)", "-(-3)"),
        (op("negate", op("negate", A)), "-(-a)", "-(-a)"),
        (
            op("divide", op("add", A, B), op("multiply", A, B)),
            "(a + b) / (a * b)",
            "int((a + b) / (a * b))",
        ),
        (op("halve", A, NEGATIVE), "a / -3", "a // -3"),
        (op("not", LESS, type_="boolean"), "!(a < b)", "not a < b"),
        (op("not", FLAG, type_="boolean"), "!p", "not p"),
        (
            op(
                "equal",
                op("not", FLAG, type_="boolean"),
                op("not", FLAG, type_="boolean"),
                type_="boolean",
            ),
            "!p == !p",
            "(not p) == (not p)",
        ),
        (op("equal", LESS, LESS, type_="boolean"), "a < b == (a < b)", "(a < b) == (a < b)"),
        (
            op("and", op("or", FLAG, LESS, type_="boolean"), FLAG, type_="boolean"),
            "(p || a < b) && p",
            "(p or a < b) and p",
        ),
        (
            op("or", FLAG, op("and", FLAG, LESS, type_="boolean"), type_="boolean"),
            "p || p && a < b",
            "p or p and a < b",
        ),
        (op("choose", FLAG, CHOOSE, A), "p ? (p ? a : b) : a", "(a if p else b) if p else a"),
        (
            op("choose", LESS, A, CHOOSE),
            "a < b ? a : (p ? a : b)",
            "a if a < b else (a if p else b)",
        ),
        (op("add", CHOOSE, A), "(p ? a : b) + a", "(a if p else b) + a"),
        (op("join_number", S, op("add", A, B), type_="String"), "s + (a + b)", "s + str(a + b)"),
        (op("length", op("join", S, S, type_="String")), "(s + s).length()", "len(s + s)"),
        (
            op("rest", op("join", S, S, type_="String"), A, type_="String"),
            "(s + s).substring(a)",
            "(s + s)[a:]",
        ),
        (
            op("same_text", op("join", S, S, type_="String"), S, type_="boolean"),
            "(s + s).equals(s)",
            "s + s == s",
        ),
        (
            op("not", op("contains", S, literal('"', "String"), type_="boolean"), type_="boolean"),
            '!s.contains("\\"")',
            'not "\\"" in s',
        ),
    ],
)
def test_parentheses_stand_where_they_are_needed_and_only_there(
    expr: Expr, java: str, python: str
) -> None:
    """Each language's own precedence decides, and grouping to the left needs none."""
    assert (text(expr, "java"), text(expr, "python")) == (java, python)


def test_literals_of_each_language() -> None:
    """Truth is capitalised in Python; a character is a text but in Java."""
    true, char = literal(True, "boolean"), literal("c", "char")  # noqa: FBT003
    assert [text(true, language) for language in LANGUAGES] == ["true", "True", "true"]
    assert [text(char, language) for language in LANGUAGES] == ["'c'", '"c"', '"c"']


def test_every_statement_in_each_language() -> None:
    """One method with each kind of statement, word by word."""
    n = lambda value: literal(value, "int")  # noqa: E731
    out, c, left, i = (
        variable(*one) for one in (("int[]", "out"), ("char", "c"), ("int", "left"), ("int", "i"))
    )
    body = (
        NewArray("out", op("length", S)),
        Declare("int", "left", A),
        Each(
            "char",
            "c",
            S,
            (If(op("equal", c, literal("x", "char"), type_="boolean"), (Leave("break"),)),),
        ),
        Count("i", n(0), op("size", out), (SetItem("out", i, op("divide", A, n(2))),)),
        Count(
            "i", n(2), A, (If(FLAG, (Leave("continue"),), (Assign("left", i, "-"),)),), down=True
        ),
        While(
            op("more", left, n(0), type_="boolean"), (Assign("left", op("remainder", left, n(3))),)
        ),
        Return(out),
    )
    method = Method("makeAll", (("String", "s"), ("int", "a"), ("boolean", "p")), "int[]", body)
    assert write(method, "java").split("\n")[:6] == [
        "static int[] makeAll(String s, int a, boolean p) {",
        "    int[] out = new int[s.length()];",
        "    int left = a;",
        "    for (char c : s.toCharArray()) {",
        "        if (c == 'x') {",
        "            break;",
    ]
    counting_down = (
        "    for (int i = a - 1; i >= 2; i--) {\n        if (p) {\n            continue;\n"
        "        } else {\n"
    )
    assert counting_down in write(method, "java")
    assert write(method, "python") == (
        "import math\ndef make_all(s, a, p):\n    out = [0] * len(s)\n    left = a\n"
        '    for c in s:\n        if c == "x":\n            break\n'
        "    for i in range(len(out)):\n        out[i] = int(a / 2)\n"
        "    for i in range(a - 1, 1, -1):\n        if p:\n            continue\n"
        "        else:\n            left -= i\n"
        "    while left > 0:\n        left = int(math.fmod(left, 3))\n    return out\n"
    )
