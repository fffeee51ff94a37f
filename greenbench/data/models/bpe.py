"""Train the byte-level BPE of a shipped start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def train(
    texts: Iterable[str], *, vocabulary: int, special: Sequence[str], frame: str
) -> Tokenizer:
    """Return a tokenizer of ``vocabulary`` tokens, the ``special`` ones first, that frames a text as ``<s> $A`` says.

    Every byte is in its alphabet, so an unknown token never occurs.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    framed = [(token, special.index(token)) for token in frame.split() if token in special]
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=framed)
    return tokenizer
