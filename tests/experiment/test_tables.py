"""Marks, dashes and headings mean the same however they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.experiment.tables import cell, inherits, mark, read_tables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("text", ["-", "–", "—", "", "✗", "✘", "❌", "✖️", "x", "X", "[ ]", "no"])
def test_dashes_and_crosses_inherit(text: str) -> None:
    """Each of these texts means that a stage is the baseline's."""
    assert inherits(text)


@pytest.mark.parametrize("text", ["✓", "✔", "✔️", "✅", "[x]", "Yes"])
def test_check_marks_claim_a_change(text: str) -> None:
    """Each of these texts is a check mark."""
    assert mark(text) is True


@pytest.mark.parametrize("text", ["bf16", "-1", "x2", "none"])
def test_other_text_is_not_a_mark(text: str) -> None:
    """A text that is neither a mark nor a dash has no truth value."""
    assert mark(text) is None


@pytest.mark.parametrize(
    ("heading", "found"),
    [
        ("## Models", True),
        ("### 2. MODELS and their tasks", True),
        ("Models\n------", True),
        ("## `Models`", True),
        ("## Retired models", False),
        ("## Modelling", False),
    ],
)
def test_a_table_is_found_by_its_heading(tmp_path: Path, heading: str, found: bool) -> None:  # noqa: FBT001
    """Level, number and case of a heading are free; a table under another heading is ignored."""
    path = tmp_path / "experiment.md"
    path.write_text(f"{heading}\n\n|MODEL|base-model|tasks|notes|\n|-|-|-|-|\n|M2|a|T2|n|\n")
    tables = read_tables(path)
    assert ("Models" in tables.found) == found
    assert [cell(row, "Base model") for row in tables.rows("Models")] == ["a"] * found


def test_a_legend_beside_the_table_is_left_alone(tmp_path: Path) -> None:
    """Of several tables in a section the one with the key column counts."""
    path = tmp_path / "experiment.md"
    table = "|Model|Base model|Tasks|Notes|\n|-|-|-|-|\n|M2|a|T2|n|\n"
    path.write_text(f"# Models\n\n|sign|meaning|\n|-|-|\n|M2|a model|\n\n{table}")
    tables = read_tables(path)
    assert tables.found["Models"].line == 7
    assert not any("Models" in p for p in tables.problems)
