"""Cut C and C++ functions out of trees of source files, as texts to pretrain on.

Does: find what begins with a letter in the first column, holds a parameter list, and ends with the first ``}`` in the first
column, which is how the projects named in docs/results-small.md lay out nearly all of theirs. Leaves out functions that MinHash
finds near one of another data set, so that what is pretrained on is not what is scored.
Does not: parse. A macro that looks like a function is taken for one; one in another layout is not found.
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
    found = list(
        dict.fromkeys(text for tree in trees for file in _files(tree) for text in _cut(file))
    )
    Random(seed).shuffle(found)
    sample = found[:count]
    near = near_any(signatures(sample), signatures(apart), NEAR)
    kept = [text for text, close in zip(sample, near, strict=True) if not close]
    return [flat(text) if place % 2 else text for place, text in enumerate(kept)]


def flat(text: str) -> str:
    """Return ``text`` without indentation, blank lines and runs of blanks: some published data sets come so."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _files(tree: Path) -> Iterator[Path]:
    return iter(sorted(p for p in tree.rglob("*") if p.suffix in ENDINGS and p.is_file()))


def _cut(file: Path) -> Iterator[str]:
    text = file.read_text("utf-8", errors="replace")
    return (m.group() for m in _FUNCTION.finditer(text) if SHORTEST <= len(m.group()) <= LONGEST)
