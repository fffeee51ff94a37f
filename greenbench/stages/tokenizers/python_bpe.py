"""Byte-level byte pair encoding in pure Python: the tokenizer of the benchmark's baseline.

It reads the same ``tokenizer.json`` as the Rust library ``tokenizers`` and gives the same ids, so
that the two differ in time and energy alone. It calls no part of that library, loads no big
package, and does not pad, train, align offsets or encode pairs. Truncation and padding set in the
file are not applied: ``transformers`` overrides them in each call.

Methods: BPE of Sennrich, Haddow and Birch (ACL 2016), over bytes as in GPT-2 (Radford et al. 2019).

Like the encoder of GPT-2 and like the Rust library it remembers the ids of the words seen, with the
bounds of the latter (10,000 words of up to 255 characters); never those of whole texts, and only as
long as the object lives.

The ids are the same for all characters of Unicode 9. Where a file normalizes to NFC or the like,
younger combining marks may be put in another order, because the Rust library's tables end there;
the letters and digits of the newest versions of Unicode depend on the version of the package
``regex``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from greenbench.errors import UsageError
from greenbench.stages.tokenizers.added_tokens import AddedVocabulary, read_added_tokens
from greenbench.stages.tokenizers.byte_pairs import CHARACTERS, BytePairModel
from greenbench.stages.tokenizers.components import (
    read_normalizers,
    read_special_ids,
    read_splitters,
    unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.stages.tokenizers.components import Json

_CACHED_WORDS: Final = 10_000
_CACHED_WORD_LENGTH: Final = 255
_BYTES: Final = {character: byte for byte, character in enumerate(CHARACTERS)}


class PythonBPE:
    """A byte-level BPE tokenizer in pure Python; make one with ``PythonBPE.from_file``."""

    def __init__(self, spec: Json, where: str) -> None:
        """Build the tokenizer from the parsed ``tokenizer.json``; ``where`` names it in errors.

        Raises:
            UsageError: a component cannot be reproduced.
        """
        if spec.get("decoder") and spec["decoder"]["type"] != "ByteLevel":
            raise unsupported(where, "decoder", spec["decoder"]["type"], ("ByteLevel",))
        self._where = where
        self._model = BytePairModel(spec["model"], where)
        self._before, self._after = read_special_ids(spec.get("post_processor"), where)
        self._splitters = read_splitters(spec.get("pre_tokenizer"), where)
        normalizers = read_normalizers(spec.get("normalizer"), where)
        added = read_added_tokens(spec.get("added_tokens") or (), self._model.vocabulary)
        self._added = AddedVocabulary(added, normalizers, where)
        self._ids = dict(self._model.vocabulary)
        for token in added:
            self._ids[token.content] = token.id
        self._tokens = {token_id: token for token, token_id in self._ids.items()}
        self._special = {token.id for token in added if token.special}
        self._separator = "" if spec.get("decoder") else " "
        self._cache: dict[str, list[int]] = {}
        self.encoded = 0
        """Texts that were encoded so far."""

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read the ``tokenizer.json`` at ``path``.

        Raises:
            UsageError: the file is missing, cut off or malformed, or holds a component that cannot
                be reproduced.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            return cls(json.loads(text), str(path))
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
            raise UsageError(f"{path}: {reason}; give the path of a tokenizer.json") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            reason = f"not a whole tokenizer.json ({error!r})"
            raise UsageError(f"{path}: {reason}; save or download it again") from error

    @property
    def vocab_size(self) -> int:
        """Number of different tokens, the added ones included."""
        return len(self._ids)

    def token_to_id(self, token: str) -> int | None:
        """Return the id of ``token`` as the file spells it, or None if there is none."""
        return self._ids.get(token)

    def encode(self, text: str, *, max_length: int | None = None) -> list[int]:
        """Return the ids of ``text``, the special tokens of the post-processor around them.

        With ``max_length`` the result has at most that many ids: the text is cut on the right, the
        special tokens stay.

        Raises:
            UsageError: ``max_length`` leaves no room for the special tokens.
            UnicodeEncodeError: the text holds half of a surrogate pair, which has no UTF-8 form.
        """
        special = len(self._before) + len(self._after)
        room = _room(max_length, special, self._where)
        self.encoded += 1
        ids: list[int] = []
        for piece, token_id in self._added.split(text):
            if token_id is None:
                self._encode_into(ids, piece)
            else:
                ids.append(token_id)
        return [*self._before, *ids[:room], *self._after]

    def encode_batch(
        self, texts: Iterable[str], *, max_length: int | None = None
    ) -> list[list[int]]:
        """Return ``encode`` of each of ``texts``, in order, in this one thread."""
        return [self.encode(text, max_length=max_length) for text in texts]

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of ``ids``.

        Ids that are no token are left out, broken UTF-8 becomes U+FFFD. The tokens of a file
        without a decoder are joined by spaces, as the Rust library does.
        """
        tokens = []
        for token_id in ids:
            skipped = skip_special_tokens and token_id in self._special
            if token_id in self._tokens and not skipped:
                tokens.append(self._tokens[token_id])
        if self._separator:
            return self._separator.join(tokens)
        return b"".join(map(_token_bytes, tokens)).decode(errors="replace")

    def _encode_into(self, ids: list[int], text: str) -> None:
        words = [text]
        for split in self._splitters:
            words = [word for piece in words for word in split(piece)]
        cache = self._cache
        for word in words:
            known = cache.get(word)
            if known is None:
                known = self._encode_new(word)
            ids += known

    def _encode_new(self, word: str) -> list[int]:
        ids = self._model.encode_word(word)
        if len(self._cache) < _CACHED_WORDS and len(word) <= _CACHED_WORD_LENGTH:
            self._cache[word] = ids
        return ids


def _room(max_length: int | None, special: int, where: str) -> int | None:
    """Return how many ids fit beside the ``special`` ones; None for any number."""
    if max_length is None:
        return None
    if max_length < special:
        raise UsageError(
            f"{where}: max_length {max_length} has no room for the {special} special tokens that "
            f"this tokenizer adds; give at least {special}"
        )
    return max_length - special


def _token_bytes(token: str) -> bytes:
    """Return the bytes that ``token`` stands for.

    A token with other characters than those of ByteLevel stands for itself.
    """
    try:
        return bytes([_BYTES[character] for character in token])
    except KeyError:
        return token.encode()
