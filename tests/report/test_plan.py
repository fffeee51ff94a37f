"""The plan: what a run would do and cost, from files and earlier results alone."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import run_record

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import CAUSAL_LM
from greenbench.experiment.profiles import PROFILES
from greenbench.options import DataOptions, Options, TrainingOptions
from greenbench.report import plan, weights
from greenbench.report.plan import TaskPlan
from greenbench.results.forecast import ForecastKey
from greenbench.tasks import BUILT_IN
from greenbench.tasks.dataset import TaskDataset
from greenbench.types import Cell

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.results.reading import RunRecord

KEYS = {"T1": ForecastKey(host="here", device=None, model="m", data="generated")}
SIZE = replace(
    BUILT_IN["T1"].sizes["tiny"],
    sizes=(384, 32, 128),
    learning_rate=3e-3,
    epochs=2,
    max_tokens=160,
    max_new_tokens=100,
)


def cell(variant: str = "V0_baseline", rounds: int = 1, options: Options | None = None) -> Cell:
    """Return a cell of T1."""
    return Cell(
        task="T1",
        variant=variant,
        options=options or Options(),
        profile="tiny",
        seed=0,
        rounds=rounds,
    )


def task_plan(*cells: Cell, model: Checkpoint | None = None, **changed: Any) -> TaskPlan:
    """Return T1 on generated data with a model that does not lie here, but for what is changed."""
    size = replace(SIZE, **{k: v for k, v in changed.items() if hasattr(SIZE, k)})
    data = {"source": "generated", "columns": {}, "sizes": size.sizes, "seed": 0, "direction": None}
    known = TaskDataset(
        task=BUILT_IN["T1"],
        **{**data, **{k: v for k, v in changed.items() if k in {"source", "direction"}}},
    )
    return TaskPlan(
        task="T1",
        size=size,
        data=known,
        model=model or Checkpoint("M1", "owner/name", head=CAUSAL_LM),
        cells=cells or (cell(),),
    )


def planned(*plans: TaskPlan, runs: Any = ()) -> str:
    """Return the plan as one text."""
    return "\n".join(plan.lines(plans, list(runs), KEYS))


def result(variant: str, seconds: float, joules: float | None) -> RunRecord:
    """Return an earlier run of one cell, as its results file has it."""
    sources = {"cpu": "estimated:x" if joules else "none"}
    rounds = [{"seconds": seconds, "energy": {"cpu_j": joules, "sources": sources}}]
    one = {
        "id": f"T1-{variant}",
        "status": "ok",
        "model": "m",
        "data": {"asked": "generated"},
        "rounds": rounds,
    }
    return run_record(one, profile="tiny", environment={"host": "here", "device": "cpu"})


def written_weights(folder: Path, *shapes: list[int]) -> Path:
    """Write the header of a safetensors file with tensors of these shapes, and no numbers."""
    header = {
        f"t{i}": {"dtype": "F32", "shape": s, "data_offsets": [0, 0]} for i, s in enumerate(shapes)
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    return folder


def test_sizes_steps_and_tokens_follow_from_profile_and_options() -> None:
    """Steps are whole batches times epochs; tokens read and written are upper bounds."""
    found = planned(
        task_plan(cell(), cell("V1_data-b64", 3, Options(data=DataOptions(batch_size=64))))
    )
    assert "data generated: 384 / 32 / 128 train / valid / test" in found
    assert (
        "2 epochs, learning rate 0.003, trains on at most 199,680 tokens, "
        "reads at most 20,480, writes at most 12,800" in found
    )
    assert "T1-V0_baseline: 1 round of 24 steps; no earlier result" in found
    assert "T1-V1_data-b64: 3 rounds of 12 steps; no earlier result" in found


def test_a_last_smaller_batch_is_no_step() -> None:
    """As in training, only whole batches count."""
    assert "1 round of 2 steps" in planned(task_plan(sizes=(63, 8, 8)))


def test_a_cell_that_does_not_train_takes_no_steps() -> None:
    """Without fine-tuning there are none."""
    assert "1 round of 0 steps" in planned(
        task_plan(cell(options=Options(training=TrainingOptions(finetune=False))))
    )


def test_one_epoch_and_generated_sizes_by_default() -> None:
    """Where the profile leaves the sizes open they are the generator's; one epoch is not plural."""
    train, valid, test = BUILT_IN["T1"].generated_sizes
    found = planned(task_plan(sizes=None, epochs=1))
    assert f"generated: {train} / {valid} / {test} train" in found
    assert "1 epoch, learning" in found


def test_what_only_the_hub_knows_is_unknown() -> None:
    """Sizes and steps are not guessed; pinned revisions and the requested direction are shown."""
    model = Checkpoint("M1", "owner/name", "v1", head=CAUSAL_LM)
    found = planned(
        task_plan(model=model, source="owner/pairs@v2", direction="java:cs", parameters=None)
    )
    assert "model M1 = owner/name at revision v1, unknown parameters" in found
    assert "data owner/pairs at revision v2, java:cs: sizes unknown before it is here" in found
    assert "at most 260 tokens an example" in found
    assert "memory unknown: the weights are not here" in found
    assert "1 round of unknown steps" in found


def test_local_data_are_read_for_sizes_and_direction(tmp_path: Path) -> None:
    """A table of the user's is split as the run will split it."""
    rows = [
        json.dumps({"java": f"int f{i}() {{ return {i}; }}", "cs": f"int F{i}() => {i};"})
        for i in range(100)
    ]
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(rows))
    assert f"data {file}, java:cs: 80 / 10 / 10 train" in planned(
        task_plan(source=file, sizes=None)
    )


def test_parameters_are_counted_from_the_weights_header(tmp_path: Path) -> None:
    """The file's own numbers go before the profile's word; scalars count as one."""
    folder = written_weights(tmp_path, [1000, 20], [7], [])
    model = Checkpoint("M1", str(folder), head=CAUSAL_LM)
    assert "20,008 parameters" in planned(task_plan(model=model, parameters=5))
    assert "5 parameters" in planned(task_plan(parameters=5))


@given(st.lists(st.lists(st.integers(0, 10**5), max_size=4), max_size=5))
def test_counting_multiplies_shapes_and_adds_tensors(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]]
) -> None:
    """Nothing but the header is read: the file holds no number."""
    folder = written_weights(tmp_path_factory.mktemp("weights"), *shapes)
    assert weights.count_numbers(folder / "model.safetensors") == sum(math.prod(s) for s in shapes)


@pytest.mark.parametrize(
    "content",
    [b"", b"abc", b"version https://git-lfs", b"\2\0\0\0\0\0\0\0[]", b"\1\0\0\0\0\0\0\0{", None],
)
def test_weights_that_cannot_be_read_are_unknown(tmp_path: Path, content: bytes | None) -> None:
    """Half a file, a pointer to one, or none: the plan says unknown, and the run will say why."""
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    found = planned(task_plan(model=Checkpoint("M1", str(tmp_path), head=CAUSAL_LM), parameters=5))
    assert "unknown parameters" in found
    assert "memory unknown" in found


def test_memory_is_four_numbers_a_parameter_and_three_a_logit() -> None:
    """2**28 parameters take 4 GiB, and 32 rows of 260 tokens over 32,768 words 3 GiB of logits.

    Micro-batches take a quarter of the latter.
    """
    sizes = {"parameters": 2**28, "vocabulary": 2**15}
    assert "AdamW 4 GiB, logits of a micro-batch up to 3 GiB; act" in planned(task_plan(**sizes))
    micro = cell("V2_training", options=Options(training=TrainingOptions(accumulation_steps=4)))
    assert "up to 0.76 GiB" in planned(task_plan(micro, **sizes))
    assert "up to 3 GiB" in planned(task_plan(micro, cell(), **sizes))


@pytest.mark.parametrize("changed", [{"max_new_tokens": 0, "vocabulary": 9}, {"vocabulary": None}])
def test_logits_are_shown_only_where_their_size_is_known(changed: dict[str, Any]) -> None:
    """A classifier has few logits; without a vocabulary their size is unknown."""
    found = planned(task_plan(parameters=2**28, **changed))
    assert "AdamW 4 GiB; activations" in found
    assert "writes" not in found or changed.get("max_new_tokens") != 0


@pytest.mark.parametrize(
    ("config", "known"),
    [('{"vocab_size": 32768}', True), ("{}", False), ("{", False), ("[]", False)],
)
def test_the_vocabulary_is_that_of_the_model_that_lies_here(
    tmp_path: Path, config: str, *, known: bool
) -> None:
    """Its own configuration goes before the profile's word, which is about another model."""
    (written_weights(tmp_path, [2**10]) / "config.json").write_text(config)
    found = planned(task_plan(model=Checkpoint("M1", str(tmp_path), head=CAUSAL_LM), vocabulary=5))
    assert ("logits of a micro-batch up to 3 GiB" in found) == ("logits" in found) == known


def test_earlier_results_tell_time_and_joules() -> None:
    """Each cell has its time and joules with their source, and the sum names the missing cells."""
    cells = (cell(rounds=2), cell("V1_x"), cell("V2_y"))
    found = planned(
        task_plan(*cells), runs=[result("V0_baseline", 10.0, 50.0), result("V1_x", 3.0, None)]
    )
    assert (
        "T1-V0_baseline: 2 rounds of 24 steps; by earlier results 20 s, 100 J (estimated:x)"
        in found
    )
    assert "T1-V1_x: 1 round of 24 steps; by earlier results 3 s\n" in found
    assert "T1-V2_y: 1 round of 24 steps; no earlier result" in found
    assert found.endswith(
        "all 3 cells: by earlier results 23 s, 100 J (estimated:x), set-up and scoring not included"
        "; 1 of them never ran here"
    )


def test_without_earlier_results_nothing_is_estimated() -> None:
    """Of another host or profile there is nothing to say either."""
    here = result("V0_baseline", 10.0, 50.0)
    elsewhere = replace(here, header=replace(here.header, profile="full"))
    assert planned(task_plan(), runs=[elsewhere]).endswith(
        "1 cell: time and joules unknown, no earlier result of this host, profile and data"
    )


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("task", BUILT_IN)
def test_every_profile_can_be_planned(profile: Any, task: str) -> None:
    """Each has a model and data for each task, and what it says of itself is enough for a plan."""
    size = BUILT_IN[task].sizes[profile.name]
    pinned = size.data + (f"@{size.data_revision}" if size.data_revision else "")
    data = TaskDataset(task=BUILT_IN[task], source=pinned, columns={}, sizes=size.sizes, seed=0)
    asked = BUILT_IN[task]
    model = Checkpoint("M", size.model, size.model_revision, head=asked.head)
    one = replace(cell(), task=task, profile=profile.name)
    found = plan.lines(
        [TaskPlan(task=task, size=size, data=data, model=model, cells=(one,))],
        [],
        {task: KEYS["T1"]},
    )
    assert found[0].startswith(f"{task}: model {model.model} = {size.model}")
    assert len(found) == 6


@pytest.mark.parametrize("task", BUILT_IN)
def test_what_full_takes_from_the_hub_is_pinned_to_commits(task: str) -> None:
    """A branch's name would be another model, or other data, tomorrow."""
    size = BUILT_IN[task].sizes["full"]
    pins = (size.model_revision, size.data_revision)
    assert [bool(re.fullmatch("[0-9a-f]{40}", str(pin))) for pin in pins] == [True, True]


def test_too_few_examples_for_a_batch_are_told() -> None:
    """What the run would refuse, the plan does not call a plan."""
    found = planned(
        task_plan(
            cell("V1_data-b64", 1, Options(data=DataOptions(batch_size=64))), sizes=(40, 8, 8)
        )
    )
    assert "T1-V1_data-b64: cannot run: 40 training examples do not fill one batch of 64" in found
