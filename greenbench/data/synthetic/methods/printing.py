"""Write a generated method down in Java, in Python, or in JavaScript.

JavaScript is a language that the small pretrained decoder has seen beside both of the others.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from greenbench.data.synthetic.methods.operations import ADD, ATOM, OPERATIONS
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
    from collections.abc import Iterator, Sequence

    from greenbench.data.synthetic.methods.operations import Form
    from greenbench.data.synthetic.methods.tree import Expr, Method, Statement

INDENT = "    "


def snake(name: str) -> str:
    """Return a camel-case name as Python writes it: ``countItems`` is ``count_items``."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda capital: "_" + capital.group().lower(), name)


def text(expr: Expr, language: str, at_least: int = 0) -> str:
    """Write an expression, in parentheses where it binds more loosely than ``at_least``."""
    if expr.op == "name":
        return expr.name
    if expr.op == "literal":
        return _literal(expr, language, at_least)
    form: Form = getattr(OPERATIONS[expr.op], language)
    arguments = []
    for argument, binds in zip(expr.args, form.slots, strict=False):
        arguments.append(text(argument, language, binds))
    written = form.template.format(*arguments)
    return f"({written})" if form.binds < at_least else written


def _literal(expr: Expr, language: str, at_least: int) -> str:
    if expr.type == "boolean":
        word = str(expr.value)
        return word if language == "python" else word.lower()
    if expr.type == "char" and language == "java":
        return f"'{expr.value}'"
    if expr.type == "int":
        negative = int(expr.value) < 0
        return f"({expr.value})" if negative and at_least >= ATOM else str(expr.value)
    return json.dumps(expr.value)


def write(method: Method, language: str) -> str:
    """Return the source text of ``method``, with a newline at its end."""
    if language == "python":
        lines = _python(method)
    else:
        lines = _with_braces(method, language)
    return "\n".join(lines) + "\n"


# --- languages with braces ------------------------------------------------------------------------


def _with_braces(method: Method, language: str) -> Iterator[str]:
    if language == "java":
        params = ", ".join(f"{type_} {name}" for type_, name in method.params)
        yield f"static {method.returns} {method.name}({params}) {{"
    else:
        params = ", ".join(name for _, name in method.params)
        yield f"function {method.name}({params}) {{"
    yield from _braced(method.body, language, INDENT)
    yield "}"


def _braced(body: Sequence[Statement], language: str, indent: str) -> Iterator[str]:
    for statement in body:
        head = _head(statement, language)
        if isinstance(statement, If):
            yield f"{indent}{head} {{"
            yield from _braced(statement.then, language, indent + INDENT)
            if statement.otherwise:
                yield f"{indent}}} else {{"
                yield from _braced(statement.otherwise, language, indent + INDENT)
            yield f"{indent}}}"
        elif isinstance(statement, (Count, Each, While)):
            yield f"{indent}{head} {{"
            yield from _braced(statement.body, language, indent + INDENT)
            yield f"{indent}}}"
        else:
            yield f"{indent}{head};"


def _head(s: Statement, language: str) -> str:
    """Write a statement without its body."""
    match s:
        case Declare() | NewArray():
            return _declaration(s, language)
        case Count():
            return _counting(s, language)
        case Each():
            return _each(s, language)
        case If():
            return f"if ({text(s.condition, language)})"
        case While():
            return f"while ({text(s.condition, language)})"
    return _simple(s, language)


def _declaration(s: Declare | NewArray, language: str) -> str:
    if isinstance(s, Declare):
        word = s.type if language == "java" else "let"
        return f"{word} {s.name} = {text(s.value, language)}"
    size = text(s.size, language)
    if language == "java":
        return f"int[] {s.name} = new int[{size}]"
    return f"let {s.name} = new Array({size}).fill(0)"


def _each(s: Each, language: str) -> str:
    over = text(s.over, language)
    if language != "java":
        return f"for (let {s.name} of {over})"
    if s.type == "char":
        over += ".toCharArray()"
    return f"for ({s.type} {s.name} : {over})"


def _counting(s: Count, language: str) -> str:
    word = "int" if language == "java" else "let"
    start = text(s.start, language, ADD)
    stop = text(s.stop, language, ADD)
    if s.down:
        return f"for ({word} {s.name} = {stop} - 1; {s.name} >= {start}; {s.name}--)"
    return f"for ({word} {s.name} = {start}; {s.name} < {stop}; {s.name}++)"


def _simple(s: Statement, language: str) -> str:
    """Write what all languages write alike."""
    match s:
        case Assign():
            return f"{s.name} {s.operator}= {text(s.value, language)}"
        case SetItem():
            index = text(s.index, language)
            return f"{s.name}[{index}] = {text(s.value, language)}"
        case Return():
            return f"return {text(s.value, language)}"
        case Leave():
            return s.word
    raise TypeError(type(s).__name__)


# --- Python ---------------------------------------------------------------------------------------


def _python(method: Method) -> Iterator[str]:
    body = list(_indented(method.body, INDENT))
    if any("math." in line for line in body):
        yield "import math"
    params = ", ".join(name for _, name in method.params)
    yield f"def {snake(method.name)}({params}):"
    yield from body


def _indented(body: Sequence[Statement], indent: str) -> Iterator[str]:
    for s in body:
        match s:
            case If():
                yield f"{indent}if {text(s.condition, 'python')}:"
                yield from _indented(s.then, indent + INDENT)
                if s.otherwise:
                    yield f"{indent}else:"
                    yield from _indented(s.otherwise, indent + INDENT)
            case Count() | Each() | While():
                yield f"{indent}{_python_loop(s)}:"
                yield from _indented(s.body, indent + INDENT)
            case Declare():
                yield f"{indent}{s.name} = {text(s.value, 'python')}"
            case NewArray():
                yield f"{indent}{s.name} = [0] * {text(s.size, 'python', ATOM)}"
            case _:
                yield indent + _simple(s, "python")


def _python_loop(s: Count | Each | While) -> str:
    if isinstance(s, While):
        return f"while {text(s.condition, 'python')}"
    if isinstance(s, Each):
        return f"for {s.name} in {text(s.over, 'python')}"
    start = text(s.start, "python", ADD)
    stop = text(s.stop, "python", ADD)
    if s.down:
        return f"for {s.name} in range({stop} - 1, {_before(s.start)}, -1)"
    if start == "0":
        return f"for {s.name} in range({stop})"
    return f"for {s.name} in range({start}, {stop})"


def _before(start: Expr) -> str:
    """Write the number before ``start``."""
    if start.op == "literal":
        return str(int(start.value) - 1)
    return f"{text(start, 'python', ADD)} - 1"
