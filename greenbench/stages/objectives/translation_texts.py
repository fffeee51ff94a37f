"""The texts of a translation as token ids: prompts and targets, cut where they are too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.stages.encoders import Encoder


class TextPair(Protocol):
    """A text with its translation."""

    @property
    def source(self) -> str:
        """The text to translate."""

    @property
    def instruction(self) -> str:
        """The text that follows the source in the prompt and requests the translation."""

    @property
    def target(self) -> str:
        """The translation."""


class TextEncoder:
    """Tokenises prompts and targets, and counts the ones that it cuts."""

    def __init__(self, tokenizer: Encoder, eos_id: int, longest_target: int) -> None:
        """Cut prompts at the tokenizer's ``max_tokens`` and targets at ``longest_target`` ids."""
        self._tokenizer = tokenizer
        self._eos_id = eos_id
        self._longest_target = longest_target
        self._sources = 0
        self._cut_sources = 0
        self._cut_targets = 0

    def prompts(self, pairs: Sequence[TextPair]) -> list[list[int]]:
        """Return the ids of each source, cut if it is too long, and of its whole instruction."""
        before, after = self._frame()
        sources = self._tokenizer.encode_batch([pair.source for pair in pairs])
        texts = list(dict.fromkeys(pair.instruction for pair in pairs))
        encoded = self._tokenizer.encode_batch(texts)
        instructions = {}
        for text, ids in zip(texts, encoded, strict=True):
            instructions[text] = ids[before : len(ids) - after]
        prompts = []
        for source, pair in zip(sources, pairs, strict=True):
            unended = source[: len(source) - after]
            prompts.append(self._prompt(unended, instructions[pair.instruction]))
        return prompts

    def targets(self, pairs: Sequence[TextPair]) -> list[list[int]]:
        """Return the ids of each target, with an end token if the target is whole."""
        before, after = self._frame()
        targets = self._tokenizer.encode_batch([pair.target for pair in pairs])
        return [self._target(ids, before, after) for ids in targets]

    def warnings(self) -> list[str]:
        """Say how many sources and targets were cut."""
        warnings = []
        if self._cut_sources:
            cut = f"{self._cut_sources} of {self._sources} sources"
            warnings.append(f"{cut} were cut to {self._tokenizer.max_tokens} tokens")
        if self._cut_targets:
            cut = f"{self._cut_targets} targets in training"
            warnings.append(f"{cut} were cut to {self._longest_target} tokens")
        return warnings

    def _frame(self) -> tuple[int, int]:
        """Return how many tokens the tokenizer sets before every text, and how many behind it.

        What follows a text, such as the end token that T5's tokenizer adds, would stand between
        source and instruction, and between prompt and target.
        """
        empty, letter = self._tokenizer.encode_batch(["", "a"])
        before = 0
        while before < min(len(empty), len(letter)) and empty[before] == letter[before]:
            before += 1
        return before, len(empty) - before

    def _prompt(self, source: list[int], instruction: list[int]) -> list[int]:
        room = self._tokenizer.max_tokens - len(instruction)
        self._sources += 1
        if len(source) > room:
            self._cut_sources += 1
        return [*source[:room], *instruction]

    def _target(self, ids: list[int], before: int, after: int) -> list[int]:
        """Return the ids without ``before`` first and ``after`` last ones, ended if it is whole.

        A target as long as the tokenizer's texts may get may have been cut by the tokenizer.
        """
        target = ids[before : len(ids) - after]
        if len(target) < self._longest_target and len(ids) < self._tokenizer.max_tokens:
            return [*target, self._eos_id]
        self._cut_targets += 1
        return target[: self._longest_target]
