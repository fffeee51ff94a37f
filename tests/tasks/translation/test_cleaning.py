"""Three stated rules take something off an answer, and nothing off the program itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.data.pairs import Pair
from greenbench.tasks.translation.cleaning import clean, clean_all, sentences

PAIR = Pair(
    source="int f(int a) { return a; }", target="def f(a):\n    return a", language="python"
)
PROGRAM = "def f(a):\n    return a"


@pytest.mark.parametrize(
    ("output", "rules"),
    [
        (PROGRAM, ()),
        (f"{PAIR.source}\n// Python:\n{PROGRAM}", ("prompt",)),
        (f"// Python:\n{PROGRAM}", ("prompt",)),
        (f"return a; }}\n// Python:\n{PROGRAM}", ("prompt",)),
        (f"Sure! Here it is:\n```python\n{PROGRAM}\n```\nIt returns a.", ("fence",)),
        (f"```\n{PROGRAM}\n```", ("fence",)),
        (f"```java\n{PAIR.source}\n```\n```python\n{PROGRAM}\n```", ("fence",)),
        (f"```python\n{PROGRAM}", ("fence",)),
        (f"{PROGRAM}\n// Java:\n{PAIR.source}", ("further program",)),
        (f"{PROGRAM}\n// Python:\ndef g(): pass", ("further program",)),
        (f"// Python:\n```python\n{PROGRAM}\n```\n// C#:\nint F()", ("prompt", "fence")),
    ],
)
def test_the_program_is_what_is_left(output: str, rules: tuple[str, ...]) -> None:
    """Prompts, Markdown and further programs go, each by its rule."""
    text, acted = clean(output, PAIR)
    assert text.strip("\n") == PROGRAM
    assert acted == rules


@given(st.text("abc(){}:/#` \n", max_size=80))
def test_cleaning_adds_nothing_and_is_done_once(output: str) -> None:
    """What is left stood in the answer, and is left by cleaning again where no rule acted."""
    text, acted = clean(output, PAIR)
    assert text.strip() in output
    if not acted:
        assert text == output


def test_how_many_were_cleaned_is_sentences() -> None:
    """One sentence a rule that acted."""
    texts, counts = clean_all([PROGRAM, f"```\n{PROGRAM}\n```"], [PAIR, PAIR])
    assert [t.strip() for t in texts] == [PROGRAM, PROGRAM]
    assert sentences(counts, 2) == (
        "1 of 2 answers stood in a Markdown code block and were cleaned",
    )
