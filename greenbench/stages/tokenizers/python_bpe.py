"""Byte-level byte pair encoding in pure Python: the tokenizer of the benchmark's baseline.

It reads the same ``tokenizer.json`` as the Rust library ``tokenizers`` and gives the same ids, so that the two differ
in time and energy alone. It calls no part of that library, loads no big package, and does not pad, train, align offsets
or encode pairs. Truncation and padding set in the file are not applied: ``transformers`` overrides them in each call.

Methods: BPE of Sennrich, Haddow and Birch (ACL 2016), over bytes as in GPT-2 (Radford et al. 2019).

Like the encoder of GPT-2 and like the Rust library it remembers the ids of the words seen, with the bounds of the
latter (10,000 words of up to 255 characters); never those of whole texts, and only as long as the object lives.

The ids are the same for all characters of Unicode 9. Where a file normalizes to NFC or the like, younger combining
marks may be put in another order, because the Rust library's tables end there; the letters and digits of the newest
versions of Unicode depend on the version that the package ``regex`` has.
"""

from __future__ import annotations

import heapq
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from greenbench.errors import UsageError
from greenbench.stages.tokenizers.added_tokens import AddedVocabulary, read_added_tokens
from greenbench.stages.tokenizers.components import (
    read_normalizers,
    read_special_ids,
    read_splitters,
    unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from greenbench.stages.tokenizers.components import Json

_CACHED_WORDS: Final = 10_000
_CACHED_WORD_LENGTH: Final = 255
_MODEL_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "type": ("BPE",),
    "dropout": (None, 0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
}
_MERGED_AWAY: Final = -1


def _printable_bytes() -> list[str]:
    """Return, for each byte, the printable character that stands for it in a GPT-2 vocabulary."""
    kept = {
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    }
    others = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(others)) for byte in range(256)]


_CHARACTERS: Final = _printable_bytes()
_BYTES: Final = {character: byte for byte, character in enumerate(_CHARACTERS)}


class _BPEModel:
    """Vocabulary and ranked merges: from the bytes of one word to ids."""

    def __init__(self, spec: Json, where: str) -> None:
        for name, allowed in _MODEL_DEFAULTS.items():
            if spec.get(name, allowed[0]) not in allowed:
                raise unsupported(
                    where, f"model with {name}", spec[name], (f"{name} {allowed[0]}",)
                )
        self.vocabulary: dict[str, int] = dict(spec["vocab"])
        self._merges = _ranked_merges(spec["merges"], self.vocabulary)
        self._whole_words = bool(spec.get("ignore_merges"))
        self._fuse_unknown = bool(spec.get("fuse_unk"))
        self._bytes = [self.vocabulary.get(character) for character in _CHARACTERS]
        unknown = spec.get("unk_token")
        self._unknown = (
            self.vocabulary[unknown] if unknown is not None and None in self._bytes else None
        )

    def encode_word(self, word: str) -> list[int]:
        """Return the ids of one pre-tokenized ``word``."""
        encoded = word.encode()
        if self._whole_words:
            whole = self.vocabulary.get("".join([_CHARACTERS[byte] for byte in encoded]))
            if whole is not None:
                return [whole]
        return self._merge(self._symbols(encoded))

    def _symbols(self, encoded: bytes) -> list[int]:
        """Return one id per byte; a byte outside the vocabulary is the unknown token, or nothing if there is none."""
        ids: list[int] = []
        after_unknown = False
        for byte in encoded:
            found = self._bytes[byte]
            symbol = self._unknown if found is None else found
            if symbol is not None and not (found is None and after_unknown and self._fuse_unknown):
                ids.append(symbol)
            after_unknown = found is None
        return ids

    def _merge(self, ids: list[int]) -> list[int]:
        """Merge ``ids`` in place, always the adjacent pair of lowest rank, the leftmost first.

        The symbols form a linked list and the candidate pairs a heap, so a word of n bytes takes O(n log n) steps:
        where no pre-tokenizer splits, a word is a whole text. Heap entries that other merges made stale are skipped.
        """
        merges, end = self._merges, len(ids)
        following, preceding = list(range(1, end + 1)), list(range(-1, end - 1))
        heap = [
            (*merges[pair], place) for place, pair in enumerate(pairwise(ids)) if pair in merges
        ]
        heapq.heapify(heap)
        while heap:
            _, merged, left = heapq.heappop(heap)
            right = following[left]
            if right >= end or merges.get((ids[left], ids[right]), (0, _MERGED_AWAY))[1] != merged:
                continue
            ids[left], ids[right] = merged, _MERGED_AWAY
            after = following[left] = following[right]
            if after < end:
                preceding[after] = left
                if (pair := (merged, ids[after])) in merges:
                    heapq.heappush(heap, (*merges[pair], left))
            before = preceding[left]
            if before >= 0 and (pair := (ids[before], merged)) in merges:
                heapq.heappush(heap, (*merges[pair], before))
        return [symbol for symbol in ids if symbol != _MERGED_AWAY]


def _ranked_merges(
    merges: Iterable[str | list[str]], vocabulary: Mapping[str, int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return rank and id of the merged token by the ids of the pair, from "a b" strings or ["a", "b"] lists."""
    ranked = {}
    for rank, merge in enumerate(merges):
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        ranked[vocabulary[left], vocabulary[right]] = rank, vocabulary[left + right]
    return ranked


class PythonBPE:
    """A byte-level BPE tokenizer in pure Python; make one with ``PythonBPE.from_file``."""

    def __init__(self, spec: Json, where: str) -> None:
        """Build the tokenizer from the parsed ``tokenizer.json`` ``spec``; ``where`` names it in errors.

        Raises:
            UsageError: a component cannot be reproduced.
        """
        if spec.get("decoder") and spec["decoder"]["type"] != "ByteLevel":
            raise unsupported(where, "decoder", spec["decoder"]["type"], ("ByteLevel",))
        self._where = where
        self._model = _BPEModel(spec["model"], where)
        self._before, self._after = read_special_ids(spec.get("post_processor"), where)
        self._splitters = read_splitters(spec.get("pre_tokenizer"), where)
        normalizers = read_normalizers(spec.get("normalizer"), where)
        added = read_added_tokens(spec.get("added_tokens") or (), self._model.vocabulary)
        self._added = AddedVocabulary(added, normalizers, where)
        self._ids = self._model.vocabulary | {token.content: token.id for token in added}
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
            UsageError: the file is missing, cut off or malformed, or holds a component that cannot be reproduced.
        """
        try:
            return cls(json.loads(Path(path).read_text(encoding="utf-8")), str(path))
        except OSError as error:
            message = (
                f"{path}: cannot be read ({error.strerror}); give the path of a tokenizer.json"
            )
            raise UsageError(message) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            message = f"{path}: not a whole tokenizer.json ({error!r}); save or download it again"
            raise UsageError(message) from error

    @property
    def vocab_size(self) -> int:
        """Number of different tokens, the added ones included."""
        return len(self._ids)

    def token_to_id(self, token: str) -> int | None:
        """Return the id of ``token`` as the file spells it, or None if there is none."""
        return self._ids.get(token)

    def encode(self, text: str, *, max_length: int | None = None) -> list[int]:
        """Return the ids of ``text``, with the special tokens of the file's post-processor around them.

        With ``max_length`` the result has at most that many ids: the text is cut on the right, the special tokens stay.

        Raises:
            UsageError: ``max_length`` leaves no room for the special tokens.
            UnicodeEncodeError: the text holds half of a surrogate pair, which has no UTF-8 form.
        """
        room = self._room(max_length)
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
        """Return the text of ``ids``; ids that are no token are left out, broken UTF-8 becomes U+FFFD.

        A file without a decoder gets its tokens joined by spaces, as the Rust library does.
        """
        skipped = self._special if skip_special_tokens else ()
        tokens = [self._tokens[one] for one in ids if one in self._tokens and one not in skipped]
        if self._separator:
            return self._separator.join(tokens)
        return b"".join(map(_token_bytes, tokens)).decode(errors="replace")

    def _room(self, max_length: int | None) -> int | None:
        if max_length is None:
            return None
        room = max_length - len(self._before) - len(self._after)
        if room < 0:
            raise UsageError(
                f"{self._where}: max_length {max_length} has no room for the {max_length - room} special tokens that "
                f"this tokenizer adds; give at least {max_length - room}"
            )
        return room

    def _encode_into(self, ids: list[int], text: str) -> None:
        words = [text]
        for split in self._splitters:
            words = [word for piece in words for word in split(piece)]
        cache = self._cache
        for word in words:
            known = cache.get(word)
            ids += self._encode_new(word) if known is None else known

    def _encode_new(self, word: str) -> list[int]:
        ids = self._model.encode_word(word)
        if len(self._cache) < _CACHED_WORDS and len(word) <= _CACHED_WORD_LENGTH:
            self._cache[word] = ids
        return ids


def _token_bytes(token: str) -> bytes:
    """Return the bytes that ``token`` stands for; a token with other characters than ByteLevel's stands for itself."""
    try:
        return bytes([_BYTES[character] for character in token])
    except KeyError:
        return token.encode()
