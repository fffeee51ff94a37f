"""Tells which cells cannot run before the first one is measured, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.errors import Disagreements
from greenbench.plugin.distribution import is_worker
from greenbench.report.cost import plural
from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.plugin.suite import Suite
    from greenbench.run.warm_up import Refusal

REFUSED: pytest.StashKey[list[str]] = pytest.StashKey()
"""In a worker, what is to be told, until the report of its first test takes it along."""


def tell_refused(config: pytest.Config, suite: Suite) -> None:
    """Say which selected cells cannot run, and why; the others are measured all the same.

    Raises Disagreements if the session is to end at the first failure (``-x``): no cell is
    measured before one that is known to fail.
    """
    selected = suite.session.selected
    refusals = suite.session.miniatures.refusals(selected)
    if not refusals:
        return
    lines = refused_lines(refusals, len(selected))
    most = config.getoption("maxfail") or 0
    if 0 < most <= count_of(refusals):
        lines[0] += f"; --maxfail={most} (-x) would end the session then, so nothing is measured"
        raise Disagreements(lines)
    if is_worker(config):
        config.stash[REFUSED] = lines
        return
    for line in lines:
        suite.progress.state(line)


def refused_lines(refusals: Sequence[Refusal], cells: int) -> list[str]:
    """Return how many of so many ``cells`` cannot run, and a line for each reason."""
    count = count_of(refusals)
    lines = [f"{count} of {plural(cells, 'cell')} cannot run here and will fail"]
    for one in refusals:
        lines.append(f"{listed(list(one.cells))}: {one.reason}")
    return lines


def count_of(refusals: Sequence[Refusal]) -> int:
    """Return how many cells cannot run."""
    return sum(len(one.cells) for one in refusals)
