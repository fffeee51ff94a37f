"""``greenbench new`` makes a variant that passes ``check``, or changes nothing and says why."""

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
    """Return the folder of a copy of this repository's experiment."""
    shutil.copy(ROOT / "experiment.md", tmp_path)
    shutil.copytree(ROOT / "variants", tmp_path / "variants")
    return tmp_path


def test_new_makes_an_a_a_control_if_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that sets nothing passes check, and the list says what it is."""
    assert new(here, "V9_again", "--allow", "same") == 0
    assert "nothing: it is V0 again, an A/A control" in capsys.readouterr().out
    assert main(["check", str(here)]) == 0
    assert main(["list", str(here)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "V9_again" in line]
    assert line.split(maxsplit=1)[1].strip() == "nothing: it is V0 again, an A/A control"


def state(root: Path) -> dict[str, bytes]:
    """Return every file below ``root``."""
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def new(root: Path, *arguments: str) -> int:
    """Run the command."""
    return main(["new", *arguments, "--in", str(root)])


def test_new_makes_a_complete_variant(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folder, row, checklist and changelog are there, check passes, and nothing else changed."""
    before = state(here)
    assert new(here, "V9_arch_system", "--from", "V4", "--set", "system.cpu_threads=1") == 0
    output = capsys.readouterr().out
    assert "system.cpu_threads: the machine's own -> 1" in output
    assert 'pytest bench -k "V0_ or V9_arch_system"' in output
    after = state(here)
    assert {n for n in after if before.get(n) != after[n]} == {
        "experiment.md",
        *(f"variants/V9_arch_system/{n}" for n in ("config.yaml", "README.md", "run.sh")),
    }
    assert os.access(here / "variants/V9_arch_system/run.sh", os.X_OK)
    config = yaml.safe_load(after["variants/V9_arch_system/config.yaml"])
    assert config == {"architecture": {"weight_format": "auto"}, "system": {"cpu_threads": 1}}
    readme = after["variants/V9_arch_system/README.md"].decode()
    assert "| `system.cpu_threads` | the machine's own | 1 |" in readme
    cells = "- | **INT8 / FP8 quantisation** | - | `cpu_threads` 1 | -"
    assert f"| Arch system | `V9_arch_system` | {cells} |" in after["experiment.md"].decode()
    assert main(["check", str(here)]) == 0
    assert main(["list", "--json", str(here)]) == 0
    listed = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (listed[-1]["variant"], listed[-1]["stages"]) == (
        "V9_arch_system",
        ["architecture", "system"],
    )


def test_a_value_of_the_baseline_turns_a_knob_off_again(here: Path) -> None:
    """A variant made from all-optimised can unset a knob, and sweep another one."""
    assert (
        new(
            here,
            "V9_x",
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


def test_titles_and_layers_are_taken_literally(here: Path) -> None:
    """A bar in a title is escaped, and ``1,2`` is a list of layers."""
    assert new(here, "V9_x", "--title", "A | B", "--set", "inference.layer_choice=1,2") == 0
    made = matrix.load(here / "experiment.md", here / "variants").variants[-1]
    assert (made.title, made.options.inference.layer_choice) == ("A | B", "1,2")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("V9_x",), "V9_x would be a copy of V0_baseline; set what differs"),
        (("V9_x", "--from", "V4"), "V9_x would be a copy of V4_architecture"),
        (
            ("V9_x", "--from", "V44"),
            "--from V44: there is no such variant; there are V0_baseline, V1_data",
        ),
        (
            ("V4_other", "--set", "system.cpu_threads=1"),
            "V4 is V4_architecture already; take the next free number, V9_other",
        ),
        (
            ("fast one", "--set", "system.cpu_threads=1"),
            "'fast one' is not a variant's name; it is V<number>_<name>, like V9_fast",
        ),
        (
            ("V9_" + "x" * 300, "--set", "system.cpu_threads=1"),
            "is not a variant's name; it is V<number>_<name>, like V9_xxx",
        ),
        (
            ("V9_x", "--set", "system.cpu_thread=1"),
            "--set system.cpu_thread=1: system has no 'cpu_thread'; it has: ",
        ),
        (("V9_x", "--set", "sys.cpu_threads=1"), "there is no stage 'sys'; there are: data,"),
        (
            ("V9_x", "--set", "system.cpu_threads=many"),
            "system.cpu_threads cannot be 'many'; allowed: a whole number from 1",
        ),
        (
            ("V9_x", "--set", "system.cpu_threads="),
            "it gives no value; allowed: a whole number from 1, or null",
        ),
        (
            ("V9_x", "--set", "system.cpu_threads"),
            "write stage.knob=value, like system.cpu_threads=1",
        ),
        (
            ("V9_x", "--set", "training.accumulation_steps=5"),
            "accumulation_steps 5 does not divide data.batch_size 32",
        ),
        (
            ("V9_x", "--set", "architecture.quantizer=torchao"),
            "does nothing while weight_format is fp32",
        ),
        (
            ("V9_x", "--set", "system.cpu_threads=1", "--title", "caf\udce9"),  # Latin-1
            r"--title 'caf\udce9': it has characters that cannot be shown or are no UTF-8",
        ),
    ],
)
def test_a_refused_variant_is_one_sentence_and_changes_nothing(
    arguments: tuple[str, ...], sentence: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2 and the message one line."""
    before = state(here)
    assert new(here, *arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("greenbench new: ")
    assert sentence in message
    assert message.count("\n") == 1
    assert state(here) == before


def test_an_inconsistent_experiment_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The problems that check finds are printed, and nothing is made."""
    shutil.rmtree(here / "variants/V5_data_training")
    before = state(here)
    assert new(here, "V9_x", "--set", "system.cpu_threads=1") == 2
    assert "V5_data_training has no folder" in capsys.readouterr().err
    assert state(here) == before


def test_a_move_that_fails_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If experiment.md cannot be replaced, the new folder is removed."""
    before = state(here)

    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied", "experiment.md")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UsageError, match=r"experiment.md: Permission denied; nothing has changed"):
        new_variant.make(here, "V9_x", origin="V0", settings=["system.cpu_threads=1"], title=None)
    assert state(here) == before
    assert [
        p for p in (*here.iterdir(), *(here / "variants").iterdir()) if p.name.startswith(".")
    ] == []


def test_an_existing_file_of_that_name_stays(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link with the variant's name is neither replaced nor removed."""
    (here / "variants/V9_x").symlink_to("nowhere")
    assert new(here, "V9_x", "--set", "system.cpu_threads=1") == 2
    assert "V9_x exists already, and is not a variant; move it away" in capsys.readouterr().err
    assert (here / "variants/V9_x").is_symlink()


@pytest.mark.parametrize("faster", ["a folder", "an edit"])
def test_changes_of_others_meanwhile_stay(
    faster: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder or an edit that appears meanwhile is neither removed nor overwritten."""
    attempt = new_variant._validate

    def meanwhile(tried: Path) -> None:
        attempt(tried)
        if faster == "a folder":
            (here / "variants/V9_x").mkdir()
            (here / "variants/V9_x/results.txt").write_text("mine")
        else:
            with (here / "experiment.md").open("a") as file:
                file.write("\nedited\n")

    monkeypatch.setattr(new_variant, "_validate", meanwhile)
    with pytest.raises(UsageError, match="nothing has changed"):
        new_variant.make(here, "V9_x", origin="V0", settings=["system.cpu_threads=1"], title=None)
    if faster == "a folder":
        assert (here / "variants/V9_x/results.txt").read_text() == "mine"
    else:
        assert (here / "experiment.md").read_text().endswith("\nedited\n")
        assert not (here / "variants/V9_x").exists()


def test_titles_are_one_line_and_a_layer_needs_no_quotes(here: Path) -> None:
    """A line end in a title is a space, and ``2`` is a layer."""
    assert new(here, "V9_x", "--title", "A\n B", "--set", "inference.layer_choice=2") == 0
    made = matrix.load(here / "experiment.md", here / "variants").variants[-1]
    assert (made.title, made.options.inference.layer_choice) == ("A B", "2")


def test_a_file_edited_by_hand_keeps_its_bytes(here: Path) -> None:
    """A byte order mark, Windows' line endings, a further column and comments survive."""
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
    assert new(here, "V9_x", "--set", "system.cpu_threads=1") == 0
    found = (here / "experiment.md").read_bytes()
    assert found.startswith("\ufeff<!-- ours -->\r\n".encode())
    assert b"\r\n|  | X | `V9_x` | - | - | - | `cpu_threads` 1 | - |\r\n" in found
    assert set(written.split(b"\r\n")) <= set(found.split(b"\r\n"))
    assert main(["check", str(here)]) == 0
