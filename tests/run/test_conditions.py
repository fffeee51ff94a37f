"""What must be the same for a session to be continued, and how a difference is named."""

from __future__ import annotations

import copy
import subprocess
from typing import TYPE_CHECKING

import pytest

from greenbench.machine.environment import changes_sha256
from greenbench.run.conditions import changed, conditions
from tests.run.test_session import session

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = {
    "host": "node1",
    "packages": {"torch": "2.11.0"},
    "git": {"commit": "a" * 40},
    "gpus": [{"uuid": "GPU-1", "driver": "580.1", "temperature_c": 40}],
}


def stated(root: Path, **options: str) -> dict:
    """Return the conditions of a session over the project's matrix, with V0 and V2 selected."""
    one = session(root, **options)
    cells = [one.cells("T2")[0], *(c for c in one.cells("T2") if c.variant == "V2_training")]
    return conditions(one.settings, cells, root, [])


def test_options_about_results_alone_may_differ(tmp_path: Path) -> None:
    """A gate, or more to print, changes nothing that was measured."""
    plain = stated(tmp_path)
    gated = stated(tmp_path, gate=["energy <= 1*V0"], verbose=True, results="elsewhere")
    assert changed(plain, MACHINE, gated, MACHINE) == ""


def test_a_changed_option_is_named_with_both_values(tmp_path: Path) -> None:
    """Of many differences, the sentence has three and counts the others."""
    text = changed(stated(tmp_path), MACHINE, stated(tmp_path, rounds="3"), MACHINE)
    assert text == "--green-rounds was not set and is 3"
    options = {"rounds": "3", "seed": "4", "interleave": "off", "gpus": "none", "device": "cpu"}
    text = changed(stated(tmp_path), MACHINE, stated(tmp_path, **options), MACHINE)
    assert text.endswith("--green-interleave was blocks and is off; and 2 more differ")


def test_knobs_and_cells_are_compared(tmp_path: Path) -> None:
    """A variant that has another knob by now is another variant."""
    before = stated(tmp_path)
    after = copy.deepcopy(before)
    after["cells"]["T2-V2_training"]["training.precision"] = "fp16"
    after["cells"]["T2-V9_new"] = {}
    assert changed(before, MACHINE, after, MACHINE) == (
        "training.precision of T2-V2_training was bf16 and is fp16; "
        "T2-V9_new was not selected and is"
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"host": "node2"}, "host was node1 and is node2"),
        ({"packages": {"torch": "2.12.0"}}, "packages torch was 2.11.0 and is 2.12.0"),
        ({"git": {"commit": "b" * 40}}, f"the commit was {'a' * 40} and is {'b' * 40}"),
        (
            {"gpus": [{"uuid": "GPU-1", "driver": "590", "temperature_c": 40}]},
            "driver of GPU 0 was 580.1 and is 590",
        ),
        ({"gpus": [{"uuid": "GPU-1", "driver": "580.1", "temperature_c": 70}]}, ""),
    ],
)
def test_the_machine_is_compared_by_what_lasts(tmp_path: Path, change: dict, text: str) -> None:
    """Host, versions, commit and cards count; a temperature does not."""
    same = stated(tmp_path)
    assert changed(same, MACHINE, same, {**MACHINE, **change}) == text


def test_sources_and_uncommitted_changes_count(tmp_path: Path) -> None:
    """A test that was edited, or a tracked file that was, is other code."""
    one = session(tmp_path)
    file = tmp_path / "test_a.py"
    file.write_text("a = 1\n")
    before = conditions(one.settings, [], tmp_path, [file])
    file.write_text("a = 2\n")
    after = conditions(one.settings, [], tmp_path, [file])
    assert changed(before, MACHINE, after, MACHINE) == (
        "files of greenbench or of the suite were changed"
    )


def test_uncommitted_changes_have_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the difference from the commit; None where there is no commit."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert changes_sha256(tmp_path) is None
    (tmp_path / "a.py").write_text("a = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "a.py"], ["commit", "-q", "-m", "begin"]):
        subprocess.run([*git, *words], check=True)
    clean = changes_sha256(tmp_path)
    (tmp_path / "a.py").write_text("a = 2\n")
    assert clean is not None
    assert changes_sha256(tmp_path) not in {None, clean}
