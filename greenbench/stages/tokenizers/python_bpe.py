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
    printable: set[int] = set()
    for first, last in ("!~", "¡¬", "®ÿ"):
        printable.update(range(ord(first), ord(last) + 1))
    others = iter(range(256, 512))
    characters = []
    for byte in range(256):
        code = byte if byte in printable else next(others)
        characters.append(chr(code))
    return characters


_CHARACTERS: Final = _printable_bytes()
_BYTES: Final = {character: byte for byte, character in enumerate(_CHARACTERS)}


class _BPEModel:
    """Vocabulary and ranked merges: from the bytes of one word to ids."""

    def __init__(self, spec: Json, where: str) -> None:
        for name, allowed in _MODEL_DEFAULTS.items():
            if spec.get(name, allowed[0]) not in allowed:
                known = (f"{name} {allowed[0]}",)
                raise unsupported(where, f"model with {name}", spec[name], known)
        self.vocabulary: dict[str, int] = dict(spec["vocab"])
        self._merges = _ranked_merges(spec["merges"], self.vocabulary)
        self._whole_words = bool(spec.get("ignore_merges"))
        self._fuse_unknown = bool(spec.get("fuse_unk"))
        self._bytes = [self.vocabulary.get(character) for character in _CHARACTERS]
        self._unknown: int | None = None
        if spec.get("unk_token") is not None and None in self._bytes:
            self._unknown = self.vocabulary[spec["unk_token"]]

    def encode_word(self, word: str) -> list[int]:
        """Return the ids of one pre-tokenized ``word``."""
        encoded = word.encode()
        if self._whole_words:
            token = "".join([_CHARACTERS[byte] for byte in encoded])
            if token in self.vocabulary:
                return [self.vocabulary[token]]
        return self._merge(self._symbols(encoded))

    def _symbols(self, encoded: bytes) -> list[int]:
        """Return one id per byte.

        A byte outside the vocabulary is the unknown token, or nothing if there is none.
        """
        ids: list[int] = []
        after_unknown = False
        for byte in encoded:
            symbol = self._bytes[byte]
            if symbol is not None:
                ids.append(symbol)
                after_unknown = False
                continue
            fused = after_unknown and self._fuse_unknown
            if self._unknown is not None and not fused:
                ids.append(self._unknown)
            after_unknown = True
        return ids

    def _merge(self, ids: list[int]) -> list[int]:
        """Merge ``ids`` in place, always the adjacent pair of lowest rank, the leftmost first.

        The symbols form a linked list and the candidate pairs a heap, so a word of n bytes takes
        O(n log n) steps: where no pre-tokenizer splits, a word is a whole text. Heap entries that
        other merges made stale are skipped.
        """
        merges = self._merges
        end = len(ids)
        following = list(range(1, end + 1))
        preceding = list(range(-1, end - 1))
        heap = []
        for place, pair in enumerate(pairwise(ids)):
            if pair in merges:
                rank, merged = merges[pair]
                heap.append((rank, merged, place))
        heapq.heapify(heap)
        while heap:
            _, merged, left = heapq.heappop(heap)
            right = following[left]
            if right >= end:
                continue
            present = merges.get((ids[left], ids[right]))
            if present is None or present[1] != merged:
                continue
            ids[left] = merged
            ids[right] = _MERGED_AWAY
            after = following[left] = following[right]
            if after < end:
                preceding[after] = left
                pair = (merged, ids[after])
                if pair in merges:
                    heapq.heappush(heap, (*merges[pair], left))
            before = preceding[left]
            if before >= 0:
                pair = (ids[before], merged)
                if pair in merges:
                    heapq.heappush(heap, (*merges[pair], before))
        return [symbol for symbol in ids if symbol != _MERGED_AWAY]


def _ranked_merges(
    merges: Iterable[str | list[str]], vocabulary: Mapping[str, int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return rank and id of the merged token by the ids of the pair.

    Files write a merge as the string "a b" or as the list ["a", "b"].
    """
    ranked = {}
    for rank, merge in enumerate(merges):
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        merged = vocabulary[left + right]
        ranked[vocabulary[left], vocabulary[right]] = (rank, merged)
    return ranked


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
        self._model = _BPEModel(spec["model"], where)
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

    def _room(self, max_length: int | None) -> int | None:
        if max_length is None:
            return None
        room = max_length - len(self._before) - len(self._after)
        if room < 0:
            special = max_length - room
            raise UsageError(
                f"{self._where}: max_length {max_length} has no room for the {special} special "
                f"tokens that this tokenizer adds; give at least {special}"
            )
        return room

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


def _token_bytes(token: str) -> bytes:
    """Return the bytes that ``token`` stands for.

    A token with other characters than those of ByteLevel stands for itself.
    """
    try:
        return bytes([_BYTES[character] for character in token])
    except KeyError:
        return token.encode()
