"""A cell computes the same whatever a launcher has left in the environment."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import accelerate
import pytest
from stages.small_runs import SHORT, functions, run_stages

from greenbench.machine import launchers
from greenbench.options import DataOptions, Options, TrainingOptions
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

ACCELERATE = Path(accelerate.__file__).parent
OTHER_PROGRAMS = ("commands", "test_utils", "launchers.py", "tracking.py", "utils/launch.py")
"""Parts that start processes or write to trackers; a training process runs none of them."""
READERS = {"parse_flag_from_env", "parse_choice_from_env", "get_int_from_env", "getenv", "get"}
HARMLESS = {
    "NCCL_IB_DISABLE": "how NCCL's processes talk, not what they compute",
    "NCCL_P2P_DISABLE": "how NCCL's processes talk, not what they compute",
    "OMP_NUM_THREADS": "torch's own, and recorded",
    "PT_HPU_LAZY_MODE": "for processors of Habana",
    "PYTORCH_ENABLE_MPS_FALLBACK": "for processors of Apple",
    "USE_TORCH_XLA": "read when Accelerate is imported; needs the package torch_xla",
    "systemdrive": "for Windows",
}
"""What a cell may read, and why."""


def is_environment(node: ast.AST) -> bool:
    """Whether an expression is ``os.environ``."""
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def read_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that name a variable which is read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and is_environment(node.value):
            yield node.slice
        elif isinstance(node, ast.Compare) and any(map(is_environment, node.comparators)):
            yield node.left
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            of_a_dict = name == "get" and not is_environment(getattr(function, "value", None))
            if name in READERS and not of_a_dict:
                yield node.args[0]


def texts(expression: ast.AST, prefixes: set[str]) -> set[str]:
    """Return the names that an expression may stand for: a text, a list, or prefix and text."""
    if isinstance(expression, ast.BinOp):
        return {prefix + text for prefix in prefixes for text in texts(expression.right, prefixes)}
    if isinstance(expression, ast.List):
        return set().union(*(texts(element, prefixes) for element in expression.elts))
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return {expression.value}
    return set()


@cache
def variables_of_accelerate() -> set[str]:
    """Return every variable that Accelerate's own source reads in a training process."""
    found: set[str] = set()
    for path in ACCELERATE.rglob("*.py"):
        if str(path.relative_to(ACCELERATE)).startswith(OTHER_PROGRAMS):
            continue
        for part in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(part, ast.FunctionDef | ast.Module):
                continue
            prefixes = {
                text
                for node in ast.walk(part)
                if isinstance(node, ast.Assign) and "prefix" in ast.unparse(node.targets[0])
                for text in texts(node.value, set())
            }
            if isinstance(part, ast.Module):
                prefixes = set()
            for expression in read_in(part):
                found |= texts(expression, prefixes)
    return found


def test_every_variable_that_accelerate_reads_is_hidden_or_known_to_be_harmless() -> None:
    """One that a new version reads is to be judged before it is installed."""
    read = variables_of_accelerate()
    assert {"ACCELERATE_DYNAMO_BACKEND", "FSDP_VERSION", "OMPI_COMM_WORLD_RANK", "RANK"} <= read
    assert {name for name in read if not launchers.is_launchers(name)} <= HARMLESS.keys()


OPTIONS = Options(
    data=DataOptions(tokenizer="rust", batch_size=8), training=TrainingOptions(accumulation_steps=2)
)
LAUNCHED = {
    "ACCELERATE_DYNAMO_BACKEND": "INDUCTOR",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
    "ACCELERATE_MIXED_PRECISION": "fp16",
    "ACCELERATE_TORCH_DEVICE": "meta",
    "ACCELERATE_USE_CPU": "false",
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_USE_FSDP": "true",
    "ACCELERATE_USE_MEGATRON_LM": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
    "OMPI_COMM_WORLD_SIZE": "2",
    "PMI_SIZE": "2",
    "RANK": "1",
    "WORLD_SIZE": "2",
}
"""What launchers set, each value one that changes training, or makes it wait for others."""


def computed() -> tuple[object, tuple[Applied, ...]]:
    """Run a cell in miniature and return its answers and its proofs."""
    toggles = Toggles(OPTIONS, SHORT, "cpu")
    _, _, answers = run_stages(toggles, functions(16), functions(8, seed=1))
    return answers, toggles.applied()


@pytest.fixture(scope="module")
def alone() -> tuple[object, tuple[Applied, ...]]:
    """Give what the cell computes without a launcher."""
    with launchers.hidden():
        return computed()


def nonsense() -> dict[str, str]:
    """Give a value that nobody can read to each variable that Accelerate reads."""
    return dict.fromkeys(variables_of_accelerate() - HARMLESS.keys(), "nonsense")


@pytest.mark.parametrize("variables", [LAUNCHED.copy, nonsense], ids=["a launcher's", "nonsense"])
def test_a_cell_computes_the_same_under_a_launcher(
    variables: Callable[[], dict[str, str]],
    alone: tuple[object, tuple[Applied, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No value gets through, neither one that Accelerate takes nor one that it cannot read."""
    for name, value in variables().items():
        monkeypatch.setenv(name, value)
    assert computed() == alone
    assert all(proof.holds for proof in alone[1])
