"""The floors of the house: imports point down only, and light things stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "greenbench"

# Rooms by floor. Within a tuple, a room may import what stands before it in its own chain and nothing else sideways.
FLOORS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("errors", "options", "types"),),
    (
        ("gates", "values", "profiles", "settings"),
        (
            "markdown_tables",
            "knob_values",
            "variants",
            "variant_folders",
            "experiment_tables",
            "experiment_edits",
            "matrix",
            "plan",
        ),
        ("devices", "environment", "power", "machine", "energy"),
        ("uncertainty", "efficiency"),
        ("resampling",),
        ("quality",),
        ("doubts",),
        ("effects",),
        ("curve",),
        ("yardstick",),
        ("memory",),
        ("sandbox",),
        ("store",),
    ),
    (("verdicts",),),
    (("stages",), ("tasks",), ("tasks", "report"), ("starts",), ("tasks", "starts")),
    (("pipeline", "measuring"), ("new_variant",)),
    (("session", "sweeping"), ("session", "gatekeeper"), ("comparing",)),
    (("sentences", "gate_hooks", "plugin"), ("cli",)),
)
HEAVY = ("torch", "transformers", "accelerate", "datasets", "pyarrow", "pandas", "sklearn", "zeus", "numpy")
TORCH_FLOOR = ("stages", "tasks", "starts")


def room_of(path: Path) -> str:
    """``greenbench/energy/meter.py`` stands in the room ``energy``."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """All modules that a file imports, those inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def allowed(room: str) -> set[str]:
    """Rooms that ``room`` may import from: lower floors, and what stands before it in a chain of its own."""
    for floor, chains in enumerate(FLOORS):
        own = [chain for chain in chains if room in chain]
        if own:
            below = {r for lower in FLOORS[:floor] for chain in lower for r in chain}
            before = {r for chain in own for r in chain[: chain.index(room)]}
            return below | before | {room}
    raise AssertionError(f"{room} stands on no floor: give it one in this test and in docs/architecture.md")


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    """A module imports from lower floors and from its own chain, and from nowhere else of ours."""
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("greenbench.")}
    wrong = ours - allowed(room_of(path)) - {"__version__"}
    assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_torch_lives_in_the_workshops(path: Path) -> None:
    """Only stages, tasks and starts import torch and its kin, even inside functions."""
    kin = {name.split(".")[0] for name in imported(path)} & {
        "torch",
        "transformers",
        "accelerate",
        "bitsandbytes",
        "torchao",
    }
    assert not kin or room_of(path) in TORCH_FLOOR, f"{path.relative_to(ROOT)} imports {sorted(kin)}"


@pytest.mark.parametrize("module", ["greenbench.plugin", "greenbench.cli", "greenbench.session", "greenbench.report.summary"])
def test_light_at_the_door(module: str) -> None:
    """Importing the faces leaves torch, the data libraries and Zeus unimported."""
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_module_says_what_it_is_for() -> None:
    """Each module has a docstring."""
    silent = [
        str(p.relative_to(ROOT))
        for p in [*FILES, PACKAGE / "__init__.py"]
        if not ast.get_docstring(ast.parse(p.read_text("utf-8")))
    ]
    assert silent == []


def test_files_and_functions_fit_a_screen() -> None:
    """No file of the package passes 300 lines, no function 45."""
    long_files = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text("utf-8").splitlines())) > 300}
    functions = [
        f"{p.relative_to(ROOT)}:{node.lineno} {node.name}"
        for p in FILES
        for node in ast.walk(ast.parse(p.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None and node.end_lineno - node.lineno >= 45
    ]
    assert (long_files, functions) == ({}, [])
