"""A checkpoint's tokenizer: its own file, or one that is made of older files in the cache."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer

from greenbench.data.models import tokenizer_files
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "int", "main", "##s", "(", ")"]
BERT = {"model_type": "bert", "vocab_size": len(WORDS)}

SENTENCES = tuple(f"int f{number}(char *b) {{ return b + {number}; }}" for number in range(200))
DEBERTA = {
    "model_type": "unigram",
    "vocab_size": 80,
    "pad_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "unk_id": 3,
    "pad_piece": "[PAD]",
    "bos_piece": "[CLS]",
    "eos_piece": "[SEP]",
    "unk_piece": "[UNK]",
    "user_defined_symbols": ["[MASK]"],
}
"""How DeBERTa's SentencePiece models are trained, with its special tokens."""
LLAMA = {"model_type": "bpe", "vocab_size": 340, "byte_fallback": True}


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with BERT's vocabulary as a text file, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "older"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(BERT))
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    return folder


def test_a_vocabulary_of_word_pieces_is_converted_once_and_beside_the_folder(older: Path) -> None:
    """The ids are BERT's, lower case and special tokens included; the folder stays as it is."""
    file = tokenizer_files.find(older)
    ids = Tokenizer.from_file(str(file)).encode("INT mains()").ids
    assert [WORDS[number] for number in ids] == ["[CLS]", "int", "main", "##s", "(", ")", "[SEP]"]
    assert sorted(path.name for path in older.iterdir()) == ["config.json", "vocab.txt"]
    made = file.stat().st_mtime_ns
    assert tokenizer_files.find(older).stat().st_mtime_ns == made
    (older / "vocab.txt").write_text("\n".join([*WORDS, "char"]))
    assert tokenizer_files.find(older) != file


def test_a_tokenizer_of_its_own_is_taken_as_it_is(older: Path) -> None:
    """Whatever lies beside it."""
    (older / "tokenizer.json").write_text("{}")
    assert tokenizer_files.find(older) == older / "tokenizer.json"


@pytest.mark.parametrize("name", ["spiece.model", "spm.model"])
def test_what_transformers_cannot_convert_is_one_sentence(name: str, older: Path) -> None:
    """It names the folder, the file and a way out, and leaves nothing in the cache."""
    (older / "vocab.txt").unlink()
    (older / name).write_bytes(b"no such thing")
    (older / "config.json").write_text(json.dumps({"model_type": "deberta-v2", "vocab_size": 100}))
    said = rf"{older}: it has no tokenizer.json, and transformers makes none of its {name}: "
    with pytest.raises(UsageError, match=rf"{said}.*; load the tokenizer where that works"):
        tokenizer_files.find(older)
    assert not list((older.parent / "cache").rglob("*.*"))


def sentencepiece(folder: Path, name: str, family: str, training: dict[str, Any]) -> Path:
    """Put a SentencePiece model in place of the vocabulary, trained on a few lines of C."""
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=written, minloglevel=2, **training
    )
    (folder / "vocab.txt").unlink()
    (folder / name).write_bytes(written.getvalue())
    config = {"model_type": family, "vocab_size": training["vocab_size"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder / name


@pytest.mark.parametrize(
    ("name", "family", "training"),
    [
        ("spm.model", "deberta-v2", DEBERTA),
        ("sentencepiece.bpe.model", "xlm-roberta", {"model_type": "unigram", "vocab_size": 80}),
        ("tokenizer.model", "llama", LLAMA),
    ],
)
def test_a_sentencepiece_model_is_converted_and_reads_as_before(
    name: str, family: str, training: dict[str, Any], older: Path
) -> None:
    """Between the family's special tokens stand SentencePiece's own pieces."""
    model = sentencepiece(older, name, family, training)
    (older / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "LlamaTokenizer"} if family == "llama" else {})
    )
    made = Tokenizer.from_file(str(tokenizer_files.find(older)))
    for text in (*SENTENCES[:3], "return int b1"):
        expected = SentencePieceProcessor(model_file=str(model)).encode(text, out_type=str)
        assert made.encode(text, add_special_tokens=False).tokens == expected
    if family == "deberta-v2":
        assert [made.encode("b").tokens[number] for number in (0, -1)] == ["[CLS]", "[SEP]"]


def test_a_conversion_that_reads_other_pieces_is_refused(older: Path) -> None:
    """A Llama that does not say which tokenizer it has loses the blank before the first word."""
    sentencepiece(older, "tokenizer.model", "llama", LLAMA)
    with pytest.raises(UsageError, match=r"where tokenizer.model reads '▁.*tokenizer_class"):
        tokenizer_files.find(older)
    assert not list((older.parent / "cache").rglob("*.*"))


def test_without_sentencepiece_the_line_to_type_is_said(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands behind the file that needs the extra."""
    sentencepiece(older, "spm.model", "deberta-v2", DEBERTA)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    said = r"spm.model: a SentencePiece model needs sentencepiece, .*'greenbench\[sentencepiece\]'"
    with pytest.raises(UnavailableError, match=said):
        tokenizer_files.find(older)


def test_a_cache_that_cannot_be_written_is_one_sentence(older: Path) -> None:
    """The remedy is another place."""
    (older.parent / "cache").write_text("a file is in the way")
    with pytest.raises(UnavailableError, match=r"cannot be converted into .*XDG_CACHE_HOME"):
        tokenizer_files.find(older)
