"""Make the small ModernBERT that the vulnerability task starts from in the `tiny` profile.

Does: train a byte-level BPE on generated C functions, pretrain a
`ModernBertForSequenceClassification` on them without labels, and write `config.json`,
`model.safetensors` and `tokenizer.json`. The classifier is saved as zeros (before fine-tuning the
model always gives the same answer), the last layer and the head afresh.
Does not: see the vulnerability label, nor any function whose normalised shape can occur in a
validation or test split (`bucket`). As in real code, few of the pretraining functions carry a flaw;
nothing tells the model which.

    python -m greenbench.data.models.modernbert_tiny.make --out DIR
"""

from __future__ import annotations

from copy import deepcopy
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import ModernBertForSequenceClassification

from greenbench.data.models import pretraining
from greenbench.data.models.modernbert import MASK, small_config, train_tokenizer
from greenbench.data.models.modernbert_tiny.objectives import Heads, draw_batch, losses
from greenbench.data.synthetic.buckets import HELD_OUT
from greenbench.data.synthetic.c_functions import bucket, stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tokenizers import Tokenizer

VOCABULARY = 800
TOKENIZER_FUNCTIONS = 4000
TOKENIZER_SEED, PRETRAINING_SEED = 90_000, 90_001
FRESH_SEED = 1234
FLAWED_SHARE = 0.06
BATCH, MASKED_ROWS, POOL = 32, 8, 8
STEPS, LEARNING_RATE = 1600, 4e-3
SAVE_EVERY = 100


def unlabelled(seed: int) -> Iterator[str]:
    """Yield texts whose shapes no validation or test split can contain."""
    for function in stream(seed, vulnerable_share=FLAWED_SHARE):
        if bucket(function.text) not in HELD_OUT:
            yield function.text


def batches(rng: Random, texts: Iterator[str]) -> Iterator[list[str]]:
    """Yield, without end, batches of about equally long texts in random order."""
    while True:
        pool = islice(texts, POOL * BATCH)
        for batch in pretraining.like_lengths(rng, pool, BATCH, len):
            yield rng.sample(batch, BATCH)


def make_tokenizer() -> Tokenizer:
    """Train the byte-level BPE on functions of the pretraining stream."""
    texts = islice(unlabelled(TOKENIZER_SEED), TOKENIZER_FUNCTIONS)
    return train_tokenizer(texts, VOCABULARY)


def make_model() -> ModernBertForSequenceClassification:
    """Build the untrained model."""
    config = small_config(
        vocabulary=VOCABULARY, hidden=64, intermediate=96, positions=256, window=32
    )
    return ModernBertForSequenceClassification(config)


def pretrain(
    model: ModernBertForSequenceClassification,
    tokenizer: Tokenizer,
    steps: int,
    folder: Path,
    *,
    masked_rows: int,
) -> None:
    """Learn the self-supervised objectives, saving along the way; their heads are dropped after."""
    heads = Heads(model.config.hidden_size, VOCABULARY)
    rng = Random(PRETRAINING_SEED)
    model.train()

    def batch_losses() -> Iterator[dict[str, torch.Tensor]]:
        for texts in batches(rng, unlabelled(PRETRAINING_SEED)):
            batch = draw_batch(rng, tokenizer, texts, masked_rows)
            yield losses(model, heads, batch, MASK)

    pretraining.fit(
        [*model.model.parameters(), *model.head.parameters(), *heads.parameters()],
        batch_losses(),
        steps=steps,
        learning_rate=LEARNING_RATE,
        save_every=SAVE_EVERY,
        save=lambda: save(model, tokenizer, folder),
    )


def _restart(part: nn.Module) -> None:
    """Give a part of the model fresh weights, as if it had never been trained."""
    for name, weight in part.named_parameters():
        if weight.ndim > 1:
            nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)
        else:
            nn.init.constant_(weight, 0.0 if name.endswith("bias") else 1.0)


def shipped(model: ModernBertForSequenceClassification) -> ModernBertForSequenceClassification:
    """Return a copy whose classifier is zero and whose last layer and head are fresh.

    Those two served the pretraining objectives. Kept, they make "disturbed" the loudest feature,
    and even a random classifier finds many flaws; fresh, the pretrained layers below have to be
    fine-tuned to tell anything. Re-initialising top layers before fine-tuning follows Zhang et al.,
    arXiv 2006.05987.
    """
    copied = deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRESH_SEED)
        _restart(copied.head)
        _restart(copied.model.layers[-1])
    nn.init.zeros_(copied.classifier.weight)
    nn.init.zeros_(copied.classifier.bias)
    return copied


def save(model: ModernBertForSequenceClassification, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder."""
    shipped(model).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Read the command line and make the folder."""
    parser = pretraining.argument_parser("Make the small pretrained ModernBERT.", STEPS)
    parser.add_argument(
        "--masked-only", action="store_true", help="leave out every objective but masked tokens"
    )
    options = parser.parse_args()
    pretraining.prepare(options.out, PRETRAINING_SEED)
    masked_rows = BATCH if options.masked_only else MASKED_ROWS
    pretrain(make_model(), make_tokenizer(), options.steps, options.out, masked_rows=masked_rows)


if __name__ == "__main__":
    main()
