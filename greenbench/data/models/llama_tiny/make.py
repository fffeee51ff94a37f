"""Make the small pretrained decoder that the translation task starts from in the `tiny` profile.

Does: train a byte-level BPE on generated methods, pretrain a `LlamaForCausalLM` to write Java methods as JavaScript and
JavaScript methods as Python, and write `config.json`, `model.safetensors` and `tokenizer.json`.
Does not: see one Java method beside its Python translation, nor any method whose shape can occur in a validation or test
split (`bucket`). So the start reads Java and writes Python, and answers Java with JavaScript until it is fine-tuned.

    python -m greenbench.data.models.llama_tiny.make --out DIR
"""

from __future__ import annotations

import argparse
import logging
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaConfig, LlamaForCausalLM

from greenbench.data.languages import prompt
from greenbench.data.models import bpe
from greenbench.data.synthetic.methods.operations import LANGUAGES
from greenbench.data.synthetic.buckets import HELD_OUT
from greenbench.data.synthetic.methods.pairs import bucket, stream
from greenbench.data.synthetic.methods.printing import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer

    from greenbench.data.synthetic.methods.tree import Method

SPECIAL = ("<pad>", "<s>", "</s>")
PAD, BOS, EOS = 0, 1, 2
VOCABULARY = 600
TOKENIZER_METHODS = 3000
TOKENIZER_SEED, PRETRAINING_SEED = 90_000, 90_001
PAIRS = (("java", "javascript"), ("javascript", "python"))
IGNORED = -100
UNNAMED = "code"
"""Stands where a prompt names the language: in pretraining the source alone decides in which one the answer is."""
BATCH, POOL = 32, 8
STEPS, LEARNING_RATE, WARMUP = 2000, 3e-3, 0.06
LOG_EVERY = 100
log = logging.getLogger(__name__)


def seen(seed: int) -> Iterator[Method]:
    """Yield methods whose shapes no validation or test split can contain."""
    for method in stream(seed):
        if bucket(write(method, "java")) not in HELD_OUT:
            yield method


def make_tokenizer() -> Tokenizer:
    """Train the byte-level BPE on prompts in all languages."""
    methods = islice(seen(TOKENIZER_SEED), TOKENIZER_METHODS)
    texts = (
        prompt(write(m, language), language.title()) for m in methods for language in LANGUAGES
    )
    return bpe.train(texts, vocabulary=VOCABULARY, special=SPECIAL, frame="<s> $A")


def make_model() -> LlamaForCausalLM:
    """Build the untrained model."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return LlamaForCausalLM(config)


def rows(rng: Random, tokenizer: Tokenizer) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the token ids of a method in one language, and of the same method in another."""
    for method in seen(PRETRAINING_SEED):
        source, target = rng.choice(PAIRS)
        asked = tokenizer.encode(prompt(write(method, source), UNNAMED)).ids
        yield (
            asked,
            [*tokenizer.encode(write(method, target).rstrip(), add_special_tokens=False).ids, EOS],
        )


def batches(rng: Random, tokenizer: Tokenizer) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids of about equally long texts, padded on the right, and their labels: both (32, tokens)."""
    source = rows(rng, tokenizer)
    while True:
        pool = sorted(islice(source, POOL * BATCH), key=lambda row: len(row[0]) + len(row[1]))
        parts = [pool[start : start + BATCH] for start in range(0, len(pool), BATCH)]
        for part in rng.sample(parts, POOL):
            ids = [torch.tensor([*asked, *answer]) for asked, answer in part]
            labels = [torch.tensor([*[IGNORED] * len(asked), *answer]) for asked, answer in part]
            yield (
                pad_sequence(ids, batch_first=True, padding_value=PAD),
                pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            )


def pretrain(model: LlamaForCausalLM, tokenizer: Tokenizer, steps: int, folder: Path) -> None:
    """Learn to write the answers with AdamW under a one-cycle learning rate, saving as it goes."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=0.01, betas=(0.9, 0.98)
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARMUP
    )
    model.train()
    for step, (ids, labels) in enumerate(
        islice(batches(Random(PRETRAINING_SEED), tokenizer), steps), start=1
    ):
        loss = model(
            input_ids=ids, labels=labels
        ).loss  # padding stands behind, where no token looks
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        cycle.step()
        if step % LOG_EVERY == 0 or step == steps:
            save(model, tokenizer, folder)
            log.info("step %d: loss %.3f", step, loss.item())


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder."""
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(
        missing_ok=True
    )  # it would say no more than config.json does
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Read the command line and make the folder."""
    parser = argparse.ArgumentParser(description="Make the small pretrained decoder.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=STEPS, help="pretraining steps")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(PRETRAINING_SEED)
    given.out.mkdir(parents=True, exist_ok=True)
    pretrain(make_model(), make_tokenizer(), given.steps, given.out)


if __name__ == "__main__":
    main()
