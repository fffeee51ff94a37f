"""Tiny random checkpoints of many families, saved with the kinds of tokenizers that they have."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from stages.small_decoders import BOS, EOS, INSTRUCTION, PAD, pairs
from stages.small_runs import functions
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import CAUSAL_LM, TWO_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYERS = 4
VOCABULARY = 320
UNKNOWN = 3
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
IDS = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS, "vocab_size": VOCABULARY}
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
}
GROUPED = {**SHAPE, "num_key_value_heads": 2}
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": SHAPE,
    "roberta": {**SHAPE, "pad_token_id": 1, "bos_token_id": 0, "max_position_embeddings": 258},
    "distilbert": {
        "dim": 32,
        "hidden_dim": 64,
        "n_layers": LAYERS,
        "n_heads": 4,
        "max_position_embeddings": 256,
        "initializer_range": 0.3,
    },
    "deberta-v2": {
        **SHAPE,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "norm_rel_ebd": "layer_norm",
        "position_buckets": 16,
        "type_vocab_size": 0,
    },
    "electra": {**SHAPE, "embedding_size": 16},
    "modernbert": {
        **SHAPE,
        "global_attn_every_n_layers": 3,
        "local_attention": 8,
        "cls_token_id": BOS,
        "sep_token_id": EOS,
    },
}
DECODERS: dict[str, dict[str, Any]] = {
    "llama": GROUPED,
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 8},
    "smollm3": GROUPED,
    "gemma3_text": {
        **GROUPED,
        "head_dim": 8,
        "sliding_window": 8,
        "layer_types": [*["sliding_attention"] * 2, "full_attention", "sliding_attention"],
    },
    "phi": SHAPE,
    "phi3": {**GROUPED, "sliding_window": 8},
    "gpt2": {
        "n_embd": 32,
        "n_inner": 64,
        "n_layer": LAYERS,
        "n_head": 4,
        "n_positions": 256,
        "initializer_range": 0.3,
    },
    "gpt_neox": SHAPE,
}
ODD: dict[str, dict[str, Any]] = {
    "albert": {**SHAPE, "embedding_size": 16},
    "mamba": {"hidden_size": 32, "num_hidden_layers": LAYERS, "state_size": 4},
}
FAMILIES = {**ENCODERS, **DECODERS, **ODD}
WORD_PIECES = ("bert", "distilbert", "electra")
SENTENCE_PIECES = ("deberta-v2", "gemma3_text", "albert")


def writes(kind: str) -> bool:
    """Whether the family writes texts here."""
    return kind in DECODERS or kind == "mamba"


def drawn(kind: str, **changed: Any) -> Any:
    """Return a model of the family with random weights, always the same ones."""
    config = AutoConfig.for_model(kind, **{**IDS, **FAMILIES[kind], **changed})
    made_by = AutoModelForCausalLM if writes(kind) else AutoModelForSequenceClassification
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return made_by.from_config(config).eval()


def texts() -> Iterator[str]:
    """Yield what tokenizers are trained on."""
    yield from (example.text for example in functions(30))
    for pair in pairs(20):
        yield from (pair.source, INSTRUCTION, pair.target)


def tokenizer(kind: str) -> Tokenizer:
    """Train a tokenizer of the kind that the family has."""
    known = {"vocab_size": VOCABULARY, "special_tokens": list(SPECIAL), "show_progress": False}
    if kind in WORD_PIECES:
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        made.normalizer = normalizers.BertNormalizer()
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(**known)
    elif kind in SENTENCE_PIECES:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **known)
    else:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **known)
    made.train_from_iterator(texts(), trainer)
    if not writes(kind):
        ids = [("<s>", BOS), ("</s>", EOS)]
        frame = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ids)
        made.post_processor = frame
    return made


def saved(folder: Path, kind: str) -> Checkpoint:
    """Save a checkpoint of the family."""
    drawn(kind).save_pretrained(folder)
    tokenizer(kind).save(str(folder / "tokenizer.json"))
    head = CAUSAL_LM if writes(kind) else TWO_CLASSES
    return Checkpoint("M", str(folder), head=head)


def older_bert(folder: Path) -> Path:
    """Save a BERT as older releases did: its vocabulary is a text file, one token a line."""
    drawn("bert").save_pretrained(folder)
    ids = tokenizer("bert").get_vocab()
    words = sorted(ids, key=lambda word: ids[word])
    words[: len(SPECIAL)] = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    words[-1] = "[MASK]"
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    return folder


class Zoo:
    """Checkpoints of all families, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        """Make nothing yet."""
        self._folder = folder
        self._checkpoints: dict[str, Checkpoint] = {}
        self._models: dict[str, Any] = {}

    def checkpoint(self, kind: str) -> Checkpoint:
        """Return the checkpoint of a family."""
        if kind not in self._checkpoints:
            self._checkpoints[kind] = saved(self._folder / kind, kind)
        return self._checkpoints[kind]

    def net(self, kind: str) -> Any:
        """Return a model of the family, loaded by greenbench, that may be changed."""
        if kind not in self._models:
            self._models[kind] = self.checkpoint(kind).load().eval()
        return copy.deepcopy(self._models[kind])
