"""The session's wiring: what is refused before anything runs, and what is opened only on use."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stub_suite
import torch

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine.devices import wait_for_cuda
from greenbench.options import InferenceOptions, SystemOptions
from greenbench.run.session import Session
from greenbench.run.warm_up import kind_of
from greenbench.stages.toggles import Toggles
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from greenbench.types import Cell
    from tests.simulators.nvml import SimulatedNvml

ROOT = Path(__file__).parents[2]


def session(root: Path, **given: object) -> Session:
    """Return a session over the project's own matrix."""
    return Session(
        lambda flag: given.get(flag.removeprefix("--green-")),
        root,
        ROOT / "experiment.md",
        ROOT / "variants",
    )


def test_an_unknown_task_lists_the_known(tmp_path: Path) -> None:
    """The sentence names what experiment.md has."""
    with pytest.raises(UsageError, match=r"no task 'T9'; experiment.md has: T1, T2"):
        session(tmp_path).cells("T9")


def test_another_matrix_replaces_the_suite_s(tmp_path: Path) -> None:
    """Its variants lie beside it; a task that it lacks has no cells, a wrong one is an error."""
    stub_suite.write(tmp_path)
    one = session(tmp_path, matrix="experiment.md")
    assert [cell.variant for cell in one.cells("T2")] == ["V0_baseline", "V1_fast", "V10_capped"]
    assert one.cells("T1") == ()
    with pytest.raises(UsageError, match=r"no task 'T9'; experiment.md has: T2"):
        one.cells("T9")


def test_a_matrix_that_nothing_would_read_is_refused(tmp_path: Path) -> None:
    """A file that is not there, and a suite of plain functions, end in one sentence."""
    with pytest.raises(UsageError, match=r"--green-matrix: found 'no.md'; there is no such file;"):
        session(tmp_path, matrix="no.md")
    stub_suite.write(tmp_path)
    given = {"--green-matrix": "experiment.md"}
    with pytest.raises(UsageError, match=r"--green-matrix: .* calls use_matrix: leave it out"):
        Session(given.get, tmp_path, None, None)


def test_handles_are_shared_by_the_cells_of_a_task(tmp_path: Path) -> None:
    """Data are loaded once a session; another seed is other data."""
    one = session(tmp_path)
    assert one.inputs("T2").dataset is one.inputs("T2").dataset
    assert one.inputs("T2").model is one.inputs("T2").model
    assert session(tmp_path, seed="5").inputs("T2").dataset is not one.inputs("T2").dataset


def test_a_cpu_session_opens_its_meter_without_torch() -> None:
    """Measuring without a GPU does not import torch."""
    code = (
        "import sys; from pathlib import Path; from greenbench.run.session import Session;"
        "s = Session({'--green-device': 'cpu'}.get, Path('.'), None, None);"
        "s.instruments.meter; s.release();"
        "print(s.instruments.device, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["cpu", "False"]


def test_given_models_and_data_replace_the_profile_s(tmp_path: Path) -> None:
    """A given model carries no pinned revision of another one."""
    one = session(tmp_path, profile="full", model=["M2=somebody/else"], data=["T2=x.csv"])
    assert (one.inputs("T2").model.source, one.inputs("T2").model.revision) == (
        "somebody/else",
        None,
    )
    assert one.inputs("T2").dataset.source == Path("x.csv")
    pinned = session(tmp_path, profile="full")
    assert pinned.inputs("T2").model.revision
    assert (
        pinned.inputs("T2").dataset.source
        == "bstee615/bigvul@4d8647a9b52fdd2ae42343c60fd6c7c48bbff25e"
    )


def test_a_model_of_the_user_s_is_not_trained_at_the_tiny_rate(tmp_path: Path) -> None:
    """The tiny start's learning rate would ruin a model of usual size."""
    full = BUILT_IN["T2"].sizes["full"]
    assert session(tmp_path).inputs("T2").size.learning_rate > 10 * full.learning_rate
    given = session(tmp_path, model=["M2=somebody/else"]).inputs("T2").size
    assert (given.learning_rate, given.sizes) == (
        full.learning_rate,
        session(tmp_path).inputs("T2").size.sizes,
    )


def test_a_kind_of_cell_that_cannot_run_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong in a warm-up is raised for the cells of that kind, and for no other."""
    one = session(tmp_path, results=str(tmp_path))
    baseline, fp16 = one.cells("T2")[0], one.cells("T2")[4]
    fp16 = replace(
        fp16,
        options=replace(fp16.options, training=replace(fp16.options.training, precision="fp16")),
    )
    one.selected = (baseline, fp16)
    monkeypatch.setattr(Toggles, "warm_up", lambda *_: None)
    one.warm_up()
    one.toggles(baseline).check()
    with pytest.raises(UnavailableError, match="fp16 needs a CUDA device"):
        one.toggles(fp16).check()
    (refused,) = one.miniatures.refusals(one.selected)
    assert refused.cells == (fp16.id,)
    assert refused.reason.endswith("bf16 or fp32 would work")
    one.release()


def test_a_cell_that_only_infers_otherwise_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell whose inference cannot run fails alone, though the other trains in the same way."""
    one = session(tmp_path, results=str(tmp_path))
    baseline = one.cells("T2")[0]
    fp16 = replace(
        baseline, options=replace(baseline.options, inference=InferenceOptions(precision="fp16"))
    )
    one.selected = (baseline, fp16)
    monkeypatch.setattr(Toggles, "warm_up", lambda *_: None)
    one.warm_up()
    one.toggles(baseline).check()
    with pytest.raises(UnavailableError, match=r"inference.precision: fp16 needs a CUDA device"):
        one.toggles(fp16).check()
    one.release()


def with_system(cell: Cell, **knobs: object) -> Cell:
    """Return the cell with other knobs of the system stage."""
    return replace(cell, options=replace(cell.options, system=SystemOptions(**knobs)))


def test_processes_and_nodes_that_a_cell_cannot_have_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the session finds them; it opens nothing."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path))
    one = session(tmp_path, results=str(tmp_path), device="cpu")
    baseline = one.cells("T2")[0]
    with pytest.raises(UsageError, match=r"^system.processes: T2-V0_baseline requests 9999"):
        one.check([baseline, with_system(baseline, processes=9999)])
    with pytest.raises(UnavailableError, match=r"^system.numa_node: node 0 was requested"):
        one.check([baseline, with_system(baseline, numa_node=0)])
    assert not one.instruments.opened


def test_each_cell_trains_in_its_own_number_of_processes(tmp_path: Path) -> None:
    """Cells of one number share their processes, and a warm-up of one number is none of another."""
    one = session(tmp_path, device="cpu")
    baseline = one.cells("T2")[0]
    two = with_system(baseline, processes=2)
    devices = [one.toggles(cell).ranks.devices for cell in (baseline, two)]
    assert devices == ["cpu", "cpu:2"]
    assert one.toggles(two).ranks is one.toggles(two).ranks
    assert kind_of(two) != kind_of(baseline) == kind_of(with_system(baseline, cpu_threads=1))


def test_nothing_is_taken_for_known_of_a_model_of_the_user_s(tmp_path: Path) -> None:
    """Parameters and vocabulary that a profile tells are those of its own model."""
    assert session(tmp_path, profile="full").inputs("T1").size.parameters
    given = session(tmp_path, profile="full", model=["M1=somebody/else"]).inputs("T1").size
    assert (given.parameters, given.vocabulary) == (None, None)


def test_cuda_is_waited_for_only_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that never touched CUDA does not start it by being measured."""
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(1))
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    wait_for_cuda()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    wait_for_cuda()
    assert waited == [1]


def test_idle_power_is_measured_before_the_first_cell_and_looked_at_again_after_the_last(
    tmp_path: Path, nvml: SimulatedNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every results file has the instrument; a drift until the end is added and reported."""
    (gpu,) = nvml.plug()
    gpu.update_s, gpu.power_w = 0.02, 100
    monkeypatch.setattr("greenbench.run.instruments.IDLE_S", 0.6)
    monkeypatch.setattr(Toggles, "warm_up", lambda *_: None)
    one = session(tmp_path, results=str(tmp_path), device="cpu", gpus="all")
    one.selected = one.cells("T2")[:1]
    one.warm_up()
    assert one.instruments.meter.idle.watts["gpu"] == pytest.approx(100, rel=0.1)
    one.results.record({"variant": "V0_baseline", "energy_sources": {}})
    gpu.power_w = 200
    (drifted,) = one.release()
    assert "gpu idle power drifted from" in drifted
    (path,) = one.results.paths
    run = json.loads(path.read_text())
    assert run["instrument"]["idle_w"]["gpu"] == pytest.approx(100, rel=0.1)
    assert run["instrument"]["counters"][0]["update_measured"]
    assert run["conclusion"]["doubts"] == [drifted]
    assert run["conclusion"]["sampler_cpu_seconds"] > 0
    assert one.release() == ()


def test_an_interrupted_session_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is answered at once; the file says that the idle power was not looked at again."""
    monkeypatch.setattr(Toggles, "warm_up", lambda *_: None)
    one = session(tmp_path, results=str(tmp_path), device="cpu")
    one.selected = one.cells("T2")[:1]
    one.warm_up()
    one.results.record({"variant": "V0_baseline", "energy_sources": {}})
    assert one.release(hurry=True) == ()
    assert json.loads(one.results.paths[0].read_text())["conclusion"]["in_a_hurry"] is True


def test_cells_that_run_on_the_cpu_beside_gpus_say_so(tmp_path: Path, nvml: SimulatedNvml) -> None:
    """The second card is lost, and torch sees none: both are warnings; the first one is known."""
    first, second = nvml.plug(2)
    second.lose()
    one = session(tmp_path)
    assert one.instruments.device == "cpu"
    assert [gpu.uuid for gpu in one.instruments.survey.gpus] == [first.uuid]
    lost, unseen = one.instruments.gpu_warnings()
    assert lost.startswith("GPU 1 does not answer (NVML reports '")
    assert unseen == (
        "--green-device auto: NVML lists 2 GPU(s), and torch can use none of them: "
        "the cells run on the CPU"
    )
    assert session(tmp_path, device="cpu").instruments.gpu_warnings() == ()
