"""Small tokenizers like those of the named models, and text and code to try them on."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from greenbench.stages.tokenizers.python_bpe import PythonBPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Pair = tuple[PythonBPE, Tokenizer]

# A slow machine is no failure: no deadline, no complaint about slow generation.
untimed = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])

CORPUS = [
    (
        "static int parse_header(const char *buf, size_t len)\n"
        "{\n    if (buf == NULL || len < 16)\n        return -1;\n"
    ),
    "\tfor (int i = 0; i < 1024; i++) {\n\t\tsum += table[i] * 0x1F;\n\t}\n\treturn sum;\n}\n",
    (
        "public static List<String> readLines(Reader reader) throws IOException {\n"
        "    int count = 0;\n    String line;\n"
    ),
    (
        "    while ((line = reader.readLine()) != null) { result.add(line.trim()); count += 1; }\n"
        "    return result;\n}\n"
    ),
    (
        "printf(\"%s: can't open %d files, we'll retry\\n\", name, errno); "
        "// the caller's buffer is 4096 bytes\n"
    ),
    "Ä naïve café, ein Straßenfest; γλώσσα и текст 数据处理 ①②③ 🙂🙂 e\u0301te\u0301\n",
]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def trained(
    pre_tokenizer: Any, normalizer: Any = None, special: tuple[str, ...] = (), **model: Any
) -> Tokenizer:
    """Return a small tokenizer trained on the corpus, with ByteLevel decoding."""
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        show_progress=False,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def surround(tokenizer: Tokenizer) -> Tokenizer:
    """Return ``tokenizer`` with a post-processor that puts [CLS] before and [SEP] after."""
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ids
    )
    return tokenizer


@cache
def plain() -> str:
    """Return the JSON of a tokenizer with ByteLevel and nothing else."""
    return str(trained(pre_tokenizers.ByteLevel(add_prefix_space=False)).to_str())


def tiny() -> Tokenizer:
    """Return the pipeline of greenbench's own tokenizer."""
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    return surround(
        trained(pre_tokenizers.ByteLevel(add_prefix_space=False), None, special, unk_token="[UNK]")
    )


def unsplit() -> Tokenizer:
    """Return a pipeline that adds a space in front and makes one word of the text."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    tokenizer = surround(trained(split, None, ("[CLS]", "[SEP]")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    return tokenizer


def modernbert() -> Tokenizer:
    """Return the pipeline of ModernBERT.

    It has NFC, runs of white space as added tokens, and a [MASK] that strips to its left.
    """
    tokenizer = trained(
        pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC(), ("<|endoftext|>",)
    )
    tokenizer.add_tokens([AddedToken("|||IP_ADDRESS|||"), AddedToken("été", normalized=True)])
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    tokenizer.add_special_tokens(
        ["[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True)]
    )
    tokenizer.add_tokens([AddedToken(f"[unused{n}]", normalized=True) for n in range(12)])
    return surround(tokenizer)


def smollm2() -> Tokenizer:
    """Return the pipeline of SmolLM2: digits one by one, then GPT-2's words; no post-processor."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>")
    return trained(
        pre_tokenizers.Sequence([digits, words]), None, special, unk_token="<|endoftext|>"
    )


def qwen() -> Tokenizer:
    """Return the pipeline of Qwen2.5: NFC, its own split, special tokens added after training."""
    split = pre_tokenizers.Split(Regex(QWEN), "isolated")
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = trained(pre_tokenizers.Sequence([split, words]), normalizers.NFC())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens(
        [AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False)]
    )
    return tokenizer


PIPELINES: dict[str, Callable[[], Tokenizer]] = {
    make.__name__: make for make in (tiny, unsplit, modernbert, smollm2, qwen)
}


def load(tokenizer: Tokenizer, folder: Path, **changes: Any) -> Pair:
    """Return the Python and the Rust tokenizer of ``tokenizer`` with ``changes`` of its model."""
    spec = json.loads(tokenizer.to_str())
    spec["model"].update(changes)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return PythonBPE.from_file(path), Tokenizer.from_file(str(path))


def agree(pair: Pair, text: str, max_length: int | None = None) -> None:
    """Assert that both tokenizers of ``pair`` give the same ids for ``text``."""
    python, rust = pair
    if max_length is None:
        rust.no_truncation()
    else:
        rust.enable_truncation(max_length)
    assert python.encode(text, max_length=max_length) == rust.encode(text).ids


# Characters that all versions of Unicode's tables agree on: those of Unicode 3.2, and emoticons.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cn"]).filter(
    lambda character: (
        unicodedata.ucd_3_2_0.category(character) != "Cn"
        or "\U0001f600" <= character <= "\U0001f64f"
    )
)
TOKENS = st.sampled_from(
    [
        "[CLS]",
        "[SEP]",
        "[MASK]",
        " [MASK] ",
        "[UNK]",
        "[unused7]",
        "<|endoftext|>",
        "<|im_start|>",
        "<tool_call>",
        "|||IP_ADDRESS|||",
        "été",
        "e\u0301te\u0301",
        "'s",
        "'LL",
        "\u2019re",
        "'\u017f",
        "\x1c",
        "\x85",
        "\u3000",
    ]
)
SPACES = st.text(" \t\n\r", max_size=30)
UNICODE = st.lists(st.text(CHARACTERS, max_size=20) | TOKENS | SPACES, max_size=12).map("".join)

NAMES = st.sampled_from(
    ["buf", "len", "ctx->state", "i", "parseHeader", "MAX_SIZE", "größe", "p[0]", "*ptr", "this.x"]
)
VALUES = (
    NAMES
    | st.integers(-1, 10**6).map(str)
    | st.sampled_from(["0xFFu", "1e-3f", "'\\n'", '"can\'t open: %s"', "NULL"])
)
SIMPLE = st.builds("{} {} {};".format, NAMES, st.sampled_from(["=", "+=", ">>=", "=="]), VALUES)
CALLS = st.builds("{}({}, {});".format, NAMES, VALUES, VALUES)
C_LINES = st.builds("if ({} < {}) {{".format, NAMES, VALUES) | st.sampled_from(
    ["}", "#ifdef _WIN32", "/* it's\n * 32 */"]
)
JAVA_LINES = st.builds("for (String {} : {}) {{".format, NAMES, NAMES) | st.sampled_from(
    ["}", "@Override", "// don't"]
)
INDENTS = st.sampled_from(["", "    ", "\t", "\t\t", " " * 8, " " * 25, "\r"])


def program(lines: st.SearchStrategy[str], head: str) -> st.SearchStrategy[str]:
    """Return a strategy for functions: ``head``, then indented ``lines``, assignments and calls."""
    indented = st.builds("{}{}".format, INDENTS, lines | SIMPLE | CALLS)
    return st.builds(
        (head + " {{\n{}\n}}\n").format, NAMES, NAMES, st.lists(indented, max_size=8).map("\n".join)
    )


CODE = program(C_LINES, "static int {}(char *{})") | program(
    JAVA_LINES, "public final <T> void {}(Map<K, V> {})"
)
