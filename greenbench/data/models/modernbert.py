"""What the two shipped ModernBERTs have in common: special tokens, tokenizer and configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import ModernBertConfig

from greenbench.data.models import bpe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, CLS, SEP, MASK = 0, 2, 3, 4


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train the byte-level BPE."""
    return bpe.train(texts, vocabulary=vocabulary, special=SPECIAL, frame="[CLS] $A [SEP]")


def small_config(
    *,
    vocabulary: int,
    hidden: int,
    intermediate: int,
    positions: int,
    window: int,
    sparse_prediction: bool = False,
) -> ModernBertConfig:
    """Configure six layers of four heads, every third with global attention, and mean pooling."""
    return ModernBertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=positions,
        global_attn_every_n_layers=3,
        local_attention=window,
        classifier_pooling="mean",
        pad_token_id=PAD,
        cls_token_id=CLS,
        bos_token_id=CLS,
        sep_token_id=SEP,
        eos_token_id=SEP,
        num_labels=2,
        attn_implementation="sdpa",
        sparse_prediction=sparse_prediction,
    )
