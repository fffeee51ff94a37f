"""The pure-Python BPE gives the ids of the Rust library, or refuses the file."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stages.byte_level_pipelines import (
    CODE,
    CORPUS,
    PIPELINES,
    UNICODE,
    Pair,
    agree,
    load,
    plain,
    tiny,
    untimed,
)
from tokenizers import Tokenizer, models, pre_tokenizers

from greenbench.errors import UsageError
from greenbench.stages.tokenizers.python_bpe import PythonBPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module", params=PIPELINES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Both tokenizers of each pipeline in turn."""
    return load(PIPELINES[request.param](), tmp_path_factory.mktemp(request.param))


@untimed
@given(text=UNICODE | CODE)
@example(text="")
@example(text=" " * 60 + "\n\n\t x  ")
@example(text="x" * 600 + "=" * 600)
def test_ids_are_those_of_the_rust_library(pair: Pair, text: str) -> None:
    """Any text, any code: the same ids."""
    agree(pair, text)


@untimed
@given(text=UNICODE | CODE, max_length=st.integers(2, 40))
def test_truncated_ids_are_those_of_the_rust_library(
    pair: Pair, text: str, max_length: int
) -> None:
    """Cut to a length, special tokens included: the same ids."""
    agree(pair, text, max_length)


@untimed
@given(texts=st.lists(CODE, max_size=4))
def test_batch_is_the_texts_one_by_one(pair: Pair, texts: list[str]) -> None:
    """A batch gives what the Rust library gives for the batch, in order."""
    python, rust = pair
    rust.enable_truncation(16)
    assert python.encode_batch(texts, max_length=16) == [
        one.ids for one in rust.encode_batch(texts)
    ]


@untimed
@given(text=UNICODE | CODE)
def test_decoding_is_that_of_the_rust_library(pair: Pair, text: str) -> None:
    """Ids, and parts of them that break a character, decode as in the Rust library."""
    python, rust = pair
    ids = python.encode(text)
    for part in (ids, ids[1::2], [*ids, 10**9]):
        assert python.decode(part) == rust.decode(part)
        assert python.decode(part, skip_special_tokens=False) == rust.decode(
            part, skip_special_tokens=False
        )


@untimed
@given(code=CODE)
def test_code_survives_encoding_and_decoding(
    tmp_path_factory: pytest.TempPathFactory, code: str
) -> None:
    """What goes in comes out where no normalizer and no added token changes it."""
    python, _ = load(Tokenizer.from_str(plain()), tmp_path_factory.mktemp("plain"))
    assert python.decode(python.encode(code)) == code


def test_vocabulary_is_that_of_the_rust_library(pair: Pair) -> None:
    """Size and every id agree, and an unknown token has none."""
    python, rust = pair
    vocabulary = rust.get_vocab(with_added_tokens=True)
    assert python.vocab_size == rust.get_vocab_size()
    assert {token: python.token_to_id(token) for token in vocabulary} == vocabulary
    assert python.token_to_id("no such token") is None


def test_merges_written_as_strings_are_read_too(tmp_path: Path) -> None:
    """Older files write a merge as "a b", newer ones as ["a", "b"]."""
    tokenizer = tiny()
    merges = [" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]
    assert len(merges) > 100
    pair = load(tokenizer, tmp_path, merges=merges)
    for text in CORPUS:
        agree(pair, text)


@untimed
@given(text=st.text("abc ", max_size=30))
def test_lowest_rank_wins_even_where_later_merges_make_lower_pairs(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Merges in an order that no training would give: a merge opens a pair of lower rank."""
    merges = [["ab", "a"], ["aba", "b"], ["b", "c"], ["a", "b"], ["a", "a"], ["bc", "aa"]]
    tokens = ["a", "b", "c", "Ġ", *("".join(merge) for merge in merges)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary = {token: place for place, token in enumerate(tokens)}
    agree(load(tokenizer, tmp_path_factory.mktemp("ranks"), vocab=vocabulary, merges=merges), text)


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("unknown", [None, "?"])
@untimed
@given(text=st.text("abcé ", max_size=12))
def test_bytes_outside_the_vocabulary(
    tmp_path_factory: pytest.TempPathFactory, unknown: str | None, text: str, *, fuse: bool
) -> None:
    """A byte without a token is the unknown token, fused or not, or nothing, as in Rust."""
    tokenizer = Tokenizer(models.BPE(unk_token=unknown, fuse_unk=fuse))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pair = load(
        tokenizer,
        tmp_path_factory.mktemp("unknown"),
        vocab={"a": 0, "b": 1, "ab": 2, "?": 3},
        merges=["a b"],
    )
    agree(pair, text)


@untimed
@given(text=st.text("ab ", max_size=12))
def test_ignore_merges_takes_whole_words(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """With ``ignore_merges`` a word of the vocabulary is one token though no merges lead to it."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary = {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "aba": 4, "Ġbb": 5}
    agree(load(tokenizer, tmp_path_factory.mktemp("whole"), vocab=vocabulary, merges=["a b"]), text)


def test_max_length_without_room_for_the_special_tokens_is_refused(tmp_path: Path) -> None:
    """Two special tokens do not fit in one place; the Rust library would not truncate at all."""
    python, _ = load(tiny(), tmp_path)
    with pytest.raises(
        UsageError, match=r"tokenizer\.json: max_length 1 has no room .* give at least 2"
    ):
        python.encode("x", max_length=1)


UNSUPPORTED: dict[str, tuple[str, Any]] = {
    "model with type WordPiece": ("model", {"type": "WordPiece", "unk_token": "?", "vocab": {}}),
    "model with byte_fallback True": (
        "model",
        {"type": "BPE", "byte_fallback": True, "vocab": {}, "merges": []},
    ),
    "model with dropout 0.1": ("model", {"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}),
    "normalizer StripAccents": ("normalizer", {"type": "StripAccents"}),
    "pre-tokenizer ending in None": ("pre_tokenizer", None),
    "pre-tokenizer ending in Metaspace": ("pre_tokenizer", {"type": "Metaspace"}),
    "post-processor Surprise": ("post_processor", {"type": "Surprise"}),
    "decoder WordPiece": ("decoder", {"type": "WordPiece"}),
}


@pytest.mark.parametrize("found", UNSUPPORTED)
def test_an_unsupported_component_is_named(tmp_path: Path, found: str) -> None:
    """The error names the file, the component found and those that are supported."""
    section, value = UNSUPPORTED[found]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(json.loads(tiny().to_str()) | {section: value}), encoding="utf-8")
    with pytest.raises(
        UsageError, match=rf"other\.json: {found} is not supported .* which knows \w"
    ):
        PythonBPE.from_file(path)


MALFORMED: dict[str, Callable[[str], str]] = {
    "cut off": lambda whole: whole[: len(whole) // 2],
    "empty": lambda _: "",
    "a list": lambda _: "[]",
    "without a model": lambda _: "{}",
    "merge of unknown tokens": lambda whole: whole.replace(
        '"merges":[', '"merges":[["no","such"],'
    ),
    "merge of three": lambda whole: whole.replace('"merges":[', '"merges":["a b c",'),
}


@pytest.mark.parametrize("damage", MALFORMED)
def test_a_malformed_file_is_refused(tmp_path: Path, damage: str) -> None:
    """A truncated or otherwise broken file is a usage error that names the file."""
    path = tmp_path / "broken.json"
    path.write_text(MALFORMED[damage](tiny().to_str()), encoding="utf-8")
    with pytest.raises(UsageError, match=r"broken\.json: not a whole tokenizer\.json"):
        PythonBPE.from_file(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """So is a path where there is no file."""
    with pytest.raises(UsageError, match=r"absent\.json: cannot be read"):
        PythonBPE.from_file(tmp_path / "absent.json")


def test_import_loads_no_other_tokenizer() -> None:
    """Importing the baseline loads neither tokenizers nor transformers nor torch."""
    code = (
        "import sys, greenbench.stages.tokenizers.python_bpe; "
        "print({'tokenizers', 'transformers', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
