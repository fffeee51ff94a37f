"""What is taken off a model's answer before it is scored: three rules, counted as they apply.

Public models return the prompt, wrap programs in Markdown or go on with a further task. Pan et al.
(ICSE 2024) cleaned their models' answers by a script for each; here one set of rules holds for all
models and variants:

1. *prompt*: up to and with the line that asks for the translation, if nothing but a part of the
   source stands before it;
2. *fence*: of a Markdown code block only its inside counts, the first block's that is marked with
   the target language, else the first one's; a block that is not closed ends with the text;
3. *further program*: what follows a line that asks for another translation, in whichever language,
   is left out.

The program itself is never touched: a wrong name, a missing import or a half-written line stay
wrong.
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
_INSTRUCTIONS = "|".join(re.escape(instruction(name).strip()) for name in LANGUAGES.values())
_INSTRUCTION = re.compile(rf"^[ \t]*(?:{_INSTRUCTIONS})[ \t]*$", re.MULTILINE)
_BLOCK = re.compile(
    r"^[ \t]*```[ \t]*([^\s`]*)[^\n`]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


def clean(output: str, pair: Pair) -> tuple[str, tuple[str, ...]]:
    """Return the program in an answer, and which rules took something off."""
    steps = (
        ("prompt", _without_prompt),
        ("fence", _inside_fence),
        ("further program", _first_program),
    )
    rules = []
    for rule, apply in steps:
        cleaned = apply(output, pair)
        if cleaned != output:
            rules.append(rule)
        output = cleaned
    return output, tuple(rules)


def clean_all(outputs: Iterable[str], pairs: Sequence[Pair]) -> tuple[list[str], Counter[str]]:
    """Return the programs, and how many answers each rule took something off."""
    programs = []
    counts: Counter[str] = Counter()
    for output, pair in zip(outputs, pairs, strict=True):
        program, rules = clean(output, pair)
        programs.append(program)
        counts.update(rules)
    return programs, counts


def sentences(counts: Counter[str], answers: int) -> tuple[str, ...]:
    """Say how many answers were cleaned, one sentence a rule."""
    lines = []
    for rule, action in RULES.items():
        if counts[rule]:
            lines.append(f"{counts[rule]} of {answers} answers {action} and were cleaned")
    return tuple(lines)


def _without_prompt(output: str, pair: Pair) -> str:
    line = _INSTRUCTION.search(output)
    if line is None or line[0].strip() != pair.instruction.strip():
        return output
    before = " ".join(output[: line.start()].split())
    if before not in " ".join(pair.source.split()):
        return output
    return output[line.end() :].lstrip("\n")


def _inside_fence(output: str, pair: Pair) -> str:
    blocks = _BLOCK.findall(output)
    for mark, inside in blocks:
        if mark.lower() in FENCES[pair.language]:
            return str(inside)
    return str(blocks[0][1]) if blocks else output


def _first_program(output: str, _pair: Pair) -> str:
    line = _INSTRUCTION.search(output)
    return output[: line.start()].rstrip() if line else output
