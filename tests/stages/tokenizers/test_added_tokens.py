"""Added tokens are found where the Rust library finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stages.byte_level_pipelines import agree, load, plain, untimed
from tokenizers import AddedToken, Tokenizer, normalizers

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = st.fixed_dictionaries(
    {flag: st.booleans() for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")}
)


@untimed
@given(
    flags=st.lists(FLAGS, min_size=4, max_size=4),
    text=st.lists(
        st.sampled_from(
            ["foo", "FOO", "foobar", "bar", "  ", " ", "\n", "x", "_", ".", "\x1c", "é", "²"]
        ),
        max_size=12,
    ).map("".join),
)
def test_added_tokens_with_all_flags(
    tmp_path_factory: pytest.TempPathFactory, flags: list[dict[str, bool]], text: str
) -> None:
    """Any combination of flags on overlapping added tokens, under a lowercasing normalizer."""
    tokenizer = Tokenizer.from_str(plain())
    tokenizer.normalizer = normalizers.Lowercase()
    for content, chosen in zip(["foo", "foobar", "BAR", "x bar"], flags, strict=True):
        tokenizer.add_tokens([AddedToken(content, **chosen)])
    agree(load(tokenizer, tmp_path_factory.mktemp("flags")), text)


@pytest.mark.parametrize(
    "space", ["\t", "\x0b", "\x1c", "\x1f", "\x85", "\xa0", "\u200b", "\u2029", "\u3000"]
)
def test_added_tokens_strip_what_unicode_calls_white_space(tmp_path: Path, space: str) -> None:
    """Stripping takes the white space of Unicode, which is not quite that of Python."""
    tokenizer = Tokenizer.from_str(plain())
    tokenizer.add_tokens([AddedToken("foo", lstrip=True, rstrip=True, normalized=False)])
    pair = load(tokenizer, tmp_path)
    agree(pair, f"x{space}foo{space}x")
    stripped = pair[0].encode(f"x{space}foo{space}x") == pair[0].encode("xfoox")
    assert stripped == (
        space not in {"\x1c", "\x1f", "\u200b"}
    )  # white space to Python or to the eye alone


def test_added_tokens_alike_once_normalized_are_refused(tmp_path: Path) -> None:
    """The Rust library then takes either, another one in each process: no ids to agree with."""
    tokenizer = Tokenizer.from_str(plain())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.add_tokens([AddedToken("foo", normalized=True), AddedToken("FOO", normalized=True)])
    with pytest.raises(
        UsageError, match=r"tokenizer\.json: added token 'foo' is the same text as another one"
    ):
        load(tokenizer, tmp_path)
