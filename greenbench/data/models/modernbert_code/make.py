"""Make the ModernBERT that the vulnerability task starts from in the `small` profile.

It has 2 M parameters and is pretrained on open C and C++ sources.
Does: cut functions out of source trees (`sources`), train a byte-level BPE on them, pretrain a
`ModernBertForMaskedLM` to fill in masked tokens (BERT, arXiv 1810.04805; 30 % masked, as ModernBERT
itself, arXiv 2412.13663), and write `config.json`, `model.safetensors` (bfloat16, which halves the
file) and `tokenizer.json`.
Does not: see a label, nor a function near one of the data that will be scored (`--apart`).

    python -m greenbench.data.models.modernbert_code.make --sources DIR --apart TABLE --out DIR
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import ModernBertForMaskedLM, ModernBertForSequenceClassification

from greenbench.data import tables
from greenbench.data.models import pretraining
from greenbench.data.models.modernbert import MASK, PAD, small_config, train_tokenizer
from greenbench.data.models.modernbert_code.sources import functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokenizers import Tokenizer

VOCABULARY, LONGEST = 8192, 256
TOKENIZER_FUNCTIONS = 15_000
SEED = 90_001
BATCH, POOL = 32, 16
MASKED = 0.3
KEPT, SWAPPED = 0.1, 0.1
"""Of the masked tokens: left as they are, and replaced by random ones."""
STEPS, LEARNING_RATE = 1800, 2e-3
FUNCTIONS = 100_000
SAVE_EVERY = 50
NOT_SCORED = -100


def make_model() -> ModernBertForMaskedLM:
    """Build the untrained model."""
    config = small_config(
        vocabulary=VOCABULARY,
        hidden=128,
        intermediate=192,
        positions=1024,
        window=64,
        sparse_prediction=True,
    )
    return ModernBertForMaskedLM(config)


def batches(rng: Random, rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Yield, without end, batches of about equally long rows in random order."""
    pool_size = POOL * BATCH
    while True:
        order = rng.sample(rows, len(rows))
        for start in range(0, len(order) - pool_size + 1, pool_size):
            pool = order[start : start + pool_size]
            yield from pretraining.like_lengths(rng, pool, BATCH, len)


def masked(rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Return a batch of masked rows, shape (rows, longest), with labels at the tokens to guess."""
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)
    guessed = (torch.rand(ids.shape) < MASKED) & (ids > MASK)
    dice = torch.rand(ids.shape)
    visible = torch.where(guessed & (dice >= KEPT + SWAPPED), MASK, ids)
    swapped = guessed & (dice >= KEPT) & (dice < KEPT + SWAPPED)
    random_ids = torch.randint(MASK + 1, VOCABULARY, ids.shape)
    return {
        "input_ids": torch.where(swapped, random_ids, visible),
        "attention_mask": (ids != PAD).long(),
        "labels": torch.where(guessed, ids, NOT_SCORED),
    }


def pretrain(
    model: ModernBertForMaskedLM,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    steps: int,
    folder: Path,
) -> None:
    """Learn to fill in masked tokens, saving along the way."""
    tokenizer.enable_truncation(LONGEST)
    rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    tokenizer.no_truncation()
    model.train()

    def losses() -> Iterator[dict[str, torch.Tensor]]:
        for batch in batches(Random(SEED), rows):
            yield {"masked": model(**masked(batch)).loss}

    pretraining.fit(
        list(model.parameters()),
        losses(),
        steps=steps,
        learning_rate=LEARNING_RATE,
        save_every=SAVE_EVERY,
        save=lambda: save(model, tokenizer, folder),
    )


def save(model: ModernBertForMaskedLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder: the encoder and its head, and a classifier of zeros, in bfloat16."""
    classifier = ModernBertForSequenceClassification(model.config)
    classifier.model.load_state_dict(model.model.state_dict())
    classifier.head.load_state_dict(model.head.state_dict())
    nn.init.zeros_(classifier.classifier.weight)
    nn.init.zeros_(classifier.classifier.bias)
    classifier.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Read the command line and make the folder."""
    parser = pretraining.argument_parser("Make the ModernBERT pretrained on C sources.", STEPS)
    parser.add_argument("--sources", type=Path, required=True, help="folder of source trees")
    parser.add_argument(
        "--apart", type=Path, required=True, help="table whose functions must not be pretrained on"
    )
    options = parser.parse_args()
    pretraining.prepare(options.out, SEED)
    apart = tables.read(options.apart, {"text": ("func", "func_before")}, {}).columns["text"]
    texts = functions([options.sources], apart, FUNCTIONS, SEED)
    pretraining.log.info("%d functions", len(texts))
    tokenizer = train_tokenizer(texts[:TOKENIZER_FUNCTIONS], VOCABULARY)
    pretrain(make_model(), tokenizer, texts, options.steps, options.out)


if __name__ == "__main__":
    main()
