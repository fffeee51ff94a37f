"""Small random decoders, saved as checkpoints with tokenizers, and texts to translate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import CAUSAL_LM
from greenbench.data.pairs import Pair
from greenbench.options import DataOptions
from greenbench.stages import data, encoders
from greenbench.stages.objectives.translation import Translation
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenbench.stages.data import Batches

PAD, BOS, EOS = 0, 1, 2
NEVER = 10_000
"""An end token that no model here writes: every answer is then as long as it may be."""
SIZE = replace(BUILT_IN["T1"].sizes["tiny"], max_tokens=40, max_new_tokens=12)
INSTRUCTION = "\n// Python:\n"


def pairs(count: int, first: int = 0) -> tuple[Pair, ...]:
    """Make ``count`` different Java methods of different lengths, with Python translations."""
    each = [(f"f{i}", [f"a{j}" for j in range(1 + i * 7 % 5)]) for i in range(first, first + count)]
    return tuple(
        Pair(
            source=f"int {name}({', '.join(f'int {x}' for x in names)}) "
            f"{{ return {' + '.join(names)}; }}",
            target=f"def {name}({', '.join(names)}):\n    return {' + '.join(names)}",
            language="python",
        )
        for name, names in each
    )


def tokenizer(*, begins: bool) -> Tokenizer:
    """Train a byte-level BPE; with ``begins`` it sets ``<s>`` before every text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    made.train_from_iterator(
        [text for p in pairs(20) for text in (p.source, INSTRUCTION, p.target)], trainer
    )
    if begins:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", BOS)]
        )
    return made


def saved(folder: Path, kind: str = "llama", *, begins: bool = True, **changed: Any) -> Checkpoint:
    """Save a decoder of four layers, its weights so large that texts get different answers."""
    made = tokenizer(begins=begins)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
    }
    ids = {
        "vocab_size": made.get_vocab_size(),
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
    }
    config = AutoConfig.for_model(
        kind, **{**shape, "num_key_value_heads": 2, "initializer_range": 0.3, **ids, **changed}
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    made.save(str(folder / "tokenizer.json"))
    return Checkpoint("M1", str(folder), head=CAUSAL_LM)


class Told:
    """A tokenizer whose texts are the ids themselves, so that answers can be compared with ids."""

    def __init__(self, checkpoint: Checkpoint, max_tokens: int = SIZE.max_tokens) -> None:
        """Encode as the checkpoint's tokenizer does."""
        self._encoder, self.max_tokens = (
            encoders.encoder("rust", checkpoint.tokenizer_file, max_tokens),
            max_tokens,
        )
        self.tokenizer = self._encoder.tokenizer

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return ids."""
        return self._encoder.encode_batch(texts)

    @property
    def cut_at(self) -> int:
        """Cut as the checkpoint's tokenizer does."""
        return self._encoder.cut_at

    @property
    def encoded(self) -> int:
        """Count as the checkpoint's tokenizer does."""
        return self._encoder.encoded

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[Any]:
        """Return ids, too."""
        return [list(row) for row in rows]


def questions(
    checkpoint: Checkpoint, some: Sequence[Pair], *, batch_size: int = 8, eos: int = NEVER
) -> Batches:
    """Batch ``some`` pairs to be answered in ids."""
    told = Told(checkpoint)
    goal, options = (
        Translation(told, PAD, eos, SIZE.max_new_tokens),
        DataOptions(tokenizer="rust", batch_size=batch_size),
    )
    return data.prepare([*some] * batch_size, some, told, goal, options, micro=batch_size, seed=0)


def learnt(
    checkpoint: Checkpoint, some: Sequence[Pair], *, micro: int, batch_size: int = 32
) -> Batches:
    """Batch ``some`` pairs to train on, with targets of all their lengths."""
    told = Told(checkpoint, 100)
    goal, options = (
        Translation(told, PAD, EOS, 100),
        DataOptions(tokenizer="rust", batch_size=batch_size),
    )
    return data.prepare(some, some[:1], told, goal, options, micro=micro, seed=0)


def written(net: Any, batches: Batches) -> list[list[int]]:
    """Return the ids that the model writes for each example, end tokens left out."""
    return batches.objective.answer(net, batches.test, torch.device("cpu"))
