"""Make the small pretrained decoder that the translation task starts from in the `tiny` profile.

Does: train a byte-level BPE on generated methods, pretrain a `LlamaForCausalLM` to write Java
methods as JavaScript and JavaScript methods as Python, and write `config.json`,
`model.safetensors` and `tokenizer.json`.
Does not: see one Java method beside its Python translation, nor any method whose shape can occur in
a validation or test split (`bucket`). So the checkpoint reads Java and writes Python, and answers
Java with JavaScript until it is fine-tuned.

    python -m greenbench.data.models.llama_tiny.make --out DIR
"""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaConfig, LlamaForCausalLM

from greenbench.data.languages import prompt
from greenbench.data.models import bpe, pretraining
from greenbench.data.synthetic.buckets import HELD_OUT
from greenbench.data.synthetic.methods.operations import LANGUAGES
from greenbench.data.synthetic.methods.pairs import bucket, stream
from greenbench.data.synthetic.methods.printing import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
"""Stands where a prompt names the language: the source alone decides which one to answer in."""
BATCH, POOL = 32, 8
STEPS, LEARNING_RATE = 2000, 3e-3
SAVE_EVERY = 100


def seen(seed: int) -> Iterator[Method]:
    """Yield methods whose shapes no validation or test split can contain."""
    for method in stream(seed):
        if bucket(write(method, "java")) not in HELD_OUT:
            yield method


def _tokenizer_texts() -> Iterator[str]:
    for method in islice(seen(TOKENIZER_SEED), TOKENIZER_METHODS):
        for language in LANGUAGES:
            yield prompt(write(method, language), language.title())


def make_tokenizer() -> Tokenizer:
    """Train the byte-level BPE on prompts in all languages."""
    return bpe.train(_tokenizer_texts(), vocabulary=VOCABULARY, special=SPECIAL, frame="<s> $A")


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
        question = tokenizer.encode(prompt(write(method, source), UNNAMED))
        answer = tokenizer.encode(write(method, target).rstrip(), add_special_tokens=False)
        yield question.ids, [*answer.ids, EOS]


def batches(rng: Random, tokenizer: Tokenizer) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids of about equally long texts and their labels, both of shape (32, tokens).

    Padding stands on the right, where no token looks.
    """
    source = rows(rng, tokenizer)
    while True:
        pool = islice(source, POOL * BATCH)
        for batch in pretraining.like_lengths(rng, pool, BATCH, lambda row: sum(map(len, row))):
            ids, labels = [], []
            for question, answer in batch:
                ids.append(torch.tensor(question + answer))
                labels.append(torch.tensor([IGNORED] * len(question) + answer))
            yield (
                pad_sequence(ids, batch_first=True, padding_value=PAD),
                pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            )


def pretrain(model: LlamaForCausalLM, tokenizer: Tokenizer, steps: int, folder: Path) -> None:
    """Learn to write the answers, saving along the way."""
    model.train()

    def losses() -> Iterator[dict[str, torch.Tensor]]:
        for ids, labels in batches(Random(PRETRAINING_SEED), tokenizer):
            yield {"loss": model(input_ids=ids, labels=labels).loss}

    pretraining.fit(
        list(model.parameters()),
        losses(),
        steps=steps,
        learning_rate=LEARNING_RATE,
        save_every=SAVE_EVERY,
        save=lambda: save(model, tokenizer, folder),
    )


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder."""
    model.save_pretrained(folder)
    # It would say no more than config.json does.
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    """Read the command line and make the folder."""
    parser = pretraining.argument_parser("Make the small pretrained decoder.", STEPS)
    options = parser.parse_args()
    pretraining.prepare(options.out, PRETRAINING_SEED)
    pretrain(make_model(), make_tokenizer(), options.steps, options.out)


if __name__ == "__main__":
    main()
