"""Train the byte-level BPE of a shipped checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def train(
    texts: Iterable[str], *, vocabulary: int, special: Sequence[str], frame: str
) -> Tokenizer:
    """Return a tokenizer of ``vocabulary`` tokens, the ``special`` ones first.

    It frames a text as ``frame`` says, like ``<s> $A``. Every byte is in its alphabet, so an
    unknown token never occurs.
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
    ids = []
    for place, token in enumerate(special):
        if token in frame.split():
            ids.append((token, place))
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=ids)
    return tokenizer
