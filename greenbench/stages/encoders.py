"""Texts to token ids and back: the pure-Python tokenizer and the Rust one behind one interface."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokenizers import Tokenizer

    from greenbench.stages.tokenizers.python_bpe import PythonBPE


class Encoder(Protocol):
    """What both tokenizers can do."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, special tokens included, cut at ``max_tokens``."""

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each row of ids, special tokens left out."""

    @property
    def max_tokens(self) -> int:
        """Length that texts are cut at."""

    @property
    def cut_at(self) -> int:
        """The same, as the live tokenizer has it."""

    @property
    def encoded(self) -> int:
        """Texts that the tokenizer itself has encoded so far; answers of a cache do not count."""


@dataclass(slots=True)
class PythonEncoder:
    """The baseline: byte-level BPE in pure Python."""

    tokenizer: PythonBPE
    max_tokens: int

    @property
    def cut_at(self) -> int:
        """It is told with every text."""
        return self.max_tokens

    @property
    def encoded(self) -> int:
        """Counted by the tokenizer itself, text by text."""
        return self.tokenizer.encoded

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See ``Encoder``."""
        return self.tokenizer.encode_batch(texts, max_length=self.max_tokens)

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """See ``Encoder``."""
        return [self.tokenizer.decode(row) for row in rows]


@dataclass(slots=True)
class RustEncoder:
    """The Rust library ``tokenizers``, with its threads."""

    tokenizer: Tokenizer
    max_tokens: int
    encoded: int = 0

    @property
    def cut_at(self) -> int:
        """Read from the library."""
        return int((self.tokenizer.truncation or {}).get("max_length", sys.maxsize))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See ``Encoder``."""
        self.encoded += len(texts)
        encodings = self.tokenizer.encode_batch_fast(list(texts))
        return [encoding.ids for encoding in encodings]

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """See ``Encoder``."""
        texts: list[str] = self.tokenizer.decode_batch([list(row) for row in rows])
        return texts


@functools.cache
def unread(file: Path) -> str:
    """Return why the Python tokenizer cannot read ``file``; empty if it can.

    Raises UsageError for a ``tokenizer.json`` that is not whole.
    """
    from greenbench.stages.tokenizers.components import UnsupportedTokenizer
    from greenbench.stages.tokenizers.python_bpe import PythonBPE

    try:
        PythonBPE.from_file(file)
    except UnsupportedTokenizer as error:
        return str(error).partition(", which knows")[0]
    return ""


def doubts(reason: str) -> tuple[str, ...]:
    """Say that the baseline has the Rust tokenizer, and why, if there is a ``reason``."""
    return (f"{reason}: the baseline has the Rust tokenizer, too",) if reason else ()


def encoder(kind: str, file: Path, max_tokens: int) -> PythonEncoder | RustEncoder:
    """Return the tokenizer of ``kind`` (``python`` or ``rust``) that reads ``file``.

    ``file`` is a ``tokenizer.json``. Raises UsageError if the Python tokenizer cannot read it.
    """
    if kind == "rust":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        return RustEncoder(tokenizer, max_tokens)
    from greenbench.stages.tokenizers.python_bpe import PythonBPE

    return PythonEncoder(PythonBPE.from_file(file), max_tokens)
