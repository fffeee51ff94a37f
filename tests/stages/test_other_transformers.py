"""The tests of models pass with the oldest transformers that pyproject.toml allows, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = "5.17.0"
NEEDED = (f"transformers=={OLDEST}", "huggingface_hub>=1.5,<2")
"""Installed beside the project's own packages; that release needs a hub client of its time."""
MODEL_TESTS = (
    "test_layers",
    "test_inference",
    "objectives/test_translation",
    "test_training",
    "test_architecture",
    "test_toggles",
    "test_precision",
)
START = f"""
import sys, pytest, transformers
assert transformers.__version__ == "{OLDEST}", transformers.__version__
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the older release into a folder of its own; skip if no package registry answers."""
    folder = tmp_path_factory.mktemp("transformers")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-compile",  # of thousands of modules the tests import some
        "--target",
        folder,
        *NEEDED,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        pytest.skip(f"transformers {OLDEST} cannot be installed here: {reason}")
    return folder


def test_the_pin_is_the_oldest_release_that_is_allowed() -> None:
    """Who raises the range raises the version tested."""
    assert f'"transformers>={OLDEST.removesuffix(".0")},<6"' in (ROOT / "pyproject.toml").read_text(
        "utf-8"
    )


@pytest.mark.slow
def test_model_tests_pass_with_the_oldest_transformers(beside: Path) -> None:
    """A process that imports the older release passes the tests of layers to quantisation.

    Those that run with several families of decoders run with Llama.
    """
    files = [f"tests/stages/{name}.py" for name in MODEL_TESTS]
    environment = {**os.environ, "PYTHONPATH": str(beside)}
    command = [sys.executable, "-c", START, "-q", "-p", "no:cacheprovider"]
    command += ["-k", "not qwen2", *files]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
