"""The architecture: eleven layers, imports that point down, no circles, lines that can be read."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tools import density

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "greenbench"

LAYERS = (
    ("errors",),
    ("options", "extras"),
    ("types", "data", "sandbox", "knobs"),
    ("machine", "stats", "protocols"),
    ("pipeline", "stages", "tasks", "results", "adapters"),
    ("gates", "reuse"),
    ("experiment",),
    ("analysis", "search"),
    ("report",),
    ("run", "export", "cluster"),
    ("plugin", "cli", "api", "testing"),
)
"""From the lowest to the highest. An entry imports from lower layers only, and not from its own."""
HEAVY_IMPORTS = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "pyarrow",
    "pandas",
    "sklearn",
    "zeus",
    "numpy",
)
TORCH_PACKAGES = {"torch", "transformers", "accelerate", "bitsandbytes", "torchao"}
TORCH_ENTRIES = ("stages", "tasks", "data")
LARGEST_SHARE = 0.22
"""Of the lines of the package, for any one entry."""

FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    """``greenbench/machine/gpus.py`` is ``greenbench.machine.gpus``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@dataclass(frozen=True)
class Source:
    """What the tests below ask of a file: one pass over its syntax tree serves them all."""

    lines: int
    documented: bool
    imports: frozenset[str]
    """Every module and name that it imports, inside functions and for type checking too."""
    classes: tuple[str, ...]
    too_long: tuple[str, ...]
    """Classes and functions, with their lines."""
    uses_of_any: int


@cache
def source(path: Path) -> Source:
    """Return what is in a file."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    imports: set[str] = set()
    classes, too_long, uses_of_any = [], [], 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            imports.add(str(node.module))
            imports.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name):
            uses_of_any += node.id == "Any"
        elif isinstance(node, ast.ClassDef):
            classes.append(node.name)
        if is_too_long(node):
            too_long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    return Source(
        lines=len(text.splitlines()),
        documented=bool(ast.get_docstring(tree)),
        imports=frozenset(imports),
        classes=tuple(classes),
        too_long=tuple(too_long),
        uses_of_any=uses_of_any,
    )


def imported_modules(path: Path) -> set[str]:
    """Return the modules of greenbench that a file imports; a package only if it gives a name."""
    modules = set()
    for name in source(path).imports:
        if name in MODULES:
            modules.add(name)
    # `from greenbench.a import b` names the package a too: no dependency if b is a module
    submodules = {module.rpartition(".")[0] for module in modules}
    plain = {m for m in modules if m not in submodules or _takes_a_name(path, m)}
    return plain - {module_name(path), "greenbench"}


def _takes_a_name(path: Path, package: str) -> bool:
    names = (n for n in source(path).imports if n.rpartition(".")[0] == package)
    return any(name not in MODULES for name in names)


def entry_of(module: str) -> str:
    """``greenbench.machine.energy.meter`` belongs to the entry ``machine``."""
    return module.split(".")[1]


def layer_of(entry: str) -> int:
    """Return the number of the entry's layer, from 0."""
    for number, entries in enumerate(LAYERS):
        if entry in entries:
            return number
    raise AssertionError(f"{entry} has no layer: add it here and in docs/architecture.md")


def test_the_package_has_exactly_the_entries_of_the_layers() -> None:
    """What stands at the top of the package is what the layers name."""
    entries = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if not p.name.startswith("_")}
    assert entries - {"py.typed"} == {entry for layer in LAYERS for entry in layer}


def test_imports_point_down_only() -> None:
    """A module imports from lower layers and from its own entry, and from nowhere else."""
    wrong = []
    for path in FILES:
        if path.parent == PACKAGE and path.name in {"__init__.py", "__main__.py"}:
            continue
        entry = entry_of(module_name(path))
        for module in imported_modules(path):
            other = entry_of(module)
            if other != entry and layer_of(other) >= layer_of(entry):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """The modules can be read in an order in which each needs only earlier ones."""
    waiting = {module: imported_modules(path) for module, path in MODULES.items()}
    while ready := [module for module, needs in waiting.items() if not needs]:
        for module in ready:
            del waiting[module]
        for needs in waiting.values():
            needs.difference_update(ready)
    assert waiting == {}


def test_torch_is_imported_by_stages_tasks_and_models_only() -> None:
    """No other entry imports torch or what stands on it, even inside functions."""
    wrong = []
    for path in FILES:
        packages = {name.split(".")[0] for name in source(path).imports} & TORCH_PACKAGES
        if packages and entry_of(module_name(path)) not in TORCH_ENTRIES:
            wrong.append(f"{path.relative_to(ROOT)} imports {sorted(packages)}")
    assert wrong == []


@pytest.mark.parametrize(
    "module",
    ["greenbench.plugin", "greenbench.cli", "greenbench.run.session", "greenbench.report.summary"],
)
def test_entry_points_import_no_heavy_library(module: str) -> None:
    """Importing an entry point leaves torch, the data libraries and Zeus unimported."""
    code = f"import sys, {module}; print([m for m in {HEAVY_IMPORTS!r} if m in sys.modules])"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


def test_the_guard_imports_neither_zeus_nor_the_driver() -> None:
    """The process that waits for a session's end stays small."""
    code = (
        "import sys, greenbench.machine.control.guard\n"
        "print([m for m in ('pynvml', 'zeus', 'numpy') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


def test_every_module_says_what_it_is_for() -> None:
    """Each module has a docstring."""
    silent = [str(path.relative_to(ROOT)) for path in FILES if not source(path).documented]
    assert silent == []


def test_no_entry_outgrows_the_others() -> None:
    """No entry at the top holds more than its share of the lines."""
    lines: Counter[str] = Counter()
    for path in FILES:
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        lines[name] += source(path).lines
    total = sum(lines.values())
    assert {name: n for name, n in lines.items() if n > LARGEST_SHARE * total} == {}


def test_a_class_name_means_one_thing() -> None:
    """No two classes of the package share a name."""
    names: Counter[str] = Counter()
    for path in FILES:
        names.update(source(path).classes)
    assert {name: count for name, count in names.items() if count > 1} == {}


def test_files_classes_and_functions_fit_a_reader() -> None:
    """No file passes 400 lines, no class with methods 120, no function 45 without docstring."""
    long = []
    for path in FILES:
        if source(path).lines > density.TOO_LONG_FILE:
            long.append(str(path.relative_to(ROOT)))
        long += source(path).too_long
    assert long == []


def is_too_long(node: ast.AST) -> bool:
    """Whether a class or a function is longer than a reader should meet."""
    if isinstance(node, ast.ClassDef):
        has_methods = any(isinstance(child, ast.FunctionDef) for child in node.body)
        return has_methods and lines_of(node) > density.LONG_CLASS
    if not isinstance(node, ast.FunctionDef):
        return False
    docstring = lines_of(node.body[0]) if density.is_docstring(node.body[0]) else 0
    return lines_of(node) - docstring > density.LONG_FUNCTION


def lines_of(node: ast.stmt) -> int:
    """Return how many lines a statement spans."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_lines_are_light() -> None:
    """Statements and comprehensions are on average as light as tools/density.py asks."""
    whole = density.measured(PACKAGE)
    assert whole.nodes_a_statement <= density.MOST_NODES
    assert whole.comprehensions_per_1000 <= density.MOST_COMPREHENSIONS
    assert whole.faults == []


def test_any_is_rare() -> None:
    """Types say what a value is: ``Any`` stands at most 150 times in the package."""
    count = sum(source(path).uses_of_any for path in FILES)
    assert count <= 150
