"""Adding a variant to an experiment.md leaves all else as it is, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.experiment.edits import with_variant, written_row
from greenbench.experiment.markdown import lines_of
from greenbench.experiment.tables import cell, tables_of

EXPERIMENT = (Path(__file__).parents[2] / "experiment.md").read_text("utf-8")
ROW = {
    "Variant": "Arch",
    "Data": "-",
    "Architecture": "INT8",
    "Training": "-",
    "System": "`cpu_threads` 1",
    "Inference": "-",
}
CHANGE = ("2026-11-25", "Variant `V8_arch`")
VARIANTS = """## Variants
| Variant | Folder | Data | Architecture | Training | System | Inference |
|---|---|---|---|---|---|---|
| Baseline | `V0_baseline` | a | b | c | d | e |
"""


def added(text: str) -> str:
    """Return ``text`` with the variant V8_arch."""
    return with_variant(text, "V8_arch", ROW, CHANGE)


def new_lines(before: str, after: str) -> list[str]:
    """Return the lines of ``after`` that are new; all lines of ``before`` must be there."""
    left = after.splitlines(keepends=True)
    for line in before.splitlines(keepends=True):
        place = left.index(line) if line in left else left.index(line + "\n")
        left.pop(place)
    return [line.rstrip("\r\n") for line in left]


def test_three_lines_are_added_to_the_projects_own_file() -> None:
    """They are a row, a checklist row, and the first line of a changelog with the newest first."""
    after = added(EXPERIMENT)
    assert new_lines(EXPERIMENT, after) == [
        "| Arch | `V8_arch` | - | INT8 | - | `cpu_threads` 1 | - |",
        "| `V8_arch` | ✓ | ✓ | ✓ |",
        "| 2026-11-25 | Variant `V8_arch` |",
    ]
    assert after.index("2026-11-25") < after.index("| 2026-11-24 |")
    row = tables_of(after)["Variants"].rows[-1]
    assert {column: cell(row, column) for column in ROW} == {**ROW, "System": "cpu_threads 1"}


def test_columns_in_another_order_and_further_ones_are_kept() -> None:
    """Each text goes under its column; a further column stays empty."""
    text = (
        "## Variants\n\n"
        "| Owner | Inference | System | Training | Architecture | Data | Folder | Variant |\n"
        + "|---"
        * 8
    )
    text += "|\n| Ada | - | - | - | - | - | [V0_baseline](variants/V0_baseline/) | Baseline |\n"
    (row, *_) = new_lines(text, added(text))
    assert row == "|  | - | `cpu_threads` 1 | - | INT8 | - | [V8_arch](variants/V8_arch/) | Arch |"


def test_comments_and_lookalikes_are_left_alone() -> None:
    """A table inside a comment or a code fence is not edited."""
    table = "| Variant | Folder |\n|---|---|\n"
    hidden = f"<!--\n## Variants\n{table}| a | V9_x |\n-->\n\n```\n{table}```\n\n"
    assert added(hidden + VARIANTS).startswith(hidden)


def test_rows_without_borders_get_a_row_without() -> None:
    """The new row has the borders and the indentation of the last one."""
    text = (
        "## Variants\nVariant | Folder | Data | Architecture | Training | System | Inference\n"
        + "---|" * 6
        + "---\n"
    )
    text += "  Baseline | V0_baseline | a | b | c | d | e\n"
    assert "\n  Arch | V8_arch | - | INT8 | - | `cpu_threads` 1 | -\n" in added(text)


def test_a_table_without_rows_gets_its_first() -> None:
    """The first row goes below the dashes."""
    text = VARIANTS.rsplit("| Baseline", 1)[0]
    assert added(text).splitlines()[3] == "| Arch | V8_arch | - | INT8 | - | `cpu_threads` 1 | - |"


@pytest.mark.parametrize(
    ("changelog", "after"),
    [
        (
            "## Changelog\n\n- 2026-11-24: a\n- 2026-11-23: b\n",
            "- 2026-11-25: Variant `V8_arch`\n- 2026-11-24: a\n",
        ),
        (
            "## Changelog\n\n- **2026-11-23** a\n",
            "- 2026-11-25: Variant `V8_arch`\n- **2026-11-23** a\n",
        ),
        (
            "Changelog\n---------\n\n- a\n",
            "Changelog\n---------\n\n- 2026-11-25: Variant `V8_arch`\n- a\n",
        ),
        (
            "Changelog\n---------\nProse.\n",
            "Changelog\n---------\n\n- 2026-11-25: Variant `V8_arch`\n\nProse.\n",
        ),
        (
            "## Changes in V2\n\n- x\n\n## Changelog\n\n- a\n",
            "- x\n\n## Changelog\n\n- 2026-11-25: Variant `V8_arch`\n- a\n",
        ),
        ("## Changelog\n\n* a\n", "* 2026-11-25: Variant `V8_arch`\n* a\n"),
        ("## Changelog\n", "## Changelog\n\n- 2026-11-25: Variant `V8_arch`\n"),
        ("## Changelog\n\nProse.\n", "## Changelog\n\n- 2026-11-25: Variant `V8_arch`\n\nProse.\n"),
        (
            (
                "## History\n\n| Change | Date |\n|---|---|\n"
                "| old | 2026-11-23 |\n| new | 2026-11-24 |\n"
            ),
            "| new | 2026-11-24 |\n| Variant `V8_arch` | 2026-11-25 |\n",
        ),
        ("## Changes\n\n| What |\n|---|\n| a |\n", "| 2026-11-25: Variant `V8_arch` |\n"),
        (
            "",
            "\n## Changelog\n\n| Date | Change |\n|---|---|\n| 2026-11-25 | Variant `V8_arch` |\n",
        ),
    ],
    ids=[
        "list",
        "bold",
        "underlined",
        "underlined prose",
        "another heading",
        "stars",
        "empty",
        "prose",
        "oldest first",
        "one column",
        "none",
    ],
)
def test_the_changelog_line_has_the_form_of_the_others(changelog: str, after: str) -> None:
    """A changelog is a table or a list, newest first or last; without one, a table is begun."""
    assert after in added(VARIANTS + "\n" + changelog)


def test_a_list_of_another_section_is_not_the_changelog() -> None:
    """The item goes under the changelog's own heading."""
    text = VARIANTS + "\n## Changelog\n\n## Others\n\n- an item\n"
    assert "## Changelog\n\n- 2026-11-25: Variant `V8_arch`\n" in added(text)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_line_endings_are_the_files_own(ending: str, last: str) -> None:
    """New lines end like the others, and a last line without an ending gets one."""
    text = (VARIANTS.rstrip("\n") + last).replace("\n", ending)
    lines = added(text).split(ending)
    assert lines[4].startswith("| Arch |")
    assert "\n" not in "".join(lines)


def test_a_folder_that_is_escaped_gets_a_plain_neighbour() -> None:
    """A folder written with a backslash, as formatters do, does not change the new row's name."""
    text = VARIANTS.replace("`V0_baseline`", r"V0\_baseline")
    assert "| Arch | `V8_arch` | - |" in added(text)


def test_form_feeds_end_no_line() -> None:
    """Lines are counted as Markdown counts them."""
    text = EXPERIMENT.replace("This file says", "This\x0cfile\u2028says", 1)
    assert written_row(text, "V6_data_inference_training")["inference"] == "layer skipping"


def test_a_row_can_be_read_as_it_is_written() -> None:
    """The cells come by column, with emphasis and code marks."""
    assert (
        written_row(EXPERIMENT, "V4_architecture")["architecture"] == "**INT8 / FP8 quantisation**"
    )
    assert written_row(EXPERIMENT, "V1_data")["folder"] == "`V1_data`"


@given(st.text(st.sampled_from("ab #|-*`\n\r<>!"), max_size=80))
def test_text_around_the_table_stays(noise: str) -> None:
    """The lines of any text before the table are still there, in their order."""
    text = noise + "\n\n" + VARIANTS
    if "Variants" not in tables_of(text):
        return
    left = iter(lines_of(added(text)))
    assert all(line in left for line in lines_of(text))
