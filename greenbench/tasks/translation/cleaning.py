"""What is taken off a model's answer before it is scored: three stated rules, each counted where it acts.

Public models return the prompt, wrap programs in Markdown or go on with a further task. Pan et al. (ICSE 2024) cleaned their
models' answers by a script for each; here one set of rules holds for all models and variants:

1. *prompt*: up to and with the line that asks for the translation, where nothing but a part of the source stands before it;
2. *fence*: of a Markdown code block only its inside counts, the first block's that is marked with the target language, else
   the first one's; a block that is not shut ends with the text;
3. *further program*: what follows a line that asks for another translation, in whichever language, is left out.

The program itself is never touched: a wrong name, a missing import or a half-written line stay wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from greenbench.data.languages import LANGUAGES, instruction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.data.pairs import Pair

RULES = {
    "prompt": "returned the prompt",
    "fence": "stood in a Markdown code block",
    "further program": "went on with a further program",
}
"""Rule to what an answer did, for sentences."""
FENCES = {
    "java": ("java",),
    "python": ("python", "py", "python3"),
    "cs": ("csharp", "cs", "c#"),
    "c": ("c",),
    "cpp": ("cpp", "c++", "cxx"),
    "go": ("go", "golang"),
    "javascript": ("javascript", "js"),
}
"""Language to how Markdown marks it."""
_ASKED = "|".join(re.escape(instruction(name).strip()) for name in LANGUAGES.values())
_FURTHER = re.compile(rf"^[ \t]*(?:{_ASKED})[ \t]*$", re.MULTILINE)
_BLOCK = re.compile(
    r"^[ \t]*```[ \t]*([^\s`]*)[^\n`]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


def clean(output: str, pair: Pair) -> tuple[str, tuple[str, ...]]:
    """Return the program in an answer, and which rules took something off."""
    acted = []
    for rule, apply in (
        ("prompt", _after_prompt),
        ("fence", _inside_fence),
        ("further program", _first),
    ):
        cleaned = apply(output, pair)
        acted += [rule] if cleaned != output else []
        output = cleaned
    return output, tuple(acted)


def clean_all(outputs: Iterable[str], pairs: Sequence[Pair]) -> tuple[list[str], Counter[str]]:
    """Return the programs, and how many answers each rule took something off."""
    cleaned = [clean(output, pair) for output, pair in zip(outputs, pairs, strict=True)]
    return [text for text, _ in cleaned], Counter(rule for _, rules in cleaned for rule in rules)


def told(counts: Counter[str], answers: int) -> tuple[str, ...]:
    """Say how many answers were cleaned, one sentence a rule."""
    return tuple(
        f"{counts[rule]} of {answers} answers {did} and were cleaned"
        for rule, did in RULES.items()
        if counts[rule]
    )


def _after_prompt(output: str, pair: Pair) -> str:
    asked = _FURTHER.search(output)
    if not asked or asked[0].strip() != pair.instruction.strip():
        return output
    before = " ".join(output[: asked.start()].split())
    return output[asked.end() :].lstrip("\n") if before in " ".join(pair.source.split()) else output


def _inside_fence(output: str, pair: Pair) -> str:
    blocks = [(mark.lower(), inside) for mark, inside in _BLOCK.findall(output)]
    marked = [inside for mark, inside in blocks if mark in FENCES[pair.language]]
    return next(iter([*marked, *(inside for _, inside in blocks)]), output)


def _first(output: str, _pair: Pair) -> str:
    further = _FURTHER.search(output)
    return output[: further.start()].rstrip() if further else output
