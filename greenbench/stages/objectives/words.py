"""Texts as token ids, word by word, and where each word begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.stages.encoders import Encoder

NOWHERE = -1
"""The place of a word that is behind the cut, or that the tokenizer makes nothing of."""
TRIED = ("", "a", " a", "a a")
"""Texts that show what a tokenizer sets around texts, and how it takes a blank."""


class WordsOfText(NamedTuple):
    """One text, cut at the tokenizer's ``max_tokens``."""

    ids: list[int]
    firsts: list[int]
    """The place of each word's first token among ``ids``, or ``NOWHERE``."""


class WordEncoder:
    """Tokenises words, and sets around a text what the tokenizer sets around one."""

    def __init__(self, tokenizer: Encoder) -> None:
        """Look nothing up yet: what is tokenised here is measured."""
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[Sequence[str]]) -> list[WordsOfText]:
        """Return each text, given as its words."""
        empty, word, blank_word, two_words = self._tokenizer.encode_batch(TRIED)
        before = 0
        while before < min(len(empty), len(word)) and empty[before] == word[before]:
            before += 1
        after = len(empty) - before
        head, tail = empty[:before], empty[before:]
        first = word[before : len(word) - after]
        second = blank_word[before : len(blank_word) - after]
        # Some tokenizers set a blank before every text by themselves, and must not be given one
        joined = [*head, *first, *second, *tail]
        blank = " " if joined == two_words else ""
        room = self._tokenizer.max_tokens - len(empty)
        words = list(_spaced(texts, blank))
        encoded = iter(self._tokenizer.encode_batch(words))
        found = []
        for text in texts:
            ids = list(head)
            firsts = []
            for _ in text:
                word_ids = next(encoded)
                end = len(word_ids) - after
                tokens = word_ids[before:end]
                place = len(ids)
                is_read = bool(tokens) and place - before < room
                firsts.append(place if is_read else NOWHERE)
                ids += tokens
            kept = ids[: before + room]
            found.append(WordsOfText([*kept, *tail], firsts))
        return found


def _spaced(texts: Sequence[Sequence[str]], blank: str) -> Iterator[str]:
    """Yield all words, those that follow another one with a blank before."""
    for text in texts:
        for place, word in enumerate(text):
            yield f"{blank}{word}" if place else word
