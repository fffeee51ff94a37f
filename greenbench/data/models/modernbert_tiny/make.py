"""Make the small pretrained ModernBERT that the vulnerability task starts from in the `tiny` profile.

Does: train a byte-level BPE on generated C functions, pretrain a `ModernBertForSequenceClassification` on them without
labels, and write `config.json`, `model.safetensors` and `tokenizer.json`. The classifier is saved as zeros (before
fine-tuning the model always gives the same answer), the last layer and the head afresh.
Does not: see the vulnerability label, nor any function whose normalised shape can occur in a validation or test split
(`bucket`). As in real code, few of the pretraining functions carry a flaw; nothing tells the model which.

    python -m greenbench.data.models.modernbert_tiny.make --out DIR
"""

from __future__ import annotations

import argparse
import logging
from copy import deepcopy
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import ModernBertConfig, ModernBertForSequenceClassification

from greenbench.data.models import bpe
from greenbench.data.models.modernbert_tiny.objectives import Heads, draw_batch, losses
from greenbench.data.synthetic.buckets import HELD_OUT
from greenbench.data.synthetic.c_functions import bucket, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, CLS, SEP, MASK = 0, 2, 3, 4
VOCABULARY = 800
TOKENIZER_FUNCTIONS = 4000
TOKENIZER_SEED, PRETRAINING_SEED = 90_000, 90_001
FRESH_SEED = 1234
FLAWED_SHARE = 0.06
BATCH, MASKED_ROWS, POOL = 32, 8, 8
STEPS, LEARNING_RATE, WARMUP = 1600, 4e-3, 0.06
LOG_EVERY = 100
log = logging.getLogger(__name__)


def unlabelled(seed: int) -> Iterator[str]:
    """Yield texts whose shapes no validation or test split can contain."""
    for function in stream(seed, vulnerable_share=FLAWED_SHARE):
        if bucket(function.text) not in HELD_OUT:
            yield function.text


def batches(rng: Random, texts: Iterator[str]) -> Iterator[list[str]]:
    """Yield batches of about equally long texts in random order, so that little is spent on padding."""
    while True:
        pool = sorted(islice(texts, POOL * BATCH), key=len)
        parts = [pool[start : start + BATCH] for start in range(0, len(pool), BATCH)]
        for part in rng.sample(parts, POOL):
            yield rng.sample(part, BATCH)


def make_tokenizer() -> Tokenizer:
    """Train the byte-level BPE on functions of the pretraining stream."""
    texts = islice(unlabelled(TOKENIZER_SEED), TOKENIZER_FUNCTIONS)
    return bpe.train(texts, vocabulary=VOCABULARY, special=SPECIAL, frame="[CLS] $A [SEP]")


def make_model() -> ModernBertForSequenceClassification:
    """Build the untrained model: six layers, every third with global attention, mean pooling."""
    config = ModernBertConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=256,
        global_attn_every_n_layers=3,
        local_attention=32,
        classifier_pooling="mean",
        pad_token_id=PAD,
        cls_token_id=CLS,
        bos_token_id=CLS,
        sep_token_id=SEP,
        eos_token_id=SEP,
        num_labels=2,
        attn_implementation="sdpa",
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
    """Pretrain with AdamW under a one-cycle learning rate, saving as it goes; the heads are dropped at the end."""
    heads = Heads(model.config.hidden_size, VOCABULARY)
    weights = [*model.model.parameters(), *model.head.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARMUP
    )
    rng = Random(PRETRAINING_SEED)
    model.train()
    for step, texts in enumerate(
        islice(batches(rng, unlabelled(PRETRAINING_SEED)), steps), start=1
    ):
        parts = losses(model, heads, draw_batch(rng, tokenizer, texts, masked_rows), MASK)
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        cycle.step()
        if step % LOG_EVERY == 0 or step == steps:
            save(model, tokenizer, folder)
            log.info(
                "step %d: %s", step, {name: round(part.item(), 3) for name, part in parts.items()}
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

    Those two served the pretraining objectives. Kept, they make "disturbed" the loudest feature, and even a random
    classifier finds many flaws; fresh, the pretrained layers below have to be fine-tuned to tell anything.
    Re-initialising top layers before fine-tuning follows Zhang et al., arXiv 2006.05987.
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
    parser = argparse.ArgumentParser(description="Make the small pretrained ModernBERT.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=STEPS, help="pretraining steps")
    parser.add_argument(
        "--masked-only", action="store_true", help="leave out every objective but masked tokens"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(PRETRAINING_SEED)
    given.out.mkdir(parents=True, exist_ok=True)
    masked_rows = BATCH if given.masked_only else MASKED_ROWS
    pretrain(make_model(), make_tokenizer(), given.steps, given.out, masked_rows=masked_rows)


if __name__ == "__main__":
    main()
