"""Make the ModernBERT that the vulnerability task starts from in the `small` profile: 2 M parameters, pretrained on open C.

Does: cut functions out of source trees (`sources`), train a byte-level BPE on them, pretrain a `ModernBertForMaskedLM` to fill
in masked tokens (BERT, arXiv 1810.04805; 30 % masked, as ModernBERT itself, arXiv 2412.13663), and write `config.json`,
`model.safetensors` (bfloat16, which halves the file) and `tokenizer.json`.
Does not: see a label, nor a function near one of the data that will be scored (`--apart`).

    python -m greenbench.data.models.modernbert_code.make --sources DIR --apart bigvul/dev.parquet --out DIR
"""

from __future__ import annotations

import argparse
import logging
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    ModernBertConfig,
    ModernBertForMaskedLM,
    ModernBertForSequenceClassification,
)

from greenbench.data import tables
from greenbench.data.models import bpe
from greenbench.data.models.modernbert_code.sources import functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, CLS, SEP, MASK = 0, 2, 3, 4
VOCABULARY, LONGEST = 8192, 256
TOKENIZER_FUNCTIONS = 15_000
SEED = 90_001
BATCH, POOL = 32, 16
MASKED = 0.3
KEPT, SWAPPED = 0.1, 0.1
"""Of the masked tokens: left as they are, and replaced by random ones."""
STEPS, LEARNING_RATE, WARMUP = 1800, 2e-3, 0.06
FUNCTIONS = 100_000
LOG_EVERY = 50
NOT_SCORED = -100
log = logging.getLogger(__name__)


def make_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """Train the byte-level BPE."""
    return bpe.train(texts, vocabulary=VOCABULARY, special=SPECIAL, frame="[CLS] $A [SEP]")


def make_model() -> ModernBertForMaskedLM:
    """Build the untrained model: six layers, every third with global attention, mean pooling."""
    config = ModernBertConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=192,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=1024,
        global_attn_every_n_layers=3,
        local_attention=64,
        classifier_pooling="mean",
        pad_token_id=PAD,
        cls_token_id=CLS,
        bos_token_id=CLS,
        sep_token_id=SEP,
        eos_token_id=SEP,
        num_labels=2,
        attn_implementation="sdpa",
        sparse_prediction=True,
    )
    return ModernBertForMaskedLM(config)


def batches(rng: Random, rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Yield, without end, batches of about equally long rows in random order, so that little is spent on padding."""
    while True:
        order = rng.sample(rows, len(rows))
        for start in range(0, len(order) - POOL * BATCH + 1, POOL * BATCH):
            pool = sorted(order[start : start + POOL * BATCH], key=len)
            parts = [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]
            yield from rng.sample(parts, POOL)


def masked(rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Return a batch of masked rows, shape (rows, longest), with labels where a token is to be guessed."""
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)
    guessed = (torch.rand(ids.shape) < MASKED) & (ids > MASK)
    dice = torch.rand(ids.shape)
    seen = torch.where(guessed & (dice >= KEPT + SWAPPED), MASK, ids)
    swapped = guessed & (dice >= KEPT) & (dice < KEPT + SWAPPED)
    seen = torch.where(swapped, torch.randint(MASK + 1, VOCABULARY, ids.shape), seen)
    labels = torch.where(guessed, ids, NOT_SCORED)
    return {"input_ids": seen, "attention_mask": (ids != PAD).long(), "labels": labels}


def pretrain(
    model: ModernBertForMaskedLM,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    steps: int,
    folder: Path,
) -> None:
    """Pretrain with AdamW under a one-cycle learning rate, saving as it goes."""
    tokenizer.enable_truncation(LONGEST)
    rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    tokenizer.no_truncation()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=0.01, betas=(0.9, 0.98)
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARMUP
    )
    model.train()
    for step, batch in enumerate(islice(batches(Random(SEED), rows), steps), start=1):
        loss = model(**masked(batch)).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        cycle.step()
        if step % LOG_EVERY == 0 or step == steps:
            save(model, tokenizer, folder)
            log.info("step %d: loss %.3f", step, loss.item())


def save(model: ModernBertForMaskedLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder: the encoder and its head, and a classifier of zeros, in bfloat16."""
    made = ModernBertForSequenceClassification(model.config)
    made.model.load_state_dict(model.model.state_dict())
    made.head.load_state_dict(model.head.state_dict())
    nn.init.zeros_(made.classifier.weight)
    nn.init.zeros_(made.classifier.bias)
    made.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Read the command line and make the folder."""
    parser = argparse.ArgumentParser(
        description="Make the ModernBERT that is pretrained on open C sources."
    )
    parser.add_argument(
        "--sources", type=Path, required=True, help="folder of unpacked source trees"
    )
    parser.add_argument(
        "--apart", type=Path, required=True, help="table whose functions must not be pretrained on"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=STEPS, help="pretraining steps")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(SEED)
    given.out.mkdir(parents=True, exist_ok=True)
    apart = tables.read(given.apart, {"text": ("func", "func_before")}, {}).columns["text"]
    texts = functions([given.sources], apart, FUNCTIONS, SEED)
    log.info("%d functions", len(texts))
    pretrain(
        make_model(), make_tokenizer(texts[:TOKENIZER_FUNCTIONS]), texts, given.steps, given.out
    )


if __name__ == "__main__":
    main()
