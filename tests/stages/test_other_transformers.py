"""The oldest transformers that pyproject.toml allows computes what the newest does: the tests of models pass with it too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = "5.17.0"
NEEDED = (f"transformers=={OLDEST}", "huggingface_hub>=1.5,<2")
"""What is installed beside the project's own packages: that release wants the hub's client of its time."""
MODEL_TESTS = (
    "layers",
    "inference",
    "translation",
    "training",
    "architecture",
    "toggles",
    "precision",
)
START = f"""
import sys, pytest, transformers
assert transformers.__version__ == "{OLDEST}", transformers.__version__
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the older release into a folder of its own; skip where no package registry answers."""
    folder = tmp_path_factory.mktemp("transformers")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        folder,
        *NEEDED,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(
            f"transformers {OLDEST} cannot be installed here: {done.stderr.strip().splitlines()[-1]}"
        )
    return folder


def test_the_pin_is_the_oldest_release_that_is_allowed() -> None:
    """Who raises the range raises the version tested."""
    assert f'"transformers>={OLDEST.removesuffix(".0")},<6"' in (ROOT / "pyproject.toml").read_text(
        "utf-8"
    )


@pytest.mark.slow
def test_model_tests_pass_with_the_oldest_transformers(beside: Path) -> None:
    """Layers, attention, generation, training and quantisation, in a process that imports the older release."""
    files = [f"tests/stages/test_{name}.py" for name in MODEL_TESTS]
    environment = {**os.environ, "PYTHONPATH": str(beside)}
    command = [sys.executable, "-c", START, "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
