"""The list of all knobs: complete, and said in words everywhere."""

from __future__ import annotations

import re
from pathlib import Path

from greenbench.experiment.knob_list import described_knobs
from greenbench.options import STAGES, knobs

DOCS = Path(__file__).parents[2] / "docs" / "knobs.md"


def test_every_knob_is_listed_with_values_and_meaning() -> None:
    """The list has each field of the options once, in their order, none without a text."""
    listed = described_knobs()
    assert [knob.knob for knob in listed] == [f"{s}.{name}" for s in STAGES for name in knobs(s)]
    assert [knob.knob for knob in listed if not knob.meaning or not knob.values] == []
    (tokenizer,) = (knob for knob in listed if knob.knob == "data.tokenizer")
    assert (tokenizer.values, tokenizer.baseline) == ("python, rust", "python")
    assert tokenizer.meaning.endswith("the Rust library tokenizers. Both give the same ids.")


def test_every_knob_has_a_row_in_the_docs() -> None:
    """A table of docs/knobs.md names it in its first column, below the heading of its stage."""
    stage = ""
    rows: dict[str, list[str]] = {}
    for line in DOCS.read_text("utf-8").splitlines():
        if line.startswith("#"):
            stage = line.strip("# ").casefold()
        elif line.startswith("|"):
            rows.setdefault(stage, []).extend(re.findall("`([a-z0-9_]+)`", line.split("|")[1]))
    missing = [knob.knob for knob in described_knobs() if knob.name not in rows.get(knob.stage, [])]
    assert missing == []
