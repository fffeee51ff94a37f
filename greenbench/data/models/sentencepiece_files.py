"""A SentencePiece vocabulary, and whether a tokenizer made of it still reads texts as it does."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

from greenbench import extras

if TYPE_CHECKING:
    from pathlib import Path

    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer

BLANK = "\u2581"
"""What SentencePiece writes for a blank."""
MOST_PIECES = 500
"""Of a vocabulary, in the text on which both are compared."""


def is_one(file: Path) -> bool:
    """Whether a file may hold a SentencePiece model, which begins with the first of its pieces.

    The same names hold tiktoken's vocabularies too, which are lines of text.
    """
    with file.open("rb") as opened:
        return opened.read(1) == b"\n"


def require_reader(file: Path) -> None:
    """Raise UnavailableError if what transformers reads a SentencePiece model with is missing."""
    extras.require("sentencepiece", f"{file}: a SentencePiece model")


def difference(file: Path, made: Tokenizer) -> str:
    """Return what ``made`` reads otherwise than the SentencePiece model in ``file``; "" if nothing.

    Both read a text of the model's own pieces: words that neither lower-casing nor decomposing
    changes, since some families do so before their model is asked. Pieces are compared, not ids,
    which some families shift.
    """
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(file))
    text = _text(processor, made)
    expected = processor.encode(text, out_type=str)
    found = made.encode(text, add_special_tokens=False).tokens
    for piece, token in zip(expected, found, strict=False):
        if piece != token:
            return f"where {file.name} reads {piece!r}, the tokenizer made of it reads {token!r}"
    if len(expected) != len(found):
        return f"{file.name} reads {len(expected)} pieces, the tokenizer made of it {len(found)}"
    return ""


def _text(processor: SentencePieceProcessor, made: Tokenizer) -> str:
    """Return a text that the vocabulary's first plain pieces spell."""
    added = {str(token) for token in _added(made)}
    ids = []
    for number in range(processor.get_piece_size()):
        piece = processor.id_to_piece(number)
        if piece not in added and _is_plain(piece.removeprefix(BLANK)):
            ids.append(number)
    return str(processor.decode(ids[:MOST_PIECES]))


def _added(made: Tokenizer) -> list[Any]:
    """Return the tokens that are looked for before the model is asked."""
    return [token["content"] for token in json.loads(made.to_str())["added_tokens"]]


def _is_plain(piece: str) -> bool:
    """Whether no family's normalisation changes a piece."""
    return piece.isalnum() and unicodedata.normalize("NFKD", piece.lower()) == piece
