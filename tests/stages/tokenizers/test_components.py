"""Normalizers, pre-tokenizers and post-processors do what those of the Rust library do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stages.byte_level_pipelines import CODE, CORPUS, UNICODE, agree, load, plain, tiny, untimed
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors

from greenbench.errors import UsageError
from greenbench.stages.tokenizers.python_bpe import PythonBPE

if TYPE_CHECKING:
    from pathlib import Path

PRE_TOKENIZERS = [
    [pre_tokenizers.Digits(individual_digits=True)],
    [pre_tokenizers.Digits(individual_digits=False)],
    [
        pre_tokenizers.Split(" ", "isolated"),
        pre_tokenizers.Split(Regex(r"[\r\n]|\p{Lu}\p{Ll}++"), "isolated"),
    ],
]


@pytest.mark.parametrize("before", PRE_TOKENIZERS, ids=str)
@pytest.mark.parametrize("prefix", [False, True])
@untimed
@given(text=CODE | st.text("0123456789²½ ax", max_size=30))
@example(text="1024 4096")
def test_pre_tokenizers(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], text: str, *, prefix: bool
) -> None:
    """Each supported pre-tokenizer cuts as the Rust library does, even across merges."""
    tokenizer = Tokenizer.from_str(plain())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*before, pre_tokenizers.ByteLevel(add_prefix_space=prefix)]
    )
    agree(load(tokenizer, tmp_path_factory.mktemp("pre")), text)


NORMALIZERS = [
    normalizers.NFD(),
    normalizers.NFKC(),
    normalizers.NFKD(),
    normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]),
    normalizers.Sequence([normalizers.Prepend("_"), normalizers.Replace(" ", "_")]),
    normalizers.Replace(Regex(r"\s{2,}|\p{N}+"), "#"),
]


@pytest.mark.parametrize("normalizer", NORMALIZERS, ids=str)
@untimed
@given(text=UNICODE)
@example(text="ΟΔΟΣ Straße ﬁ Å")
def test_normalizers(tmp_path_factory: pytest.TempPathFactory, normalizer: Any, text: str) -> None:
    """Each supported normalizer changes the text as in the Rust library."""
    tokenizer = Tokenizer.from_str(plain())
    tokenizer.normalizer = normalizer
    agree(load(tokenizer, tmp_path_factory.mktemp("normalizer")), text)


CLS, SEP = ("[CLS]", 2), ("[SEP]", 3)
POST_PROCESSORS = [
    processors.BertProcessing(SEP, CLS),
    processors.RobertaProcessing(SEP, CLS),
    processors.TemplateProcessing(single="$A [SEP] [SEP]", special_tokens=[SEP]),
    processors.Sequence(
        [
            processors.ByteLevel(),
            processors.TemplateProcessing(single="[CLS] $A", special_tokens=[CLS]),
        ]
    ),
]


@pytest.mark.parametrize("processor", POST_PROCESSORS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("max_length", [None, 2, 5])
def test_post_processors(tmp_path: Path, processor: Any, max_length: int | None) -> None:
    """Each supported post-processor puts its ids around the text, cut or not."""
    tokenizer = tiny()
    tokenizer.post_processor = processor
    pair = load(tokenizer, tmp_path)
    agree(pair, CORPUS[0], max_length)
    ids = pair[0].encode(CORPUS[0], max_length=max_length)
    assert {CLS[1], SEP[1]} & set(ids)
    assert max_length is None or len(ids) == max_length


@pytest.mark.parametrize(
    "expression",
    [r"\h+", r"^x", r"[a&&b]", r"[[:alpha:]]", r"(a)", r"\w+", r"a{2}+", r"\p{Foo}", "(?:a"],
)
def test_a_regular_expression_that_means_something_else_in_python_is_refused(
    tmp_path: Path, expression: str
) -> None:
    """Rather no ids than other ids."""
    split = {
        "type": "Split",
        "pattern": {"Regex": expression},
        "behavior": "Isolated",
        "invert": False,
    }
    spec = json.loads(tiny().to_str())
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, spec["pre_tokenizer"]]}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(UsageError, match="regular expression"):
        PythonBPE.from_file(path)
