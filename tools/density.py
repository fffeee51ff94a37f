"""Measures how heavy the lines of the code are, by package: `python tools/density.py [FOLDER ...]`.

Two averages, and what breaks the rules for a single line:

- syntax nodes a statement: all nodes of the abstract syntax tree inside functions, divided by the
  statements there; docstrings count as neither. pluggy, pytest and xdist have 9 to 10.
- comprehensions (generator expressions too) per 1,000 lines that are not blank.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MOST_NODES = 12.0
MOST_COMPREHENSIONS = 25.0
MOST_GENERATORS = 2
LONG_FILE, TOO_LONG_FILE = 250, 400
LONG_CLASS, LONG_FUNCTION = 120, 45


@dataclass(slots=True)
class Density:
    """Counts over some files."""

    lines: int = 0
    statements: int = 0
    nodes: int = 0
    comprehensions: int = 0
    faults: list[str] = field(default_factory=list)
    """Single places that break a rule."""

    @property
    def nodes_a_statement(self) -> float:
        """Average syntax nodes of a statement inside a function."""
        return self.nodes / self.statements if self.statements else 0.0

    @property
    def comprehensions_per_1000(self) -> float:
        """Comprehensions per 1,000 lines that are not blank."""
        return 1000 * self.comprehensions / self.lines if self.lines else 0.0


def is_docstring(node: ast.AST) -> bool:
    """Whether ``node`` is a text that stands alone as a statement."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def outermost_functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield each function or method that stands in no other one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield child
        else:
            yield from outermost_functions(child)


def count(path: Path, density: Density) -> None:
    """Add the counts of the file ``path`` to ``density``."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    density.lines += sum(1 for line in text.splitlines() if line.strip())
    for function in outermost_functions(tree):
        for statement in function.body:
            _count_statement(statement, density)
    for node in ast.walk(tree):
        if isinstance(node, COMPREHENSIONS):
            density.comprehensions += 1
            density.faults.extend(_faults(path, node))


def _count_statement(statement: ast.stmt, density: Density) -> None:
    if is_docstring(statement):
        return
    density.statements += 1
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        density.nodes += 1
        for child in ast.iter_child_nodes(node):
            if is_docstring(child):
                continue
            if isinstance(child, ast.stmt):
                density.statements += 1
            pending.append(child)


def _faults(path: Path, node: ast.AST) -> Iterator[str]:
    """Say where one comprehension is heavier than a reader should meet."""
    generators = getattr(node, "generators", [])
    if len(generators) > MOST_GENERATORS:
        yield f"{path}:{node.lineno}: {len(generators)} generators in one comprehension"  # type: ignore[attr-defined]
    for inner in ast.walk(node):
        if isinstance(inner, ast.IfExp) and _holds_conditional(inner):
            yield f"{path}:{inner.lineno}: a conditional inside another"


def _holds_conditional(node: ast.IfExp) -> bool:
    children = (child for part in ast.iter_child_nodes(node) for child in ast.walk(part))
    return any(isinstance(child, ast.IfExp) for child in children)


def measured(folder: Path) -> Density:
    """Return the density of all Python files below ``folder``, or of the one file that it is."""
    density = Density()
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
    for path in files:
        count(path, density)
    return density


def main(folders: list[str]) -> None:
    """Print one line a package, then all of them together."""
    roots = [Path(name) for name in folders] or [Path(__file__).parents[1] / "greenbench"]
    print(f"{'package':<32}{'lines':>8}{'nodes/statement':>17}{'comprehensions/1000':>21}")
    for root in roots:
        parts = [root]
        if root.is_dir():
            parts += sorted(p for p in root.iterdir() if p.is_dir() and any(p.glob("*.py")))
        for part in parts:
            found = measured(part)
            row = f"{found.lines:>8}{found.nodes_a_statement:>17.1f}"
            print(f"{part.name:<32}{row}{found.comprehensions_per_1000:>21.1f}")
        print("\n".join(measured(root).faults))


if __name__ == "__main__":
    main(sys.argv[1:])
