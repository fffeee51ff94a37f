"""Added tokens of a Hugging Face ``tokenizer.json``: strings that always become one id.

They are found with the semantics of the Rust library: the leftmost one and there the longest, in
two passes, first the tokens that are not normalized in the raw text, then the normalized ones in
the normalized text between. The text around them is not encoded here.
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
    """One added token; the flags have the meaning that the ``tokenizers`` library gives them."""

    content: str
    id: int
    single_word: bool
    """Whether it is one only where no word character touches it."""
    lstrip: bool
    """Whether it includes the white space before it."""
    rstrip: bool
    """Whether it includes the white space after it."""
    normalized: bool
    """Whether it is looked for in the normalized text."""
    special: bool
    """Whether decoding leaves it out."""


def read_added_tokens(entries: Iterable[Json], vocabulary: Mapping[str, int]) -> list[AddedToken]:
    """Return the added tokens of the file section ``entries``, given the model's ``vocabulary``.

    As in the Rust library, the id written in the file does not count: a token takes its id of the
    vocabulary if it has one there, else the next free one. Of entries with the same content the
    first sets the id and the last the flags.
    """
    tokens: dict[str, AddedToken] = {}
    highest = -1
    for entry in entries:
        content = entry["content"]
        if not content:
            continue
        if content in tokens:
            token_id = tokens[content].id
        else:
            next_id = max(highest + 1, len(vocabulary))
            token_id = vocabulary.get(content, next_id)
            highest = max(highest, token_id)
        tokens[content] = _added_token(entry, token_id)
    return list(tokens.values())


def _added_token(entry: Json, token_id: int) -> AddedToken:
    return AddedToken(
        content=entry["content"],
        id=token_id,
        single_word=entry["single_word"],
        lstrip=entry["lstrip"],
        rstrip=entry["rstrip"],
        normalized=entry["normalized"],
        special=entry["special"],
    )


class _Finder:
    """Cuts a text at the added tokens of one pass."""

    def __init__(
        self, tokens: Sequence[AddedToken], normalizers: Sequence[Normalizer], where: str
    ) -> None:
        self._tokens: dict[str, AddedToken] = {}
        for token in tokens:
            content = normalize(token.content, normalizers)
            if content in self._tokens:
                other = self._tokens[content].content
                raise UsageError(
                    f"{where}: added token {other!r} is the same text as another one once "
                    "normalized, and the Rust library takes either by chance; set normalized to "
                    "false for one of them"
                )
            self._tokens[content] = token
        # An alternation takes the first that fits: sorted by length, the longest.
        contents = sorted(self._tokens, key=len, reverse=True)
        self._pattern: regex.Pattern[str] | None = None
        if contents:
            self._pattern = regex.compile("|".join(map(regex.escape, contents)))

    def split(self, text: str) -> Iterator[Piece]:
        """Yield the pieces of ``text`` in order, without empty ones."""
        position = 0
        for token, start, stop in self._matches(text):
            begin, end = start, stop
            if token.lstrip:
                before = text[:start].rstrip(_WHITE_SPACE)
                begin = max(len(before), position)
            if token.rstrip:
                after = text[stop:].lstrip(_WHITE_SPACE)
                end = len(text) - len(after)
            if position < begin:
                yield text[position:begin], None
            if begin < end:
                yield text[begin:end], token.id
            position = end
        if position < len(text):
            yield text[position:], None

    def _matches(self, text: str) -> Iterator[tuple[AddedToken, int, int]]:
        if self._pattern is None:
            return
        for match in self._pattern.finditer(text):
            token = self._tokens[match.group()]
            start, stop = match.span()
            if not (token.single_word and _touches_word(text, start, stop)):
                yield token, start, stop


def _touches_word(text: str, start: int, stop: int) -> bool:
    before = text[start - 1 : start]
    after = text[stop : stop + 1]
    return bool(_WORD.match(before) or _WORD.match(after))


def normalize(text: str, normalizers: Sequence[Normalizer]) -> str:
    """Return ``text`` after all ``normalizers``, one after another."""
    for normalizer in normalizers:
        text = normalizer(text)
    return text


class AddedVocabulary:
    """The added tokens of a tokenizer, and where they are in a text."""

    def __init__(
        self, tokens: Sequence[AddedToken], normalizers: Sequence[Normalizer], where: str
    ) -> None:
        """Take the ``tokens`` and ``normalizers`` of the tokenizer in the file ``where``.

        Raises:
            UsageError: two tokens are the same text once normalized.
        """
        raw = [token for token in tokens if not token.normalized]
        normalized = [token for token in tokens if token.normalized]
        self._normalizers = tuple(normalizers)
        self._raw = _Finder(raw, (), where)
        self._normalized = _Finder(normalized, normalizers, where)

    def split(self, text: str) -> Iterator[Piece]:
        """Yield the pieces of ``text`` in order.

        Added tokens come with their id, normalized text between them with None.
        """
        for piece, token_id in self._raw.split(text):
            if token_id is None:
                yield from self._normalized.split(normalize(piece, self._normalizers))
            else:
                yield piece, token_id
