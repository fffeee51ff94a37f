"""Packages that not everybody needs: what greenbench has extras for, and how each is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PIPELINE: Final = (
    *("torch", "transformers", "tokenizers", "accelerate"),
    *("huggingface_hub", "regex", "safetensors", "sklearn"),
)
"""What of the extra ``suite`` no pipeline with torch runs without."""
PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "suite": (*PIPELINE, "bitsandbytes", "datasets", "pyarrow", "rensa"),
    "report": ("altair", "jinja2", "vl_convert"),
    "export": ("pandas", "pyarrow"),
    "mlflow": ("mlflow", "alembic", "sqlalchemy"),
    "onnx": ("onnx", "onnxruntime"),
    "lora": ("peft",),
    "fp8": ("torchao",),
    "small": ("gguf",),
    "sentencepiece": ("sentencepiece", "google.protobuf"),
    "cluster": ("submitit",),
    "search": ("optuna",),
}
"""What is imported of each extra of pyproject.toml, by the name of the import."""
NAMED = 3
"""Missing packages that a sentence names; it counts the others."""


def missing(extra: str) -> list[str]:
    """Return the packages of ``extra`` that this environment lacks."""
    return [package for package in PACKAGES[extra] if not _is_installed(package)]


def require(extra: str, who: str, packages: Sequence[str] = ()) -> None:
    """Raise UnavailableError if a package of ``extra`` is missing, with the line to type.

    ``who`` begins the sentence: the option, the command or the thing that needs it. ``packages``
    are those it needs, by default all of the extra.
    """
    lacking = missing(extra)
    if packages:
        lacking = [package for package in lacking if package in packages]
    if lacking:
        raise UnavailableError(
            f"{who} needs {_named(lacking)}, which this environment lacks: {install_line(extra)}"
        )


def install_line(extra: str) -> str:
    """Return the command that brings an extra."""
    return f"pip install 'greenbench[{extra}]'"


def line_for(package: str) -> str:
    """Return the command that brings one of ``PACKAGES``."""
    extra = next(extra for extra, packages in PACKAGES.items() if package in packages)
    return install_line(extra)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of the package around a module
        return False


def _named(packages: Sequence[str]) -> str:
    """Return the packages as a list that ends with "and"."""
    more = len(packages) - NAMED
    if more > 0:
        return f"{', '.join(packages[:NAMED])} and {more} more"
    *before, last = packages
    return f"{', '.join(before)} and {last}" if before else last
