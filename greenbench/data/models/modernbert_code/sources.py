"""Cut C and C++ functions out of trees of source files, as texts to pretrain on.

Does: find what begins with a letter in the first column, holds a parameter list, and ends with the
first ``}`` in the first column, which is how the projects named in docs/results-small.md lay out
nearly all of theirs. Leaves out functions that MinHash finds near one of another data set, so that
what is pretrained on is not what is scored.
Does not: parse. A macro that looks like a function is taken for one; one in another layout is not
found.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

from greenbench.data.near_duplicates import near_any, signatures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ENDINGS = (".c", ".cc", ".cpp", ".cxx")
SHORTEST, LONGEST = 60, 6000
"""Characters of a function that is taken."""
NEAR = 0.5
"""Similarity (of MinHash) from which on a function lies near another one."""
_FUNCTION = re.compile(
    r"^[A-Za-z_][^;{}#]*?\([^;{}#]*\)[^;{}#]*?\{\n.*?^\}", re.MULTILINE | re.DOTALL
)


def functions(trees: Sequence[Path], apart: Sequence[str], count: int, seed: int) -> list[str]:
    """Return up to ``count`` distinct functions of ``trees``, shuffled, none near one of ``apart``.

    Every second one comes without its layout.
    """
    distinct: dict[str, None] = {}
    for tree in trees:
        for text in _cut(tree):
            distinct[text] = None
    texts = list(distinct)
    Random(seed).shuffle(texts)
    sample = texts[:count]
    near = near_any(signatures(sample), signatures(apart), NEAR)
    taken: list[str] = []
    for text, is_near in zip(sample, near, strict=True):
        if is_near:
            continue
        without_layout = len(taken) % 2 == 1
        taken.append(flat(text) if without_layout else text)
    return taken


def flat(text: str) -> str:
    """Return ``text`` without indentation, blank lines and runs of blanks.

    Some published data sets come so.
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(filter(None, lines))


def _cut(tree: Path) -> Iterator[str]:
    """Yield the functions of a tree's source files, by file name."""
    for file in sorted(tree.rglob("*")):
        if file.suffix not in ENDINGS or not file.is_file():
            continue
        for match in _FUNCTION.finditer(file.read_text("utf-8", errors="replace")):
            if SHORTEST <= len(match.group()) <= LONGEST:
                yield match.group()
