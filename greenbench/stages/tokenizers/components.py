"""Normalizers, pre-tokenizers and post-processors of a Hugging Face ``tokenizer.json``.

They are in plain Python and never call the ``tokenizers`` library; what they cannot reproduce to
the letter is refused. ``python_bpe`` merges bytes into tokens, ``added_tokens`` finds added tokens.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import regex

from greenbench.errors import UsageError

Json = Mapping[str, Any]
Normalizer = Callable[[str], str]
Splitter = Callable[[str], list[str]]

# The pre-tokenization of GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask
# Learners"). It covers every character, so all its matches together are the text.
_GPT2: Final = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)

# The regular expressions of a tokenizer.json are written for Oniguruma. Only the syntax that means
# the same there and in the `regex` package is accepted, so not `^`, `\w`, `\h`, `(?m`, `{2}+`,
# capturing groups, nested sets or `&&`.
_CLASS_ITEM: Final = r"\\[pP]\{\w+\}|\\[sSrnt\W_]|&(?!&)|[^\[\]\\&]"
_PORTABLE: Final = regex.compile(
    r"(?:\\[pP]\{\w+\}|\\[sSrnt\W_]|\[\^?(?:" + _CLASS_ITEM + r")+\]"
    r"|\(\?(?:i:|:|!|=)|[)|.?*+]|\{\d+(?:,\d*)?\}(?![+?])|[^\\\[\](){}|.?*+^$])*+"
)

_NORMALIZERS: Final = ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "Replace", "Sequence")
_PRE_TOKENIZERS: Final = ("ByteLevel (last)", "Digits", "Split with behavior Isolated", "Sequence")
_POST_PROCESSORS: Final = (
    "ByteLevel",
    "TemplateProcessing with one $A",
    "BertProcessing",
    "RobertaProcessing",
    "Sequence",
)


class UnsupportedTokenizer(UsageError):
    """A whole ``tokenizer.json``, of a kind that ``PythonBPE`` cannot reproduce."""


def unsupported(
    where: str, section: str, found: object, supported: tuple[str, ...]
) -> UnsupportedTokenizer:
    """Return the error for a component that ``PythonBPE`` cannot reproduce."""
    names = ", ".join(supported)
    return UnsupportedTokenizer(
        f"{where}: {section} {found} is not supported by the pure-Python tokenizer, which knows "
        f"{names}; set data.tokenizer: rust"
    )


def _lowercase(text: str) -> str:
    # Character by character, as Rust does it: str.lower() of a whole text turns a final sigma into
    # another letter.
    return "".join(map(str.lower, text))


def _prepend(prefix: str, text: str) -> str:
    return prefix + text if text else text


def _replace(pattern: regex.Pattern[str], content: str, text: str) -> str:
    replaced: str = pattern.sub(lambda _: content, text)
    return replaced


def _pattern(pattern: Json, where: str) -> str:
    if "String" in pattern:
        escaped: str = regex.escape(pattern["String"])
        return escaped
    expression: str = pattern["Regex"]
    if not _PORTABLE.fullmatch(expression) or not _compiles(expression):
        known = ("the syntax that all engines agree on",)
        raise unsupported(where, "regular expression", repr(expression), known)
    return expression


def _compiles(expression: str) -> bool:
    try:
        regex.compile(expression)
    except regex.error:
        return False
    return True


def read_normalizers(spec: Json | None, where: str) -> tuple[Normalizer, ...]:
    """Return the normalizers of the section ``spec``, to be called one after another.

    ``where`` names the file in errors.

    Raises:
        UsageError: a normalizer is unknown.
    """
    if spec is None:
        return ()
    match spec["type"]:
        case "Sequence":
            normalizers: list[Normalizer] = []
            for part in spec["normalizers"]:
                normalizers.extend(read_normalizers(part, where))
            return tuple(normalizers)
        case "NFC" | "NFD" | "NFKC" | "NFKD" as form:
            return (partial(unicodedata.normalize, form),)
        case "Lowercase":
            return (_lowercase,)
        case "Prepend":
            return (partial(_prepend, spec["prepend"]),)
        case "Replace":
            pattern = regex.compile(_pattern(spec["pattern"], where))
            return (partial(_replace, pattern, spec["content"]),)
        case other:
            raise unsupported(where, "normalizer", other, _NORMALIZERS)


def _isolate(pattern: regex.Pattern[str], text: str) -> list[str]:
    # The one capturing group makes split() keep the matches between the pieces that they separate.
    return [piece for piece in pattern.split(text) if piece]


def _isolating(expression: str) -> Splitter:
    return partial(_isolate, regex.compile(f"({expression})"))


def _gpt2(text: str) -> list[str]:
    words: list[str] = _GPT2.findall(text)
    return words


def _prefix_space(text: str) -> list[str]:
    return [text if text.startswith(" ") else " " + text]


def _byte_level(spec: Json) -> tuple[Splitter, ...]:
    spaced = (_prefix_space,) if spec["add_prefix_space"] else ()
    return (*spaced, _gpt2) if spec.get("use_regex", True) else spaced


def _flattened(spec: Json) -> list[Json]:
    if spec["type"] != "Sequence":
        return [spec]
    leaves = []
    for part in spec["pretokenizers"]:
        leaves.extend(_flattened(part))
    return leaves


def _splitters(spec: Json, where: str) -> tuple[Splitter, ...]:
    match spec:
        case {"type": "Split", "behavior": "Isolated"}:
            return (_isolating(_pattern(spec["pattern"], where)),)
        case {"type": "Split"}:
            section = "pre-tokenizer Split with behavior"
            raise unsupported(where, section, spec["behavior"], _PRE_TOKENIZERS)
        case {"type": "Digits"}:
            return (_isolating(r"\p{N}" if spec["individual_digits"] else r"\p{N}+"),)
        case _:
            raise unsupported(where, "pre-tokenizer", spec["type"], _PRE_TOKENIZERS)


def read_splitters(spec: Json | None, where: str) -> tuple[Splitter, ...]:
    """Return the pre-tokenizers of the section ``spec``: each cuts a piece of text into pieces.

    The other half of ByteLevel, printable characters in the place of bytes, is left to the model,
    which reads bytes.

    Raises:
        UsageError: a pre-tokenizer is unknown, or ByteLevel is not the last one.
    """
    *before, last = _flattened(spec) if spec else [{"type": None}]
    if last["type"] != "ByteLevel":
        raise unsupported(where, "pre-tokenizer ending in", last["type"], _PRE_TOKENIZERS)
    splitters: list[Splitter] = []
    for part in before:
        splitters.extend(_splitters(part, where))
    return (*splitters, *_byte_level(last))


def _template(spec: Json, where: str) -> tuple[list[int], list[int]]:
    before: list[int] = []
    after: list[int] = []
    texts = 0
    for piece in spec["single"]:
        if "Sequence" in piece:
            texts += 1
            known = piece["Sequence"].get("id") == "A"
            if texts > 1 or not known:
                raise _unsupported_template(spec, where)
        else:
            ids = spec["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
            (after if texts else before).extend(ids)
    if texts == 0:
        raise _unsupported_template(spec, where)
    return before, after


def _unsupported_template(spec: Json, where: str) -> UsageError:
    section = "post-processor TemplateProcessing of"
    return unsupported(where, section, spec["single"], _POST_PROCESSORS)


def _around(spec: Json, where: str) -> tuple[list[int], list[int]]:
    before: list[int] = []
    after: list[int] = []
    for part in spec["processors"]:
        left, right = read_special_ids(part, where)
        before, after = left + before, after + right
    return before, after


def read_special_ids(spec: Json | None, where: str) -> tuple[list[int], list[int]]:
    """Return the ids that the post-processor ``spec`` puts before and after those of a text.

    Raises:
        UsageError: the post-processor is unknown, or its template does not hold the text just once.
    """
    match spec:
        case None | {"type": "ByteLevel"}:  # ByteLevel mends character offsets only
            return [], []
        case {"type": "TemplateProcessing"}:
            return _template(spec, where)
        case {"type": "BertProcessing" | "RobertaProcessing", "cls": [_, first], "sep": [_, last]}:
            return [first], [last]
        case {"type": "Sequence"}:
            return _around(spec, where)
        case _:
            raise unsupported(where, "post-processor", spec["type"], _POST_PROCESSORS)
