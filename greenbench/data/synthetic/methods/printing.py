"""Write a generated method down in Java, in Python, or in JavaScript (the language the small start is pretrained on)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from greenbench.data.synthetic.methods import tree
from greenbench.data.synthetic.methods.operations import ADD, ATOM, OPERATIONS, UNARY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenbench.data.synthetic.methods.operations import Form
    from greenbench.data.synthetic.methods.tree import Expr, Method, Statement

INDENT = "    "


def snake(name: str) -> str:
    """Return a camel-case name as Python writes it: ``countItems`` is ``count_items``."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda m: f"_{m.group().lower()}", name)


def text(expr: Expr, language: str, at_least: int = 0) -> str:
    """Write an expression, in parentheses where it binds more loosely than ``at_least``."""
    if expr.op == "name":
        return str(expr.value)
    if expr.op == "literal":
        return _literal(expr, language, at_least)
    form: Form = getattr(OPERATIONS[expr.op], language)
    written = form.template.format(
        *(text(a, language, b) for a, b in zip(expr.args, form.slots, strict=False))
    )
    return f"({written})" if form.binds < at_least else written


def _literal(expr: Expr, language: str, at_least: int) -> str:
    if expr.type == "boolean":
        return str(expr.value) if language == "python" else str(expr.value).lower()
    if expr.type == "char" and language == "java":
        return f"'{expr.value}'"
    if expr.type == "int":
        return f"({expr.value})" if expr.value < 0 and at_least >= ATOM > UNARY else str(expr.value)
    return json.dumps(expr.value)


def write(method: Method, language: str) -> str:
    """Return the source text of ``method``, with a newline at its end."""
    return "\n".join(_WRITERS[language](method)) + "\n"


# --- languages with braces ----------------------------------------------------------------------------------------------


def _java(method: Method) -> Iterator[str]:
    params = ", ".join(f"{type_} {name}" for type_, name in method.params)
    yield f"static {method.returns} {method.name}({params}) {{"
    yield from _braced(method.body, "java", INDENT)
    yield "}"


def _javascript(method: Method) -> Iterator[str]:
    yield f"function {method.name}({', '.join(name for _, name in method.params)}) {{"
    yield from _braced(method.body, "javascript", INDENT)
    yield "}"


def _braced(body: Sequence[Statement], language: str, indent: str) -> Iterator[str]:
    for statement in body:
        head = _head(statement, language)
        if not isinstance(statement, (tree.If, tree.Count, tree.Each, tree.While)):
            yield f"{indent}{head};"
            continue
        yield f"{indent}{head} {{"
        inner = statement.then if isinstance(statement, tree.If) else statement.body
        yield from _braced(inner, language, indent + INDENT)
        if isinstance(statement, tree.If) and statement.otherwise:
            yield f"{indent}}} else {{"
            yield from _braced(statement.otherwise, language, indent + INDENT)
        yield f"{indent}}}"


def _head(s: Statement, language: str) -> str:
    """Write a statement without its body."""
    match s:
        case tree.Declare() | tree.NewArray():
            return _declaration(s, language)
        case tree.Count():
            return _counting(s, language)
        case tree.Each():
            return _each(s, language)
        case tree.If() | tree.While():
            return f"{'if' if isinstance(s, tree.If) else 'while'} ({text(s.condition, language)})"
    return _simple(s, language)


def _declaration(s: tree.Declare | tree.NewArray, language: str) -> str:
    java = language == "java"
    if isinstance(s, tree.Declare):
        return f"{s.type if java else 'let'} {s.name} = {text(s.value, language)}"
    size = text(s.size, language)
    return (
        f"int[] {s.name} = new int[{size}]" if java else f"let {s.name} = new Array({size}).fill(0)"
    )


def _each(s: tree.Each, language: str) -> str:
    over = text(s.over, language)
    if language != "java":
        return f"for (let {s.name} of {over})"
    return f"for ({s.type} {s.name} : {over}{'.toCharArray()' if s.type == 'char' else ''})"


def _counting(s: tree.Count, language: str) -> str:
    declared = "int" if language == "java" else "let"
    start, stop = text(s.start, language, ADD), text(s.stop, language, ADD)
    if s.down:
        return f"for ({declared} {s.name} = {stop} - 1; {s.name} >= {start}; {s.name}--)"
    return f"for ({declared} {s.name} = {start}; {s.name} < {stop}; {s.name}++)"


def _simple(s: Statement, language: str) -> str:
    """Write what all languages write alike."""
    match s:
        case tree.Assign():
            return f"{s.name} {s.operator}= {text(s.value, language)}"
        case tree.SetItem():
            return f"{s.name}[{text(s.index, language)}] = {text(s.value, language)}"
        case tree.Return():
            return f"return {text(s.value, language)}"
        case tree.Leave():
            return s.word
    raise TypeError(type(s).__name__)


# --- Python -------------------------------------------------------------------------------------------------------------


def _python(method: Method) -> Iterator[str]:
    body = list(_indented(method.body, INDENT))
    if any("math." in line for line in body):
        yield "import math"
    yield f"def {snake(method.name)}({', '.join(name for _, name in method.params)}):"
    yield from body


def _indented(body: Sequence[Statement], indent: str) -> Iterator[str]:
    for s in body:
        match s:
            case tree.If():
                yield f"{indent}if {text(s.condition, 'python')}:"
                yield from _indented(s.then, indent + INDENT)
                if s.otherwise:
                    yield f"{indent}else:"
                    yield from _indented(s.otherwise, indent + INDENT)
            case tree.Count() | tree.Each() | tree.While():
                yield f"{indent}{_python_loop(s)}:"
                yield from _indented(s.body, indent + INDENT)
            case tree.Declare():
                yield f"{indent}{s.name} = {text(s.value, 'python')}"
            case tree.NewArray():
                yield f"{indent}{s.name} = [0] * {text(s.size, 'python', ATOM)}"
            case _:
                yield indent + _simple(s, "python")


def _python_loop(s: tree.Count | tree.Each | tree.While) -> str:
    if isinstance(s, tree.While):
        return f"while {text(s.condition, 'python')}"
    if isinstance(s, tree.Each):
        return f"for {s.name} in {text(s.over, 'python')}"
    start, stop = text(s.start, "python", ADD), text(s.stop, "python", ADD)
    if s.down:
        return f"for {s.name} in range({stop} - 1, {_before(s.start)}, -1)"
    return (
        f"for {s.name} in range({stop})"
        if start == "0"
        else f"for {s.name} in range({start}, {stop})"
    )


def _before(start: Expr) -> str:
    return str(start.value - 1) if start.op == "literal" else f"{text(start, 'python', ADD)} - 1"


_WRITERS: dict[str, Callable[[Method], Iterator[str]]] = {
    "java": _java,
    "python": _python,
    "javascript": _javascript,
}
