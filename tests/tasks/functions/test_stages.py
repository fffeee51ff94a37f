"""The stages of a suite's functions: options, seeds, proofs, warnings and the warm-up."""

from __future__ import annotations

import random
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from greenbench.errors import UsageError
from greenbench.experiment.knobs import with_knob
from greenbench.options import extended
from greenbench.protocols import WithoutTorch
from greenbench.run.effects import effect_of, should_differ, without_effect
from greenbench.tasks.functions import splits
from greenbench.tasks.functions.functions import WantedRows, task_functions
from greenbench.tasks.functions.stages import FunctionStages
from greenbench.types import Energy, Round, Window
from tests.tasks.functions import nearest

if TYPE_CHECKING:
    from greenbench.options import Options
    from greenbench.types import Applied

BASELINE = extended(task_functions(nearest, "tasks/T3.py").own.knobs)
STEPS = with_knob(BASELINE, "training.steps", 5)


def stages_of(options: Options = BASELINE, **changes: object) -> FunctionStages:
    """Return the stages of the task's functions, some of them replaced."""
    whole = {name: getattr(nearest, name) for name in dir(nearest) if not name.startswith("_")}
    functions = task_functions(SimpleNamespace(**(whole | changes)), "tasks/T3.py")
    return FunctionStages(options, functions, WantedRows(60, 10, 30))


def run(stages: FunctionStages, seed: int = 0) -> tuple[str, dict[str, Applied]]:
    """Run a round; return the checksum of its predictions, and its proofs by knob."""
    loaded = splits.load(stages._functions, 0, WantedRows(60, 10, 30))
    stages.reset(seed)
    with stages.quiet():
        data = stages.data(loaded.train, loaded.test, None, seed, valid=loaded.valid)
        predictions = stages.inference(stages.training(stages.architecture(None), data), data)
    assert stages.work(None, data)["samples_scored"] == 30
    return repr(predictions), {proof.knob: proof for proof in stages.applied()}


def test_options_reach_the_functions_and_are_read_back() -> None:
    """A knob with a proof holds, one without is unproved, and both are in the record."""
    options = with_knob(with_knob(STEPS, "data.scale", 2.5), "training.rate", 0.1)
    _, proofs = run(stages_of(options))
    assert {name: (proof.asked, proof.got, proof.proved) for name, proof in proofs.items()} == {
        "steps": (5, 5, True),
        "rate": (0.1, None, False),
        "scale": (2.5, 2.5, True),
    }
    assert all(proof.holds for proof in proofs.values())
    assert without_effect(list(proofs.values()), options) == ()


def test_a_knob_that_train_ignores_is_found_out() -> None:
    """Its proof reads the baseline's value: the cell is partial, and alone without effect."""
    ignoring = stages_of(
        STEPS, train=lambda _options, data, seed: nearest.train(nearest.Options(), data, seed)
    )
    _, proofs = run(ignoring)
    assert proofs["steps"].note == "requested 5, and its proof reads 20"
    window = Window(stage="whole", seconds=1, energy=Energy())
    measured = Round(seed=0, whole=window, windows=(), applied=tuple(proofs.values()))
    assert effect_of([measured], STEPS) == ("NO-EFFECT", ("training.steps",))


def test_an_unproved_knob_should_move_outputs_all_the_same() -> None:
    """Equal outputs are the only witness against it."""
    _, plain = run(stages_of())
    _, turned = run(stages_of(with_knob(BASELINE, "training.rate", 0.1)))
    assert should_differ(list(plain.values()), list(turned.values()))
    assert not should_differ(list(plain.values()), list(plain.values()))


def test_a_proof_that_fails_is_an_error_with_its_place() -> None:
    """A mistake in it must not look like a knob without effect."""
    broken = stages_of(train=lambda _options, _data, _seed: {"centres": np.zeros(3)})
    with pytest.raises(UsageError, match=r"^tasks/T3.py: the proof of training.steps failed"):
        run(broken)


def test_a_round_is_seeded_and_repeats_itself() -> None:
    """Python, NumPy and the seed that train gets; another seed gives another model."""

    def drawing(_options: object, _data: object, seed: int) -> dict[str, object]:
        drawn = [random.random(), np.random.random(), float(seed)]  # noqa: NPY002
        return {"centres": np.array(drawn), "steps": 20}

    stages = stages_of(train=drawing, predict=lambda model, _rows, _options: model["centres"])
    first, again, other = (run(stages, seed)[0] for seed in (3, 3, 4))
    assert first == again != other


def test_windows_are_those_of_what_there_is() -> None:
    """Without prepare the data stage has none; there is never a checkpoint to load."""
    assert isinstance(stages_of(), WithoutTorch)
    assert stages_of().absent == {"architecture"}
    assert stages_of(prepare=None, Options=None, scale_of=None).absent == {"architecture", "data"}


def test_warnings_of_the_functions_are_kept_and_those_for_developers_are_not() -> None:
    """Each once, with the file."""

    def warning(options: object, data: object, seed: int) -> object:
        warnings.warn("it did not converge\nat all", RuntimeWarning, stacklevel=1)
        warnings.warn("it will be removed", DeprecationWarning, stacklevel=1)
        return nearest.train(options, data, seed)

    stages = stages_of(train=warning)
    run(stages)
    assert stages.doubts() == (
        "operations are unknown: nothing counts those of tasks/T3.py",
        "tasks/T3.py: RuntimeWarning: it did not converge",
    )


def test_train_must_return_a_model() -> None:
    """A forgotten return is named, before predict fails on None."""
    with pytest.raises(UsageError, match=r"^tasks/T3.py: train returned None; return the model"):
        run(stages_of(train=lambda _options, _data, _seed: None))


def test_the_warm_up_takes_few_rows_or_all_if_few_are_too_few() -> None:
    """An error on all rows is the cell's."""
    asked = []

    def counting(seed: int, sizes: WantedRows) -> object:
        asked.append(tuple(sizes))
        return nearest.load(seed, sizes)

    def demanding(options: object, data: object, seed: int) -> object:
        if len(data.train[0]) < 60:
            raise ValueError("too few rows")
        return nearest.train(options, data, seed)

    stages_of(load=counting).warm_up((), None)
    stages_of(load=counting, train=demanding).warm_up((), None)
    assert asked == [(60, 10, 16), (60, 10, 16)]
    with pytest.raises(ValueError, match="never"):
        stages_of(train=_fail).warm_up((), None)


def _fail(*_: object) -> None:
    raise ValueError("never")
