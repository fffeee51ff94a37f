"""A checkpoint's tokenizer: its own file, or one that is made of older files in the cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer

from greenbench.data.models import tokenizer_files
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "int", "main", "##s", "(", ")"]
BERT = {"model_type": "bert", "vocab_size": len(WORDS)}


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


def test_a_cache_that_cannot_be_written_is_one_sentence(older: Path) -> None:
    """The remedy is another place."""
    (older.parent / "cache").write_text("a file is in the way")
    with pytest.raises(UnavailableError, match=r"cannot be converted into .*XDG_CACHE_HOME"):
        tokenizer_files.find(older)
