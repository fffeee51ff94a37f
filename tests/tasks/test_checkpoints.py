"""Where a model comes from: the shipped start, a folder, or the hub; and a sentence where it does not."""

from __future__ import annotations

import json
import shutil
import socket
from typing import TYPE_CHECKING

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from greenbench.errors import UnavailableError, UsageError
from greenbench.tasks.checkpoints import STARTS, Checkpoint, shipped

if TYPE_CHECKING:
    from pathlib import Path

START = "modernbert_tiny"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of the shipped start that may be damaged."""
    names = ("config.json", "tokenizer.json", "model.safetensors")
    folder = tmp_path / "own"
    folder.mkdir()
    for name in names:
        shutil.copy(STARTS / START / name, folder / name)
    return folder


def test_shipped_start_is_found_by_its_name() -> None:
    """It needs no network, and brings the tokenizer and padding id that both tokenizers use."""
    start = Checkpoint("M2", START)
    assert start.folder == STARTS / START
    assert start.tokenizer_file.is_file()
    assert START in shipped()
    vocabulary = json.loads(start.tokenizer_file.read_text("utf-8"))["model"]["vocab"]
    assert vocabulary["[PAD]"] == start.pad_id


def test_shipped_start_loads_whole_in_fp32_with_two_classes() -> None:
    """Every weight of the model stands in the file and is the file's: none is left to chance, none is left over."""
    net, stored = Checkpoint("M2", START).load(), load_file(STARTS / START / "model.safetensors")
    held = net.state_dict()
    assert net.config.num_labels == net.classifier.out_features == 2
    assert {v.dtype for v in held.values()} == {torch.float32}
    assert set(held) == set(stored)
    assert all(torch.equal(held[name], stored[name]) for name in stored)


def test_each_load_is_a_model_of_its_own() -> None:
    """What one cell trains, the next does not see."""
    start = Checkpoint("M2", START)
    first, second = start.load(), start.load()
    torch.nn.init.ones_(first.classifier.weight)
    assert not torch.equal(first.classifier.weight, second.classifier.weight)


def test_local_folder_is_taken(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder made elsewhere works by its path, absolute or from the home folder."""
    assert Checkpoint("M2", str(copy)).folder == copy
    monkeypatch.setenv("HOME", str(copy.parent))
    assert Checkpoint("M2", "~/own").folder == copy


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere/at/all", "~/nowhere", "bert", "a/b/c"])
def test_unknown_folder_is_refused(source: str) -> None:
    """What is no folder and no hub id is called that, with the starts that are shipped; no network is asked."""
    with pytest.raises(UsageError, match=rf"--green-model M2={source}: there is no such folder.*shipped starts: .*{START}"):
        _ = Checkpoint("M2", source).folder


@pytest.mark.parametrize(
    ("gone", "said"),
    [("config.json", "config.json"), ("tokenizer.json", "tokenizer.json"), ("model.safetensors", r"\*.safetensors")],
)
def test_folder_that_lacks_a_file_is_refused(copy: Path, gone: str, said: str) -> None:
    """The sentence names the folder, the file and how to make such a folder."""
    (copy / gone).unlink()
    with pytest.raises(UsageError, match=rf"M2={copy}: the folder lacks {said}; give a folder made by save_pretrained"):
        _ = Checkpoint("M2", str(copy)).folder


def test_all_lacking_files_are_named_at_once(tmp_path: Path) -> None:
    """An empty folder gets one sentence."""
    with pytest.raises(UsageError, match=r"lacks config.json, tokenizer.json, \*.safetensors"):
        _ = Checkpoint("M2", str(tmp_path)).folder


@pytest.mark.parametrize("text", ["{", "[]", '"modernbert"', ""])
def test_broken_configuration_is_refused(copy: Path, text: str) -> None:
    """Half a file or another kind of JSON is called what it is, with its path."""
    (copy / "config.json").write_text(text)
    with pytest.raises(UsageError, match=rf"{copy}/config.json: not a JSON object .*; save the model again"):
        _ = Checkpoint("M2", str(copy)).folder


@pytest.mark.parametrize("config", [{"model_type": "bert"}, {}])
def test_another_kind_of_model_is_refused(copy: Path, config: dict[str, str]) -> None:
    """The sentence says what the folder holds and what the task takes."""
    (copy / "config.json").write_text(json.dumps(config))
    found = repr(config.get("model_type"))
    with pytest.raises(UsageError, match=rf"it holds a {found} model; M2 is a modernbert one"):
        _ = Checkpoint("M2", str(copy)).folder


def test_hub_id_without_network_says_how_to_give_a_local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers and nothing is cached, the sentence names model, revision and option."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "*")
    said = rf"the model owner/name@v1 cannot be had: {address} could not be reached.*--green-model M2=FOLDER"
    with pytest.raises(UnavailableError, match=said):
        _ = Checkpoint("M2", "owner/name", "v1").folder


def test_a_start_is_identified_by_its_weights() -> None:
    """The results say which weights were started from."""
    facts = Checkpoint("M2", "modernbert_tiny").facts
    assert (facts["source"], facts["revision"]) == ("modernbert_tiny", None)
    assert len(str(facts["sha256"])) == 64


def test_a_dot_is_a_folder_and_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the names of shipped starts lead into the package."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"the folder lacks config.json"):
        _ = Checkpoint("M2", ".").folder


def test_a_head_for_other_classes_is_replaced(tmp_path: Path) -> None:
    """A checkpoint that told three classes apart starts anew with two."""
    net = Checkpoint("M2", "modernbert_tiny").load()
    net.config.num_labels = 3
    net.classifier = torch.nn.Linear(net.config.hidden_size, 3)
    net.save_pretrained(tmp_path)
    shutil.copy(STARTS / "modernbert_tiny" / "tokenizer.json", tmp_path)
    assert Checkpoint("M2", str(tmp_path)).load().classifier.out_features == 2
