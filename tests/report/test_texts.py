"""Texts are safe to print, wrapped to the terminal, and cells have short unambiguous names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from greenbench.errors import Disagreements, UsageError
from greenbench.report.names import ShortNames
from greenbench.report.texts import (
    CONTROLS,
    error_text,
    listed,
    markdown,
    plain,
    printable,
    wrapped,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain - text, mcc 0.5", "plain - text, mcc 0.5"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("a\u202eb\u2028", "a\\u202eb\\u2028"),
        ("naïve 名前 \U0001f600", "naïve 名前 \U0001f600"),
    ],
)
def test_control_characters_are_written_as_escapes(text: str, shown: str) -> None:
    """Escape sequences, line ends and bidirectional marks do not reach the terminal; letters do."""
    assert printable(text) == shown


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    """Whatever a text holds, what is printed steers no terminal."""
    assert not {unicodedata.category(character) for character in printable(text)} & CONTROLS


@given(st.text(), st.integers(20, 120))
def test_wrapped_lines_fit(text: str, width: int) -> None:
    """No line is wider than asked for, and further lines are indented below the bullet."""
    first, *others = wrapped(text, width, "- ")
    assert first.startswith("-")
    assert all(len(line) <= width for line in (first, *others))
    assert all(line.startswith("  ") for line in others)


def test_markdown_gets_no_table_link_code_or_html() -> None:
    """Each sign that Markdown would act upon in a table is escaped."""
    assert markdown("a|b [x](y) `c` <i> & \\ \x1b") == (
        "a\\|b \\[x](y) \\`c\\` &lt;i> &amp; \\\\ \\\\x1b"
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "V1"), (2, "V1 and V2"), (3, "V1, V2 and V3"), (5, "V1, V2 and 3 more")],
)
def test_long_lists_are_cut(count: int, text: str) -> None:
    """Up to three names are listed, then the rest is counted."""
    assert listed([f"V{number}" for number in range(1, count + 1)]) == text


FOREIGN = st.text(
    st.one_of(
        st.sampled_from("*_~`[]()<>&|\\\\!#$:/w.h1 @\\x1b\\x07\\x9b\\u202e\\u2066\\u2028\\n\\r"),
        st.characters(),
    )
)
"""Texts that have what steers a terminal or Markdown more often than by chance."""


@given(FOREIGN)
@example("*a* and 2*V0*")
@example("*a b*")
@example("see https://example.org/ or www.example.org")
@example("`@a`|`#1`\\\\|@b\\\\")
@example("_a_ b__c __d__ ~~e~~ ~f~")
@example("![x](y) &lt; &#60; \\\\* <!-- -->")
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    """A renderer gives back the printable text, with no link, emphasis, image or HTML."""
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    (inline,) = renderer.parseInline(markdown(text))
    kinds = {token.type for token in inline.children or ()}
    assert kinds <= {"text", "text_special", "code_inline"}
    shown = "".join(token.content for token in inline.children or ())
    assert shown == printable(text)


@pytest.mark.parametrize(
    "word",
    [
        *("@torvalds", "someone@example.org", "(@org/team)", "V1_@name", "owner/repo@1234567"),
        *("#12", "owner/repo#12", "GH-12", "gh-7", "!34", "~label", "%milestone", "&lt;", "$x$"),
        *("https://example.org/", "www.example.org", "WWW.example.org", "ftp://a", ":tada:"),
    ],
)
def test_what_a_code_host_would_link_is_code(word: str) -> None:
    """A comment mentions nobody and refers to no issue; a word can still be copied as it is."""
    assert markdown(f"a {word} of|{word}`") == f"a `{word}` of\\|`{word}`\\`"


@pytest.mark.parametrize(
    "word", ["test_a.py::test_step[1]", "1.05*saved", "T2-V0_baseline", "80 %", "+-2", "a#", "1:2"]
)
def test_other_words_are_no_code(word: str) -> None:
    """Names of cells and gates look as they do elsewhere."""
    assert "`" not in markdown(word)


@given(FOREIGN)
def test_a_cell_of_markdown_stays_one_cell(text: str) -> None:
    """Whatever a name holds, a table keeps its columns and rows."""
    table = f"| a | b |\n|---|---|\n| x{markdown(text)}x | y |\n| z | z |"
    rendered = MarkdownIt("commonmark").enable("table").parse(table)
    assert [token.type for token in rendered].count("td_open") == 4


@given(FOREIGN)
def test_errors_of_any_text_are_safe_lines(text: str) -> None:
    """Line ends of a foreign name forge no second message: a further line is indented."""
    first, *others = error_text(UsageError(text)).split("\n")
    assert all(line.startswith("    ") for line in others)
    for line in (first, *others):
        assert not {unicodedata.category(character) for character in line} & CONTROLS
    assert error_text(Disagreements([text, text])).split("\n") == [first, *others] * 2


def test_an_endless_value_is_left_out_of_the_middle_of_an_error() -> None:
    """The beginning of the sentence names the place, and its end says what to do."""
    shown = error_text(UsageError(f"a.csv:2: found '{'9' * 10**6}'; write a number"))
    assert shown.startswith("a.csv:2: found '99")
    assert shown.endswith("99'; write a number")
    assert len(shown) < 4000


def test_an_error_that_points_at_a_character_keeps_its_lines() -> None:
    """Indented lines follow the sentence."""
    assert (
        error_text(UsageError("at 2:\n    a b\n     ^\nERROR")) == "at 2:\n    a b\n     ^\\nERROR"
    )


@given(FOREIGN)
def test_rich_prints_any_text_as_it_is(text: str) -> None:
    """No markup, emoji name or control character of a text acts on the terminal."""
    assert plain(f"{text}[red]x[/red]:smile:").plain == printable(text) + "[red]x[/red]:smile:"


LONG = "abcdefghij" * 6


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["T2-V0_baseline", "T2-V7_all", "T1-V7_all"], ["T2 V0", "T2 V7", "T1 V7"]),
        (["T2-V1_data-b16", "T2-V1_data-b16-lr0.1"], ["T2 V1 b16", "T2 V1 b16 lr0.1"]),
        (["T2-V1_a", "T2-V1_b", "T2-V2_c"], ["T2 V1_a", "T2 V1_b", "T2 V2"]),
        (["T2-V1_a", "T1-V1_b"], ["T2 V1_a", "T1 V1_b"]),
        (
            [f"T2-V1_{LONG}_0", f"T2-V1_{LONG}_1-b2"],
            ["T2 V1_abcdef..bcdefghij_0", "T2 V1_abcdef..bcdefghij_1 b2"],
        ),
        (
            [f"T2-V1_{LONG}x{LONG}", f"T2-V1_{LONG}y{LONG}"],
            [f"T2 V1_{LONG}x{LONG}", f"T2 V1_{LONG}y{LONG}"],
        ),
        (["test_mine[a\x1b]", "T2-V0_baseline"], ["test_mine[a\\x1b]", "T2 V0"]),
    ],
)
def test_names_are_as_short_as_they_can_be(ids: list[str], names: list[str]) -> None:
    """A number suffices; variants of the same number have longer names; other tests keep theirs."""
    short = ShortNames(ids)
    assert [short[cell_id] for cell_id in ids] == names


def test_the_variant_alone_has_no_task() -> None:
    """In a sentence about one task the variant's part is enough."""
    short = ShortNames(["T2-V1_data-b16"])
    assert short.variant("T2-V1_data-b16") == "V1 b16"
    assert short.variant("test_mine") == "test_mine"
