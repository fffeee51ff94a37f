"""``greenbench new`` makes a variant that passes ``greenbench check``, or says in a sentence why not and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from greenbench.cli import main
from greenbench.errors import UsageError
from greenbench.experiment import matrix, new_variant

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Give a copy of the project's own experiment."""
    shutil.copy(ROOT / "experiment.md", tmp_path)
    shutil.copytree(ROOT / "variants", tmp_path / "variants")
    return tmp_path


def state(root: Path) -> dict[str, bytes]:
    """Return every file below ``root``."""
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def new(root: Path, *arguments: str) -> int:
    """Run the command."""
    return main(["new", *arguments, "--in", str(root)])


def test_the_promised_command_makes_what_it_promises(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folder, row, checklist and changelog; check passes, list shows it, and nothing else has changed."""
    before = state(here)
    assert new(here, "V8_arch_system", "--from", "V4", "--set", "system.cpu_threads=1") == 0
    said = capsys.readouterr().out
    assert "system.cpu_threads: the machine's own -> 1" in said
    assert 'pytest bench -k "V0_ or V8_arch_system"' in said
    after = state(here)
    assert {n for n in after if before.get(n) != after[n]} == {
        "experiment.md",
        *(f"variants/V8_arch_system/{n}" for n in ("config.yaml", "README.md", "run.sh")),
    }
    assert os.access(here / "variants/V8_arch_system/run.sh", os.X_OK)
    config = yaml.safe_load(after["variants/V8_arch_system/config.yaml"])
    assert config == {"architecture": {"weight_format": "auto"}, "system": {"cpu_threads": 1}}
    readme = after["variants/V8_arch_system/README.md"].decode()
    assert "| `system.cpu_threads` | the machine's own | 1 |" in readme
    assert (
        "| Arch system | `V8_arch_system` | - | **INT8 / FP8 quantisation** | - | `cpu_threads` 1 | - |"
        in after["experiment.md"].decode()
    )
    assert main(["check", str(here)]) == 0
    assert main(["list", "--json", str(here)]) == 0
    listed = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (listed[-1]["variant"], listed[-1]["stages"]) == (
        "V8_arch_system",
        ["architecture", "system"],
    )


def test_a_value_of_the_baseline_turns_a_knob_off_again(here: Path) -> None:
    """From all-optimised, without skipping layers and with a sweep."""
    assert (
        new(
            here,
            "V8_x",
            "--from",
            "V7",
            "--set",
            "inference.skip_layers=0",
            "--set",
            "data.batch_size=[16,64]",
        )
        == 0
    )
    made = matrix.load(here / "experiment.md", here / "variants").variants[-1]
    assert made.options.inference.skip_layers == 0
    assert made.sweep == {"data.batch_size": (16, 64)}
    assert made.options.training.accumulation_steps == 4


def test_titles_and_layers_are_taken_as_they_are_typed(here: Path) -> None:
    """A bar in a title is escaped, and 3,4 is a list of layers."""
    assert new(here, "V8_x", "--title", "A | B", "--set", "inference.layer_choice=1,2") == 0
    made = matrix.load(here / "experiment.md", here / "variants").variants[-1]
    assert (made.title, made.options.inference.layer_choice) == ("A | B", "1,2")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("V8_x",), "V8_x would be a copy of V0_baseline; set what differs"),
        (("V8_x", "--from", "V4"), "V8_x would be a copy of V4_architecture"),
        (
            ("V8_x", "--from", "V44"),
            "--from V44: there is no such variant; there are V0_baseline, V1_data",
        ),
        (
            ("V4_other", "--set", "system.cpu_threads=1"),
            "V4 is V4_architecture already; take the next free number, V8_other",
        ),
        (
            ("fast one", "--set", "system.cpu_threads=1"),
            "'fast one' is not a variant's name; it is V<number>_<name>, like V8_fast",
        ),
        (
            ("V8_" + "x" * 300, "--set", "system.cpu_threads=1"),
            "is not a variant's name; it is V<number>_<name>, like V8_xxx",
        ),
        (
            ("V8_x", "--set", "system.cpu_thread=1"),
            "--set system.cpu_thread=1: system has no 'cpu_thread'; it has: ",
        ),
        (("V8_x", "--set", "sys.cpu_threads=1"), "there is no stage 'sys'; there are: data,"),
        (
            ("V8_x", "--set", "system.cpu_threads=many"),
            "system.cpu_threads cannot be 'many'; allowed: a whole number from 1",
        ),
        (
            ("V8_x", "--set", "system.cpu_threads="),
            "it gives no value; allowed: a whole number from 1, or null",
        ),
        (
            ("V8_x", "--set", "system.cpu_threads"),
            "write stage.knob=value, like system.cpu_threads=1",
        ),
        (
            ("V8_x", "--set", "training.accumulation_steps=5"),
            "accumulation_steps 5 does not divide data.batch_size 32",
        ),
        (
            ("V8_x", "--set", "architecture.quantizer=torchao"),
            "does nothing while weight_format is fp32",
        ),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence_and_changes_nothing(
    arguments: tuple[str, ...], sentence: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line, no traceback."""
    before = state(here)
    assert new(here, *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("greenbench new: ")
    assert sentence in said
    assert said.count("\n") == 1
    assert state(here) == before


def test_an_experiment_at_odds_with_itself_is_mended_first(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What check would say is said, and nothing is made."""
    shutil.rmtree(here / "variants/V5_data_training")
    before = state(here)
    assert new(here, "V8_x", "--set", "system.cpu_threads=1") == 2
    assert "V5_data_training has no folder" in capsys.readouterr().err
    assert state(here) == before


def test_a_move_that_fails_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where experiment.md cannot be replaced, the folder goes again."""
    before = state(here)

    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied", "experiment.md")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UsageError, match=r"experiment.md: Permission denied; nothing has changed"):
        new_variant.make(here, "V8_x", origin="V0", settings=["system.cpu_threads=1"], title=None)
    assert state(here) == before
    assert [
        p for p in (*here.iterdir(), *(here / "variants").iterdir()) if p.name.startswith(".")
    ] == []


def test_what_is_there_already_is_nobodys_to_remove(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file or a link of that name stays."""
    (here / "variants/V8_x").symlink_to("nowhere")
    assert new(here, "V8_x", "--set", "system.cpu_threads=1") == 2
    assert "V8_x exists already, and is not a variant; move it away" in capsys.readouterr().err
    assert (here / "variants/V8_x").is_symlink()


@pytest.mark.parametrize("faster", ["a folder", "an edit"])
def test_who_was_faster_keeps_everything(
    faster: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session's folder of the same name, or another's edit of experiment.md, is neither removed nor overwritten."""
    attempt = new_variant._validate

    def meanwhile(tried: Path) -> None:
        attempt(tried)
        if faster == "a folder":
            (here / "variants/V8_x").mkdir()
            (here / "variants/V8_x/results.txt").write_text("mine")
        else:
            with (here / "experiment.md").open("a") as file:
                file.write("\nedited\n")

    monkeypatch.setattr(new_variant, "_validate", meanwhile)
    with pytest.raises(UsageError, match="nothing has changed"):
        new_variant.make(here, "V8_x", origin="V0", settings=["system.cpu_threads=1"], title=None)
    if faster == "a folder":
        assert (here / "variants/V8_x/results.txt").read_text() == "mine"
    else:
        assert (here / "experiment.md").read_text().endswith("\nedited\n")
        assert not (here / "variants/V8_x").exists()


def test_titles_are_one_line_and_a_layer_is_a_layer(here: Path) -> None:
    """Line ends in a title are spaces; a single layer needs no quotes."""
    assert new(here, "V8_x", "--title", "A\n B", "--set", "inference.layer_choice=2") == 0
    made = matrix.load(here / "experiment.md", here / "variants").variants[-1]
    assert (made.title, made.options.inference.layer_choice) == ("A B", "2")


def test_a_file_edited_by_hand_keeps_its_bytes(here: Path) -> None:
    """A byte order mark, Windows' line endings, an extra column and comments survive."""
    text = (
        (here / "experiment.md")
        .read_text("utf-8")
        .replace("| Variant | Folder |", "| Owner | Variant | Folder |", 1)
    )
    rows = [
        f"| Ada {line}" if "| `V" in line and line.count("|") == 8 else line
        for line in text.split("\n")
    ]
    rows = ["|---" + line if line == "|---|---|---|---|---|---|---|" else line for line in rows]
    written = ("\ufeff<!-- ours -->\n" + "\n".join(rows)).replace("\n", "\r\n").encode()
    (here / "experiment.md").write_bytes(written)
    assert new(here, "V8_x", "--set", "system.cpu_threads=1") == 0
    found = (here / "experiment.md").read_bytes()
    assert found.startswith("\ufeff<!-- ours -->\r\n".encode())
    assert b"\r\n|  | X | `V8_x` | - | - | - | `cpu_threads` 1 | - |\r\n" in found
    assert set(written.split(b"\r\n")) <= set(found.split(b"\r\n"))
    assert main(["check", str(here)]) == 0
