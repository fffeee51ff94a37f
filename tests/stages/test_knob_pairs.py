"""Every pair of knobs runs together in a miniature, each proved, or is refused beforehand."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from stages import small_decoders
from stages.small_runs import SHORT, START, functions, run_stages

from greenbench.experiment.knob_candidates import candidates
from greenbench.experiment.knob_pairs import covering_variants, pairs_that_run
from greenbench.experiment.knobs import with_knob
from greenbench.machine.training_processes import devices_of
from greenbench.run import refusals
from greenbench.stages.batching_proofs import NOTHING_TO_DO
from greenbench.stages.ranks.pools import RankPools
from greenbench.stages.system import System
from greenbench.stages.toggles import Toggles
from greenbench.tasks import BUILT_IN
from greenbench.types import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.experiment.knob_pairs import Pair
    from greenbench.experiment.knob_trials import KnobTrial
    from greenbench.options import Options

UNREACHED = "training.target_score: not reached in "
"""What a miniature's proof says that looked at its score: few steps teach it nothing."""
SIZES = {
    "T1": replace(small_decoders.SIZE, max_tokens=80),
    "T2": replace(SHORT, max_tokens=128),
}
"""So long that rows of a part of a batch can share one, and some inputs of T2 are cut."""
TOO_SMALL = "training.optimizer: requested adamw_8bit, read back adamw"
"""A note: adapters, and matrices of a miniature, have too few numbers for states in 8 bit."""
UNSURE = "the head was never so sure"
"""A note: a classifier that has learnt nothing lets no row leave early."""
UNCUT = "would keep the same"
"""A note: T1's miniature has no text that is longer than the length to try."""
OF_TEXTS = {"inference.cache", "inference.draft"}
"""Knobs that act only on models that write."""
NO_TEXTS = "the model writes nothing: it keeps no cache"
NO_GUESSES = "the model writes nothing: there is nothing to guess"
NO_CLASSES = "the model writes texts: it has no classes"
"""Notes: the knob is one of the other task."""
MOST = 32
"""Examples of a batch; a miniature has two of them: an adapter's first step moves half of it."""
WRITTEN = 10
"""Texts that are translated, each token by token: two batches of the size that is tried."""


@functools.cache
def refusal(options: Options, task: str) -> str:
    """Return why these options cannot run here."""
    cell = Cell(task=task, variant="K0", options=options, profile="tiny", seed=0, rounds=1)
    return refusals.refusal(BUILT_IN[task], cell, SIZES[task], "cpu")


def small(trial: KnobTrial) -> bool:
    """Whether a miniature has enough examples for a trial, and does not compile for minutes."""
    options = trial.options
    compiles = options.inference.engine == "compile" or options.training.compile
    return options.data.batch_size <= MOST and not compiles


def runnable(refuse: Callable[[Options], str]) -> list[KnobTrial]:
    """Return the trials that can run alone here."""
    return [one for one in candidates()[0] if small(one) and not refuse(one.options)]


@pytest.fixture(scope="module")
def pools() -> Iterator[RankPools]:
    """Give the processes that cells train in, and end them."""
    pools = RankPools()
    yield pools
    pools.close()


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Give a decoder so deep that two knobs can each leave layers out, its sides fit for NF4."""
    shape = {"num_hidden_layers": 8, "hidden_size": 64, "intermediate_size": 128}
    return small_decoders.saved(tmp_path_factory.mktemp("deep"), **shape)


def shown_by_a_classifier(trials: Sequence[KnobTrial]) -> set[Pair]:
    """Return the pairs that T2 runs, each knob of which acts on it."""
    shown = set()
    for pair in pairs_that_run(trials, functools.partial(refusal, task="T2")):
        names = {knob for trial in pair for knob, _ in trial.settings}
        if names.isdisjoint(OF_TEXTS):
            shown.add(pair)
    return shown


@pytest.mark.slow
@pytest.mark.usefixtures("as_new")
@pytest.mark.parametrize("task", ["T1", "T2"])
def test_every_pair_of_knobs_runs_and_is_proved_or_is_refused(
    task: str, deep: Checkpoint, pools: RankPools
) -> None:
    """Few variants hold all pairs that are not refused; each knob of each has a proof that holds.

    Or the proof says that one batch leaves nothing to sort. T2 runs all pairs; T1 those that act on
    models that write, or that T2 refuses, and with them all that can be set beside them.

    A pair that is refused is refused before anything runs, by one sentence.
    """
    refuse = functools.partial(refusal, task=task)
    trials = runnable(refuse)
    covered = shown_by_a_classifier(trials) if task == "T1" else ()
    failed = []
    for variant in covering_variants(trials, refuse, covered):
        try:
            failed += [
                f"{variant.text}: {problem}" for problem in problems(variant, task, deep, pools)
            ]
        except Exception as error:  # noqa: BLE001  all are told at once
            failed.append(f"{variant.text}: {type(error).__name__}: {error}")
    assert failed == []


def problems(variant: KnobTrial, task: str, deep: Checkpoint, pools: RankPools) -> list[str]:
    """Run a variant in miniature; return the notes of its proofs that do not hold."""
    options = variant.options
    if options.training.target_score is not None:  # a miniature has few steps
        options = with_knob(options, "training.score_every", 1)
        options = with_knob(options, "training.target_score", 1.0)
    if options.inference.exit_layers is not None:  # which layers are left is others' to say
        options = with_knob(options, "inference.exit_layers", None)
    ranks = pools.of(devices_of(options.system.processes, "cpu"))
    toggles, system = Toggles(options, SIZES[task], ranks), System(options.system, ())
    if task == "T2":
        rows = functions(2 * MOST), functions(MOST + 2, seed=1), functions(8, seed=2)
    else:
        pairs = small_decoders.pairs
        rows = pairs(2 * MOST), pairs(WRITTEN, 75), pairs(8, 120)
    toggles.check()
    system.reserve()
    train, test, valid = rows
    start = START if task == "T2" else deep
    run_stages(toggles, train, test, valid, start, system)
    proofs = (*toggles.applied(), *system.proofs({}))
    notes = [f"{proof.stage}.{proof.knob}: {proof.note}" for proof in proofs if proof.note]
    of_other_task = (NO_CLASSES, NO_GUESSES, NO_TEXTS)
    expected = (*of_other_task, NOTHING_TO_DO, TOO_SMALL, UNCUT, UNREACHED, UNSURE)
    return [note for note in notes if not any(text in note for text in expected)]
