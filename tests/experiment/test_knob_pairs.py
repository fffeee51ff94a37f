"""Pairs of knobs: all of them in few variants, and none that is refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.experiment.knob_candidates import candidates
from greenbench.experiment.knob_pairs import covering_variants, refused_pairs, together
from greenbench.experiment.knob_rules import contradiction
from greenbench.report.knob_list import pair_rows

if TYPE_CHECKING:
    from greenbench.options import Options

DOCS = Path(__file__).parents[2] / "docs" / "knobs.md"


def test_few_variants_hold_every_pair_that_is_not_refused() -> None:
    """Each pair that can stand together is in one of them, and no variant is refused."""
    trials = candidates()[0]

    def refuse(options: Options) -> str:
        both = options.data.tokenizer == "rust" and options.inference.skip_layers
        return "they contradict each other" if both else contradiction(options)

    variants = covering_variants(trials, refuse)
    assert [variant.text for variant in variants if refuse(variant.options)] == []
    held = [set(variant.settings) for variant in variants]
    refused = {(pair.first, pair.second) for pair in refused_pairs(trials, refuse)}
    assert ("data.tokenizer=rust", "inference.skip_layers=0.17") in refused
    for first, second in itertools.combinations(trials, 2):
        needed = {*first.settings, *second.settings}
        if together([first, second]) is not None and (first.text, second.text) not in refused:
            assert any(needed <= settings for settings in held), (first.text, second.text)
    assert len(variants) < len(trials)


def test_the_docs_name_every_pair_that_no_machine_runs() -> None:
    """The table of docs/knobs.md is what ``greenbench knobs --pairs --markdown`` prints."""
    rows = list(pair_rows(refused_pairs(candidates()[0], contradiction)))
    lines = DOCS.read_text("utf-8").splitlines()
    start = lines.index("| knob | with | why not |") + 2
    assert lines[start : start + len(rows) + 1] == [*rows, ""]
