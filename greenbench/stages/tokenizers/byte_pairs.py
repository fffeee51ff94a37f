"""The model of a byte-level BPE: from the bytes of one word to the ids of its merged pairs."""

from __future__ import annotations

import heapq
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from greenbench.stages.tokenizers.components import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from greenbench.stages.tokenizers.components import Json

_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
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


CHARACTERS: Final = _printable_bytes()


class BytePairModel:
    """Vocabulary and ranked merges: from the bytes of one word to ids."""

    def __init__(self, spec: Json, where: str) -> None:
        """Read the section ``model`` of the file ``where``.

        Raises:
            UsageError: it cannot be reproduced.
        """
        for name, allowed in _DEFAULTS.items():
            if spec.get(name, allowed[0]) not in allowed:
                known = (f"{name} {allowed[0]}",)
                raise unsupported(where, f"model with {name}", spec[name], known)
        self.vocabulary: dict[str, int] = dict(spec["vocab"])
        self._merges = _ranked_merges(spec["merges"], self.vocabulary)
        self._whole_words = bool(spec.get("ignore_merges"))
        self._fuse_unknown = bool(spec.get("fuse_unk"))
        self._bytes = [self.vocabulary.get(character) for character in CHARACTERS]
        self._unknown: int | None = None
        if spec.get("unk_token") is not None and None in self._bytes:
            self._unknown = self.vocabulary[spec["unk_token"]]

    def encode_word(self, word: str) -> list[int]:
        """Return the ids of one pre-tokenized ``word``."""
        encoded = word.encode()
        if self._whole_words:
            token = "".join([CHARACTERS[byte] for byte in encoded])
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
