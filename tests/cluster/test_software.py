"""The code of a checkout, by which machines of a run are compared."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from cluster import made

from greenbench.cluster.software import software_of

if TYPE_CHECKING:
    from pathlib import Path


def test_other_changes_of_a_commit_are_other_software(tmp_path: Path) -> None:
    """Two checkouts of one commit with different edits differ, also in files that git lacks."""
    if shutil.which("git") is None:
        pytest.skip("git lacks")
    root = made.suite(tmp_path / "suite")
    clean = software_of(root)
    assert clean.changes == ""
    experiment = root / "experiment.md"
    text = experiment.read_text()
    (root / "results").mkdir()
    (root / "results" / "V0_x_20260101T000000Z.json").write_text("{}")
    assert clean.differences(software_of(root)) == []
    experiment.write_text(f"{text}\none\n")
    one = software_of(root)
    experiment.write_text(f"{text}\nother\n")
    (difference,) = one.differences(software_of(root))
    assert difference.startswith(f"the commit: {clean.commit} with changes ")
    experiment.write_text(text)
    (root / "variants").mkdir(exist_ok=True)
    (root / "variants" / "own.py").write_text("LIMIT = 1\n")
    untracked = software_of(root)
    assert len(clean.differences(untracked)) == 1
    (root / "variants" / "own.py").write_text("LIMIT = 2\n")
    assert len(untracked.differences(software_of(root))) == 1


def test_without_git_the_files_are_the_code(tmp_path: Path) -> None:
    """Environments and data in the suite's folder are none of it."""
    (tmp_path / "experiment.md").write_text("one")
    before = software_of(tmp_path)
    assert before.commit is None
    (tmp_path / "venv").mkdir()
    for name in ("pyvenv.cfg", "module.py"):
        (tmp_path / "venv" / name).write_text("")
    (tmp_path / "rows.csv").write_text("a\n")
    assert before.differences(software_of(tmp_path)) == []
    (tmp_path / "experiment.md").write_text("other")
    assert len(before.differences(software_of(tmp_path))) == 1
