"""Variables of the environment by which libraries compute in another way, at another cost.

They choose threads, kernels, memory allocators and the arithmetic of matrix products: results with
different ones are results of different programs. What only says where files lie, or what is
printed, is none of them; what launchers set is hidden (``machine.launchers``).
"""

from __future__ import annotations

import os
import sys

NAMES = (
    "ATEN_CPU_CAPABILITY",
    "BNB_CUDA_VERSION",
    "FLASH_ATTENTION_DETERMINISTIC",
    "LD_PRELOAD",
    "NVIDIA_TF32_OVERRIDE",
    "PYTHONOPTIMIZE",
    "RAYON_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
    "TRANSFORMERS_DISABLE_DEEPGEMM_LINEAR",
    "TRANSFORMERS_SDPA_FORCE_GQA",
    "USE_HUB_KERNELS",
)
PREFIXES = (
    "CUBLAS",
    "CUDA_DEVICE_",
    "CUDA_LAUNCH_",
    "CUDNN_",
    "DNNL_",
    "GOMP_",
    "KMP_",
    "MALLOC_",
    "MKL_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PYTORCH_",
    "TORCH_",
)
"""Beginnings of further names."""
OTHER_ENDS = ("_DIR", "_DISPLAY_ENV", "_HOME", "_LOG_LEVEL", "_LOGS", "_PATH", "_VERBOSE")
"""Ends of names that say where files lie, or what is printed."""
SET_BY_LIBRARIES = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
"""Names that scikit-learn sets when it is imported: they say what was imported, no more."""
ON_CUDA = (
    "BNB_CUDA_VERSION",
    "CUBLAS",
    "CUDA_",
    "CUDNN_",
    "FLASH_ATTENTION_",
    "NVIDIA_",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_",
    "TORCH_ALLOW_TF32_",
    "TORCH_CUDNN_",
    "TRANSFORMERS_DISABLE_DEEPGEMM_LINEAR",
)
"""Names, or beginnings of names, that act on a CUDA device alone."""
THREADS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Names that choose torch's number of threads, which can be read instead."""


def recorded() -> dict[str, str]:
    """Return the variables that are set, by name."""
    found = {}
    for name in sorted(os.environ):
        begins = name.startswith(PREFIXES) and name not in SET_BY_LIBRARIES
        if name in NAMES or (begins and not name.endswith(OTHER_ENDS)):
            found[name] = os.environ[name]
    return found


def torch_threads() -> int | None:
    """Return the number of threads that torch uses; None if the process does not use torch."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())


def acts_on(name: str, device: str) -> bool:
    """Whether the variable ``name`` changes computations on ``device`` (``cpu``, ``cuda:0``)."""
    return device.startswith("cuda") or not name.startswith(ON_CUDA)
