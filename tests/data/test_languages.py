"""What the model reads before it translates."""

from __future__ import annotations

from greenbench.data.languages import LANGUAGES, instruction, prompt


def test_the_prompt_is_the_source_and_a_line_that_names_the_language() -> None:
    """White space at the source's end is gone: one source has one prompt."""
    assert prompt("int a;\n\n", "C#") == "int a;\n// C#:\n" == prompt("int a;", "C#")


def test_no_two_languages_are_asked_for_alike() -> None:
    """The instruction alone tells what is wanted."""
    assert len({instruction(name) for name in LANGUAGES.values()}) == len(LANGUAGES)
