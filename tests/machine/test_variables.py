"""Variables by which libraries compute in another way are recorded, and no others."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenbench.machine import variables

CHANGING = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "LD_PRELOAD": "",
    "MKL_CBWR": "COMPATIBLE",
    "NVIDIA_TF32_OVERRIDE": "1",
    "OMP_NUM_THREADS": "3",
    "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    "TOKENIZERS_PARALLELISM": "false",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
}


def test_what_changes_a_computation_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and values, sorted; places of files and launchers' variables are not."""
    for name in variables.recorded():
        monkeypatch.delenv(name)
    for name, value in CHANGING.items():
        monkeypatch.setenv(name, value)
    for name in ("HF_HOME", "TORCH_HOME", "ONEDNN_VERBOSE", "RANK", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "0")
    assert variables.recorded() == CHANGING
    assert list(variables.recorded()) == sorted(CHANGING)


@pytest.mark.slow
def test_what_libraries_set_themselves_is_not_recorded() -> None:
    """A session that imported more of them ran under the same variables."""
    libraries = "numpy, sklearn.metrics, torch, transformers, accelerate, bitsandbytes, tokenizers"
    code = "from greenbench.machine.variables import recorded; before = recorded()\n"
    code += f"import {libraries}\nassert recorded() == before, recorded()"
    environment = {**os.environ}
    for name in ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"):
        environment.pop(name, None)
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment, cwd=root)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "on_cpu"),
    [
        ("NVIDIA_TF32_OVERRIDE", False),
        ("CUBLAS_WORKSPACE_CONFIG", False),
        ("PYTORCH_CUDA_ALLOC_CONF", False),
        ("OMP_PROC_BIND", True),
        ("TORCH_BLAS_PREFER_CUBLASLT", True),
        ("LD_PRELOAD", True),
    ],
)
def test_a_gpus_variable_does_not_act_on_a_cpu(name: str, on_cpu: bool) -> None:  # noqa: FBT001
    """All act on a GPU's cell, which has a CPU too."""
    assert variables.acts_on(name, "cpu") == on_cpu
    assert variables.acts_on(name, "cuda:1")


def test_threads_are_torchs_own_if_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody imports torch to tell: without it there is no number."""
    torch = importlib.import_module("torch")  # which other tests of this process use anyway
    assert variables.torch_threads() == torch.get_num_threads()
    monkeypatch.delitem(sys.modules, "torch")
    assert variables.torch_threads() is None
    assert "torch" not in sys.modules
