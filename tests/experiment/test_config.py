"""A config.yaml gives the knobs that differ, and problems come with their lines."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.experiment.config import Config, read_config
from greenbench.experiment.knob_rules import COMPILED
from greenbench.experiment.texts import did_you_mean, read_text
from greenbench.options import (
    STAGES,
    DataOptions,
    Options,
    SystemOptions,
    TrainingOptions,
    differences,
    knobs,
)

REPO = Path(__file__).resolve().parents[2]
FOLDERS = sorted(p for p in (REPO / "variants").iterdir() if p.is_dir())


def config_of(folder: Path, text: str | bytes) -> Config:
    """Read ``text`` as the config.yaml of ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_config(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a folder that a test may make."""
    return tmp_path / "variants" / "V8_new"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "{}\n", "\ufeff# with a byte order mark\n"]
)
def test_a_config_that_sets_nothing_is_the_baseline(folder: Path, text: str) -> None:
    """An empty file, or one of comments, changes nothing."""
    assert config_of(folder, text) == Config(options=Options(), sweep={}, changes={})


def test_a_missing_config_is_the_baseline(folder: Path) -> None:
    """A folder without config.yaml reads like one with an empty file."""
    folder.mkdir(parents=True)
    assert read_config(folder) == Config(options=Options(), sweep={}, changes={})


def test_knobs_reach_their_options(folder: Path) -> None:
    """Each value has its knob's type, and all other knobs keep the baseline's value."""
    config = config_of(
        folder, "training:\n  finetune: false\n  precision: bf16\nsystem: {gpu_power_fraction: 1}\n"
    )
    expected = replace(
        Options(),
        training=TrainingOptions(finetune=False, precision="bf16"),
        system=SystemOptions(gpu_power_fraction=1.0),
    )
    assert config == Config(options=expected, sweep={}, changes={"training": 2, "system": 4})
    assert isinstance(config.options.system.gpu_power_fraction, float)


def test_a_list_is_a_sweep_and_leaves_the_baselines_value(folder: Path) -> None:
    """``sweep`` has the values in the file's order; the options keep the baseline's value."""
    config = config_of(folder, "data:\n  tokenizer: rust\n  batch_size: [64, 16, 32]\n")
    assert config.sweep == {"data.batch_size": (64, 16, 32)}
    assert config.options == replace(Options(), data=DataOptions(tokenizer="rust"))
    assert config.problems == ()


def test_a_sweep_alone_changes_its_stage(folder: Path) -> None:
    """A stage counts as changed although the options equal the baseline."""
    assert config_of(folder, "data:\n  batch_size:\n  - 16\n  - 32\n").changes == {"data": 2}


ONE_PROBLEM = {
    "unknown stage": (
        "trainig:\n  precision: bf16\n",
        1,
        "there is no stage 'trainig'; there are: data, architecture",
    ),
    "unknown stage, hint": ("trainig:\n  precision: bf16\n", 1, "did you mean 'training'?"),
    "knob without its stage": (
        "batch_size: 16\n",
        1,
        "batch_size is a knob of data: indent it under 'data:'",
    ),
    "unknown knob": (
        "training:\n  precison: bf16\n",
        2,
        (
            "training has no 'precison'; it has: finetune, optimizer, precision, "
            "accumulation_steps, compile, gradient_checkpointing, frozen_layers, target_score, "
            "score_every; did you mean 'precision'?"
        ),
    ),
    "knob of another stage": (
        "training:\n  skip_layers: 0.5\n",
        2,
        "skip_layers is a knob of inference",
    ),
    "wrong value": (
        "training:\n  precision: bf17\n",
        2,
        (
            "training.precision cannot be 'bf17'; allowed: fp32, bf16, fp16, auto; "
            "did you mean 'bf16'?"
        ),
    ),
    "text for a number": (
        "data:\n\n  batch_size: '16'\n",
        3,
        "data.batch_size cannot be '16'; allowed: a whole number from 1",
    ),
    "fraction for a count": (
        "data: {batch_size: 16.5}\n",
        1,
        "cannot be 16.5; allowed: a whole number from 1",
    ),
    "boolean for a number": ("data: {batch_size: true}\n", 1, "data.batch_size cannot be true;"),
    "number for a boolean": (
        "training: {finetune: 0}\n",
        1,
        "training.finetune cannot be 0; allowed: true or false",
    ),
    "null where none may be": ("data:\n  batch_size:\n", 2, "data.batch_size cannot be null;"),
    "out of range": (
        "system:\n  gpu_power_fraction: 1.5\n",
        2,
        "cannot be 1.5; allowed: a number above 0 and up to 1, or null",
    ),
    "at the open end": (
        "inference: {skip_layers: 1}\n",
        1,
        "cannot be 1; allowed: a number from 0 and below 1",
    ),
    "a number beyond all bounds": (
        f"system: {{gpu_power_w: {10**400}}}\n",
        1,
        "allowed: a number above 0, or null",
    ),
    "a count beyond all bounds": (
        f"training: {{accumulation_steps: {10**400}}}\n",
        1,
        "allowed: a whole number from 1",
    ),
    "an infinite number": (
        "system: {gpu_power_w: .inf}\n",
        1,
        "system.gpu_power_w cannot be Infinity; allowed: a number above 0, or null",
    ),
    "not a number": ("inference: {skip_layers: .nan}\n", 1, "inference.skip_layers cannot be NaN;"),
    "no rule": (
        "inference: {layer_choice: botom}\n",
        1,
        "deepest, top, bottom, alternate, influence, or layers like 3,4",
    ),
    "one limit twice": (
        "system:\n  gpu_power_fraction: 0.7\n  gpu_power_w: 300.0\n",
        3,
        "gpu_power_w and gpu_power_fraction set the same limit; keep one",
    ),
    "no list of processors": (
        "system: {cpu_affinity: all}\n",
        1,
        "cannot be 'all'; allowed: processors like 0-3,8, or null",
    ),
    "no governor": (
        "system: {cpu_governor: Fast!}\n",
        1,
        "allowed: a governor that the kernel has, like powersave, or null",
    ),
    "a rule without a fraction": (
        "inference: {layer_choice: top}\n",
        1,
        "picks nothing while skip_layers is 0; set the fraction",
    ),
    "layers and a fraction": (
        "inference: {skip_layers: 0.2, layer_choice: '1,2'}\n",
        1,
        "names the layers 1,2 itself; remove",
    ),
    "healing of a whole model": (
        "inference: {healing: 0.5}\n",
        1,
        "has nothing to heal while skip_layers is 0; set the fraction",
    ),
    "healing without training": (
        "training: {finetune: false}\ninference: {skip_layers: 0.2, healing: 0.5}\n",
        2,
        "healing trains on after training, and training.finetune is false",
    ),
    "exits without a confidence": (
        "inference: {exit_layers: '3'}\n",
        1,
        "does nothing while exit_confidence is null",
    ),
    "a batch size of its own that is the other": (
        "data: {batch_size: 16}\ninference: {batch_size: 16}\n",
        2,
        "inference.batch_size is data.batch_size, 16, already; remove it",
    ),
    "a library without a format": (
        "architecture: {quantizer: torchao}\n",
        1,
        "does nothing while weight_format is fp32",
    ),
    "a threshold without INT8": (
        "architecture: {weight_format: [int8, nf4], int8_threshold: 0}\n",
        1,
        "int8_threshold does nothing while weight_format is nf4; set int8 there",
    ),
    "flash attention in FP32": (
        "architecture: {attention: flash}\ntraining: {precision: bf16}\n",
        1,
        "flash needs bf16 or fp16, set inference.precision",
    ),
    "an engine that has no autocast": (
        "inference: {engine: onnx, precision: bf16}\n",
        1,
        "inference.engine onnx takes fp32 for inference.precision, found bf16",
    ),
    "an engine that is no library's": (
        "inference: {engine: compile}\narchitecture: {weight_format: int8}\n",
        1,
        "inference.engine compile takes fp32 or fp8 for architecture.weight_format",
    ),
    "a compiled training beside hooks": (
        "training:\n  frozen_layers: 0.5\n  compile: true\n",
        3,
        "training.compile takes 0.0 for training.frozen_layers, found 0.5",
    ),
    "a rule of a fraction swept from 0": (
        "inference:\n  skip_layers: [0.0, 0.5]\n  layer_choice: top\n",
        3,
        "picks nothing while skip_layers is 0",
    ),
    "a date": (
        "training: {precision: 2026-11-23}\n",
        1,
        'training.precision cannot be "2026-11-23"',
    ),
    "an impossible date": (
        "training: {precision: 2026-13-99}\n",
        1,
        "training.precision cannot be '2026-13-99'",
    ),
    "a tag that does not fit": (
        "data: {batch_size: !!int many}\n",
        1,
        "data.batch_size cannot be 'many'",
    ),
    "an object": (
        "data: {batch_size: !!python/object:os.system ls}\n",
        1,
        "data.batch_size cannot be 'ls'",
    ),
    "a mapping for a value": (
        "data:\n  batch_size: {a: 1}\n",
        2,
        "or a flat list of such values to sweep",
    ),
    "a nested list": ("data:\n  batch_size: [[16]]\n", 2, "or a flat list of such values to sweep"),
    "an alias to itself": (
        "data: &a\n  batch_size: *a\n",
        1,
        "or a flat list of such values to sweep",
    ),
    "wrong value in a sweep": (
        "data:\n  batch_size:\n  - 16\n  - 0\n",
        4,
        "data.batch_size cannot be 0;",
    ),
    "empty sweep": ("data:\n  batch_size: []\n", 2, "data.batch_size is an empty list"),
    "repeated value": (
        "data:\n  batch_size: [16, 8, 16]\n",
        2,
        "data.batch_size lists 16 more than once",
    ),
    "baseline restated": (
        "data:\n  tokenizer: rust\n  batch_size: 32\n",
        3,
        (
            "data.batch_size is 32 in the baseline already; config.yaml holds only what differs: "
            "remove the line"
        ),
    ),
    "baseline restated as a whole number": (
        "inference: {skip_layers: 0}\n",
        1,
        "is 0.0 in the baseline already",
    ),
    "null restated": (
        "system: {cpu_threads: null}\n",
        1,
        "system.cpu_threads is null in the baseline already",
    ),
    "sweep over the baseline alone": (
        "data: {batch_size: [32]}\n",
        1,
        "data.batch_size is 32 in the baseline",
    ),
    "stage without knobs": ("data:\n", 1, "data names no knob; it has: tokenizer, batch_size"),
    "stage with an empty mapping": ("data: {}\n", 1, "data names no knob"),
    "stage with a value": ("data: rust\n", 1, "data names no knob"),
    "stage with a list": ("data: [rust]\n", 1, "data names no knob"),
    "key twice": (
        "data:\n  tokenizer: rust\n  tokenizer: rust\n",
        3,
        "data.tokenizer is already set on line 2; keep one of the two",
    ),
    "stage twice": (
        "data: {tokenizer: rust}\ntraining: {optimizer: sgd}\ndata: {batch_size: 8}\n",
        3,
        "data is already set on line 1",
    ),
    "a key that is a list": ("? [data]\n: 1\n", 1, "there is no stage 'a list or mapping'"),
    "a list": (
        "- data\n",
        1,
        "must be a mapping of stages to knobs; stages: data, architecture, training",
    ),
    "a word": ("\nbaseline\n", 2, "must be a mapping of stages to knobs"),
    "broken YAML": ("data:\n  tokenizer: [rust\ntraining: 1\n", 3, "not valid YAML: "),
    "a tab": ("data:\n\ttokenizer: rust\n", 2, "not valid YAML: "),
    "two documents": (
        "data: {tokenizer: rust}\n---\ndata: {batch_size: 8}\n",
        2,
        "not valid YAML: ",
    ),
    "unknown alias": ("data: *other\n", 1, "not valid YAML: "),
    "control character": ("data:\n  tokenizer: \x07\n", 2, "not valid YAML: "),
    "not UTF-8": (
        b"data:\n  tokenizer: r\xfcst\n",
        2,
        "byte 0xfc is not UTF-8; save the file as UTF-8",
    ),
    "uneven micro-batches": (
        "training:\n  accumulation_steps: 3\n",
        2,
        "training.accumulation_steps 3 does not divide data.batch_size 32; choose a divisor of 32",
    ),
    "uneven micro-batches in a sweep": (
        "data: {batch_size: [16, 30]}\ntraining: {accumulation_steps: 4}\n",
        2,
        "training.accumulation_steps 4 does not divide data.batch_size 30",
    ),
    "processes with a knob of one": (
        "system:\n  processes: 2\n  cpu_threads: 1\n",
        2,
        "system.processes 2 and cpu_threads, which is of one process, contradict each other",
    ),
    "processes that train nothing": (
        "training: {finetune: false}\nsystem: {processes: 2}\n",
        2,
        "system.processes trains together, and finetune is false",
    ),
    "batches that processes cannot share": (
        "data: {batch_size: [16, 12]}\nsystem: {processes: 8}\n",
        2,
        "system.processes 8 cannot share micro-batches of 12 examples evenly",
    ),
    "a node and processors": (
        "system:\n  numa_node: 1\n  cpu_affinity: '0'\n",
        2,
        "system.numa_node and cpu_affinity both say which processors are used",
    ),
}


@pytest.mark.parametrize(("text", "line", "sentence"), ONE_PROBLEM.values(), ids=ONE_PROBLEM.keys())
def test_a_problem_is_named_with_its_line(
    folder: Path, text: str | bytes, line: int, sentence: str
) -> None:
    """Each mistake gives one sentence that starts with file and line."""
    (problem,) = config_of(folder, text).problems
    assert problem.startswith(f"variants/V8_new/config.yaml:{line}: ")
    assert sentence in problem
    assert "\n" not in problem


def test_all_problems_of_a_file_come_together(folder: Path) -> None:
    """One reading finds every problem, and still gives the values that are right."""
    config = config_of(
        folder, "data:\n  tokenizer: rust\n  batch_size: 0\ntraining:\n  precison: bf16\nsytem: 1\n"
    )
    assert [p.split(":")[1] for p in config.problems] == ["3", "5", "6"]
    assert config.changes == {"data": 2}


def test_a_config_that_cannot_be_opened_is_a_problem(folder: Path) -> None:
    """A directory or a dangling link in place of the file is a problem."""
    (folder / "config.yaml").mkdir(parents=True)
    assert "cannot be read" in read_config(folder).problems[0]
    (folder / "config.yaml").rmdir()
    (folder / "config.yaml").symlink_to(folder / "gone.yaml")
    assert "cannot be read (No such file or directory)" in read_config(folder).problems[0]


def test_deep_nesting_is_a_problem(folder: Path) -> None:
    """A file that exhausts the parser is refused like any other broken one."""
    (problem,) = config_of(folder, "[" * 600).problems  # its time grows with the square
    assert "not valid YAML: nested too deeply" in problem


VALUES = {
    "data.tokenizer": st.just("rust"),
    "data.batch_size": st.integers(1, 512)
    .map(lambda n: 8 * n)
    .filter(lambda n: n != Options().data.batch_size),
    "data.batching": st.sampled_from(["bucketed", "packed"]),
    "data.padding": st.just("fixed"),
    "data.max_length": st.integers(1, 9999),
    "data.workers": st.integers(1, 9),
    "data.pin_memory": st.just(value=True),
    "architecture.weight_format": st.sampled_from(["int8", "fp8", "auto"]),
    "architecture.quantizer": st.sampled_from(["bitsandbytes", "torchao"]),
    "architecture.adapter": st.sampled_from(["lora", "qlora"]),
    "architecture.lora_rank": st.sampled_from([1, 4, 64]),
    "architecture.lora_alpha": st.floats(0.5, 8),
    "architecture.lora_targets": st.sampled_from(["Wqkv", "q_proj,v_proj"]),
    "architecture.prune_layers": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "architecture.prune_choice": st.sampled_from(["deepest", "bottom", "influence"]),
    "architecture.int8_threshold": st.floats(0, 5),
    "architecture.attention": st.just("eager"),
    "training.finetune": st.just(value=False),
    "training.optimizer": st.sampled_from(["sgd", "adamw_fused", "adamw_8bit"]),
    "training.precision": st.sampled_from(["bf16", "fp16", "auto"]),
    "training.compile": st.just(value=True),
    "training.gradient_checkpointing": st.just(value=True),
    "training.target_score": st.floats(0, 1, exclude_min=True),
    "training.score_every": st.sampled_from([1, 5, 100]),
    "training.frozen_layers": st.floats(0, 1, exclude_min=True),
    "training.accumulation_steps": st.sampled_from([2, 4, 8]),
    "system.gpu_power_fraction": st.floats(0, 1, exclude_min=True),
    "system.gpu_clock_fraction": st.floats(0, 1, exclude_min=True),
    "system.gpu_power_w": st.floats(1, 1000),
    "system.gpu_memory_clock_fraction": st.floats(0, 1, exclude_min=True),
    "system.cpu_power_fraction": st.floats(0, 1, exclude_min=True),
    "system.cpu_clock_fraction": st.floats(0, 1, exclude_min=True),
    "system.cpu_governor": st.sampled_from(["powersave", "performance"]),
    "system.cpu_threads": st.integers(1, 1024),
    "system.cpu_affinity": st.sampled_from(["0", "0-3", "1,3-5"]),
    "system.processes": st.just(1),
    "system.numa_node": st.integers(0, 7),
    "inference.skip_layers": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "inference.layer_choice": st.sampled_from(["deepest", "top", "bottom", "alternate"]),
    "inference.engine": st.sampled_from(["onnx", "vllm"]),
    "inference.precision": st.sampled_from(["bf16", "fp16"]),
    "inference.healing": st.floats(0, 2, exclude_min=True),
    "inference.batch_size": st.integers(1, 1024).filter(lambda size: size not in {16, 32, 64}),
    "inference.exit_confidence": st.floats(0.5, 1, exclude_min=True),
    "inference.exit_layers": st.sampled_from(["3", "1,3"]),
    "inference.cache": st.just("static"),
    "inference.draft": st.sampled_from(["prompt", "smaller"]),
}
BESIDE = {
    "architecture.quantizer": "architecture.weight_format",
    "architecture.int8_threshold": "architecture.weight_format",
    "inference.layer_choice": "inference.skip_layers",
    "architecture.prune_choice": "architecture.prune_layers",
    "architecture.lora_rank": "architecture.adapter",
    "architecture.lora_alpha": "architecture.adapter",
    "architecture.lora_targets": "architecture.adapter",
    "training.score_every": "training.target_score",
    "inference.healing": "inference.skip_layers",
    "inference.exit_layers": "inference.exit_confidence",
}
"""Knobs that act only beside another one."""
KEPT_APART = {
    "system.gpu_power_w": {"system.gpu_power_fraction"},
    "system.cpu_affinity": {"system.numa_node"},
    "inference.healing": {"training.finetune", "system.processes"},
    "data.workers": {"system.processes"},
    "data.batching": {
        "data.batch_size",
        "inference.batch_size",
        "data.padding",
        "architecture.attention",
        "inference.engine",
        "inference.exit_confidence",
    },
    "training.compile": {*COMPILED},
}
"""Knobs that some values of others contradict."""


def test_the_values_below_cover_every_knob() -> None:
    """The round trip below tests every knob that there is."""
    assert VALUES.keys() == {f"{s}.{k}" for s in STAGES for k in knobs(s)}


def settle_batch_sizes(chosen: dict[str, object]) -> None:
    """Change what contradicts itself: a size that is set twice, guesses for several texts."""
    if chosen.get("inference.batch_size") == chosen.get("data.batch_size"):
        chosen.pop("inference.batch_size", None)
    if "inference.draft" in chosen:
        chosen["inference.batch_size"] = 1
        chosen.pop("inference.cache", None)
        if chosen.get("data.batch_size") == 1:
            del chosen["data.batch_size"]


@settings(deadline=None)
@given(chosen=st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_written_is_what_differs(
    tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, object]
) -> None:
    """For any set of knobs off the baseline, the options' differences are the file's content."""
    chosen = {k: v for k, v in chosen.items() if BESIDE.get(k, k) in chosen}
    if "training.finetune" in chosen:
        chosen = {k: v for k, v in chosen.items() if "lora" not in k and "adapter" not in k}
    foreign = {chosen.get("architecture.weight_format"), chosen.get("architecture.quantizer")}
    if chosen.get("inference.engine") == "onnx":
        for knob in ("weight_format", "quantizer", "int8_threshold"):
            chosen.pop(f"architecture.{knob}", None)
        for knob in ("precision", "exit_confidence", "exit_layers"):
            chosen.pop(f"inference.{knob}", None)
    if foreign & {"fp8", "torchao"}:
        chosen.pop("architecture.int8_threshold", None)
    settle_batch_sizes(chosen)
    for knob, others in KEPT_APART.items():
        if others & chosen.keys():
            chosen.pop(knob, None)
    tree: dict[str, dict[str, object]] = {}
    for knob, value in chosen.items():
        stage, name = knob.split(".")
        tree.setdefault(stage, {})[name] = value
    config = config_of(tmp_path_factory.mktemp("any") / "V8_new", yaml.safe_dump(tree))
    assert config.problems == ()
    assert {d.knob: d.here for d in differences(config.options)} == chosen
    assert config.changes.keys() == tree.keys()


@settings(deadline=None)
@given(text=st.text(st.sampled_from("data: batch_size\n \t[]{}-#'\"?&*!|>%@`,0\0\xff")))
def test_any_text_is_options_or_problems(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Reading any bytes ends with options or with problems."""
    config = config_of(tmp_path_factory.mktemp("any") / "V8_new", text.encode("latin-1"))
    assert config.problems or not config.changes


def test_read_text_names_the_line_of_the_bad_byte(tmp_path: Path) -> None:
    """The error starts with the given name and the line."""
    path = tmp_path / "x.md"
    path.write_bytes(b"one\ntwo\n\xff")
    with pytest.raises(UsageError, match=r"^here\.md:3: byte 0xff is not UTF-8"):
        read_text(path, "here.md")


def test_did_you_mean_is_silent_without_a_close_word() -> None:
    """A word that resembles none gets no suggestion."""
    assert did_you_mean("zzz", ["data", "training"]) == ""
    assert did_you_mean("dat", ["data", "training"]) == "; did you mean 'data'?"


def run_script(script: Path, *arguments: str, cwd: Path) -> list[str]:
    """Return the arguments that ``script`` hands to Python."""
    stub = cwd / "python stub"
    stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    environment = {"PYTHON": str(stub), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(
        [script, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return answer.stdout.splitlines()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_a_script_selects_its_own_variant(folder: Path, tmp_path: Path) -> None:
    """Each run.sh benchmarks its own folder and passes its arguments on to pytest."""
    expected = [
        "-m",
        "pytest",
        f"{REPO}/bench",
        f"--rootdir={REPO}",
        "-c",
        f"{REPO}/pyproject.toml",
        "-k",
        folder.name,
    ]
    assert run_script(folder / "run.sh", cwd=tmp_path) == expected
    assert run_script(folder / "run.sh", "--green-rounds", "2", "a b", cwd=tmp_path) == [
        *expected,
        "--green-rounds",
        "2",
        "a b",
    ]


@pytest.mark.parametrize("arguments", [("-k", "T2 or T1"), ("-kT2 or T1",)])
def test_a_k_narrows_the_scripts_selection(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Pytest would let the last -k win and run other variants; the script joins the two."""
    passed_on = run_script(FOLDERS[0] / "run.sh", *arguments, "-x", cwd=tmp_path)
    assert passed_on[-3:] == ["-k", f"{FOLDERS[0].name} and (T2 or T1)", "-x"]


def test_a_script_works_through_links_and_spaces(tmp_path: Path) -> None:
    """A script finds its repository through a link and with a space in the path."""
    folder = tmp_path / "my repo" / "variants" / "V9_copied"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_bytes((FOLDERS[0] / "run.sh").read_bytes())
    (folder / "run.sh").chmod(0o755)
    shutil.copy(REPO / "variants" / "run", folder.parent)
    link = tmp_path / "go"
    link.symlink_to(folder / "run.sh")
    arguments = run_script(link, cwd=tmp_path)
    assert arguments[2] == str((tmp_path / "my repo" / "bench").resolve())
    assert arguments[-1] == "V9_copied"


def test_the_scripts_are_one_text() -> None:
    """The run.sh of all variants are the same."""
    assert len({(f / "run.sh").read_bytes() for f in FOLDERS}) == 1
