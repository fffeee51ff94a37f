"""Added tokens of a Hugging Face ``tokenizer.json``: strings that become one id wherever they stand in a text.

It finds them with the semantics of the Rust library: the leftmost and there the longest one, in two passes, first the
tokens that are not normalized in the raw text, then the normalized ones in the normalized text between. It does not
encode the text around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import regex

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from greenbench.stages.tokenizers.components import Json, Normalizer

_WORD: Final = regex.compile(r"\w")
# The property White_Space of Unicode; str.isspace() also takes the separators U+001C to U+001F.
_WHITE_SPACE: Final = "".join(chr(code) for code in range(0x3001) if regex.match(r"\s", chr(code)))

Piece = tuple[str, int | None]
"""A piece of a text with its id if it is an added token, else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedToken:
    """One added token; the flags have the meaning that the ``tokenizers`` library gives them.

    ``single_word``: only where no word character touches it. ``lstrip``, ``rstrip``: it swallows the white space on
    that side. ``normalized``: looked for in the normalized text. ``special``: left out by decoding.
    """

    content: str
    id: int
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


def read_added_tokens(entries: Iterable[Json], vocabulary: Mapping[str, int]) -> list[AddedToken]:
    """Return the added tokens of the file section ``entries``, given the model's ``vocabulary``.

    As in the Rust library, the id written in the file does not count: a token takes its id of the vocabulary if it has
    one there, else the next free one.
    """
    ids: dict[str, int] = {}
    named = [entry for entry in entries if entry["content"]]
    for entry in named:
        following = max(max(ids.values(), default=-1) + 1, len(vocabulary))
        ids.setdefault(entry["content"], vocabulary.get(entry["content"], following))
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    found = {entry["content"]: {flag: entry[flag] for flag in flags} for entry in named}
    return [
        AddedToken(content=content, id=ids[content], **chosen) for content, chosen in found.items()
    ]


class _Finder:
    """Cuts a text at the added tokens of one pass."""

    def __init__(
        self, tokens: Sequence[AddedToken], normalizers: Sequence[Normalizer], where: str
    ) -> None:
        self._tokens = {normalize(token.content, normalizers): token for token in tokens}
        if len(self._tokens) < len(tokens):
            alike = [token.content for token in tokens if token not in self._tokens.values()]
            raise UsageError(
                f"{where}: added token {alike[0]!r} is the same text as another one once normalized, and the Rust "
                "library takes either by chance; set normalized to false for one of them"
            )
        # An alternation takes the first that fits: sorted by length, the longest.
        contents = sorted(self._tokens, key=len, reverse=True)
        self._pattern = regex.compile("|".join(map(regex.escape, contents))) if contents else None

    def split(self, text: str) -> Iterator[Piece]:
        """Yield the pieces of ``text`` in order, without empty ones."""
        done = 0
        for token, start, stop in self._matches(text):
            begin = max(len(text[:start].rstrip(_WHITE_SPACE)), done) if token.lstrip else start
            end = len(text) - len(text[stop:].lstrip(_WHITE_SPACE)) if token.rstrip else stop
            if done < begin:
                yield text[done:begin], None
            if begin < end:
                yield text[begin:end], token.id
            done = end
        if done < len(text):
            yield text[done:], None

    def _matches(self, text: str) -> Iterator[tuple[AddedToken, int, int]]:
        for match in self._pattern.finditer(text) if self._pattern else ():
            token = self._tokens[match.group()]
            start, stop = match.span()
            if not (token.single_word and _touches_word(text, start, stop)):
                yield token, start, stop


def _touches_word(text: str, start: int, stop: int) -> bool:
    return bool(_WORD.match(text[start - 1 : start]) or _WORD.match(text[stop : stop + 1]))


def normalize(text: str, normalizers: Sequence[Normalizer]) -> str:
    """Return ``text`` after all ``normalizers``, one after another."""
    for one in normalizers:
        text = one(text)
    return text


class AddedVocabulary:
    """The added tokens of a tokenizer and where they stand in a text."""

    def __init__(
        self, tokens: Sequence[AddedToken], normalizers: Sequence[Normalizer], where: str
    ) -> None:
        """Take the ``tokens`` and ``normalizers`` of the tokenizer in the file ``where``.

        Raises:
            UsageError: two tokens are the same text once normalized.
        """
        self._normalizers = tuple(normalizers)
        self._raw = _Finder([token for token in tokens if not token.normalized], (), where)
        self._normalized = _Finder(
            [token for token in tokens if token.normalized], normalizers, where
        )

    def split(self, text: str) -> Iterator[Piece]:
        """Yield the pieces of ``text`` in order: added tokens with their id, normalized text between them with None."""
        for piece, token_id in self._raw.split(text):
            if token_id is None:
                yield from self._normalized.split(normalize(piece, self._normalizers))
            else:
                yield piece, token_id
