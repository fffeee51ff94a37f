"""A report replaces reports alone, and is written as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UsageError
from greenbench.report.page.saving import OURS, check_target, save

if TYPE_CHECKING:
    from pathlib import Path

TEXT = f"<!doctype html>{OURS.decode()}0.1"


def test_a_report_is_written_into_a_new_folder_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    """Nothing else is left beside it."""
    path = tmp_path / "new" / "report.html"
    save(path, TEXT)
    save(path, f"{TEXT} again")
    assert path.read_text() == f"{TEXT} again"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", ["<!doctype html><p>mine", "x" * 2000 + TEXT])
def test_a_file_of_somebody_is_not_replaced(tmp_path: Path, content: str) -> None:
    """The sentence names it."""
    path = tmp_path / "mine.html"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"mine\.html: a file that is no report"):
        save(path, TEXT)
    assert path.read_text() == content


def test_an_empty_file_is_replaced_and_a_folder_refused(tmp_path: Path) -> None:
    """As `mktemp` makes one."""
    path = tmp_path / "empty.html"
    path.touch()
    check_target(path)
    with pytest.raises(UsageError, match="a folder; give the name of a file"):
        check_target(tmp_path)
    with pytest.raises(UsageError, match="no ordinary file"):
        check_target(type(path)("/dev/null"))
