"""A knob that reads as the baseline's did nothing, and a variant of such knobs saves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.options import DataOptions, Options, SystemOptions, TrainingOptions
from greenbench.run.effects import (
    NO_EFFECT,
    ROUNDING,
    Outputs,
    effect_of,
    should_differ,
    without_effect,
)
from greenbench.stats.classification_answers import Outcomes, record
from greenbench.types import Applied, Cell, Energy, Judged, Round, Window

WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())
FAST = Options(training=TrainingOptions(precision="bf16"))
BOTH = Options(
    training=TrainingOptions(precision="bf16"), system=SystemOptions(gpu_power_fraction=0.7)
)


def proof(knob: str, got: object) -> Applied:
    """Return the proof of a knob that read back as ``got``."""
    stage, _, name = knob.partition(".")
    return Applied(stage=stage, knob=name, asked=None, got=got, how="test")


def rounds(*proofs: Applied, outputs: str | None = None, seed: int = 0) -> tuple[Round, ...]:
    """Return one round with ``proofs``."""
    return (Round(seed=seed, whole=WHOLE, windows=(), applied=proofs, outputs_sha256=outputs),)


@pytest.mark.parametrize(("got", "idle"), [("bf16", False), ("fp32", True), (None, True)])
def test_a_knob_that_reads_as_the_baseline_s_did_nothing(got: str | None, idle: bool) -> None:  # noqa: FBT001
    """Asked for bf16: what was read back decides, not what was asked."""
    assert without_effect([proof("training.precision", got)], FAST) == (
        ("training.precision",) if idle else ()
    )


def test_a_knob_that_nobody_read_back_did_nothing() -> None:
    """Without a proof there is no effect."""
    assert without_effect([], FAST) == ("training.precision",)


def test_a_knob_that_reads_as_it_did_before_did_nothing() -> None:
    """Where the baseline is what the machine has, that is what a knob must move away from."""
    options = Options(system=SystemOptions(cpu_threads=2))
    for before, idle in ((2, ("system.cpu_threads",)), (1, ())):
        assert (
            without_effect([replace(proof("system.cpu_threads", 2), before=before)], options)
            == idle
        )


def test_a_variant_whose_only_knob_did_nothing_has_no_effect() -> None:
    """The published power cap that nothing read would be called so."""
    assert effect_of(rounds(proof("training.precision", "fp32")), FAST) == (
        NO_EFFECT,
        ("training.precision",),
    )


def test_a_variant_of_which_one_knob_acted_has_an_effect() -> None:
    """The idle knob is named; the cell is partial by its own proof."""
    proofs = proof("training.precision", "bf16"), proof("system.gpu_power_fraction", None)
    assert effect_of(rounds(*proofs), BOTH) == ("", ("system.gpu_power_fraction",))


def test_one_round_without_effect_is_enough() -> None:
    """A knob must act in every round."""
    both = (
        *rounds(proof("training.precision", "bf16")),
        *rounds(proof("training.precision", "fp32")),
    )
    assert effect_of(both, FAST)[0] == NO_EFFECT


def test_the_baseline_is_never_without_effect() -> None:
    """It turns nothing."""
    assert effect_of(rounds(proof("training.precision", "fp32")), Options()) == ("", ())


@pytest.mark.parametrize(
    ("knob", "differ"),
    [
        ("training.precision", True),
        ("inference.layer_choice", True),
        ("data.batch_size", True),
        ("data.tokenizer", False),
        ("training.accumulation_steps", False),
        ("architecture.attention", False),
        ("inference.engine", False),
        ("training.gradient_checkpointing", False),
        ("training.compile", False),
        ("system.cpu_threads", False),
    ],
)
def test_which_variants_should_answer_differently(knob: str, differ: bool) -> None:  # noqa: FBT001
    """Precision, layers and batches change outputs; ids, accumulation and settings need not."""
    one, other = [proof(knob, "a")], [proof(knob, "b")]
    assert should_differ(one, other) == differ == should_differ(other, one)
    assert not should_differ(one, one)


def test_a_fused_kernel_need_not_change_outputs() -> None:
    """It is the same AdamW; another optimizer is not."""
    plain, fused, sgd = ([proof("training.optimizer", n)] for n in ("adamw", "adamw_fused", "sgd"))
    assert not should_differ(plain, fused)
    assert should_differ(fused, sgd)


@pytest.mark.parametrize(("trained", "differ"), [(True, True), (False, False)])
def test_batches_change_outputs_by_training_alone(trained: bool, differ: bool) -> None:  # noqa: FBT001
    """A model that is not trained answers a row in any batch as it does alone."""
    stage = proof("training.finetune", trained)
    one, other = ([stage, proof("data.batch_size", size)] for size in (16, 32))
    assert should_differ(one, other) == differ


def test_what_was_asked_makes_no_difference() -> None:
    """INT8 by its name or by ``auto`` is the same INT8; two rules may pick the same layers."""
    read = proof("architecture.weight_format", "int8")
    assert not should_differ([replace(read, asked="auto")], [replace(read, asked="int8")])


def test_equal_outputs_of_variants_that_should_differ_are_told() -> None:
    """The later cell names the earlier one; another seed, task or a silent knob is no twin."""
    cell = Cell(task="T2", variant="V0", options=Options(), profile="tiny", seed=0, rounds=1)
    fast = replace(cell, variant="V2", options=FAST)
    quiet = replace(cell, variant="V1", options=Options(data=DataOptions(tokenizer="rust")))
    bf16 = proof("training.precision", "bf16")
    seen = Outputs()
    assert (
        seen.identical_outputs(cell, rounds(proof("training.precision", "fp32"), outputs="a")) == ()
    )
    assert (
        seen.identical_outputs(
            quiet,
            rounds(
                proof("data.tokenizer", "rust"), proof("training.precision", "fp32"), outputs="a"
            ),
        )
        == ()
    )
    assert seen.identical_outputs(fast, rounds(bf16, outputs="a", seed=1)) == ()
    assert seen.identical_outputs(replace(fast, task="T1"), rounds(bf16, outputs="a")) == ()
    (doubt,) = seen.identical_outputs(fast, rounds(bf16, outputs="a"))
    assert doubt.startswith("its outputs equal those of T2-V0, T2-V1 to the last bit")


@pytest.mark.parametrize(
    ("kind", "knob", "told"),
    [
        ("spans", "architecture.weight_format", False),
        ("translations", "inference.precision", False),
        ("means", "training.precision", False),
        ("spans", "inference.skip_layers", True),
        ("numbers", "architecture.weight_format", True),
    ],
)
def test_tags_and_texts_need_not_move_with_the_format_of_numbers(
    kind: str,
    knob: str,
    told: bool,  # noqa: FBT001
) -> None:
    """Numbers move with it, and choices with layers; equal ones are told."""
    cell = Cell(task="T2", variant="V0", options=Options(), profile="tiny", seed=0, rounds=1)
    judged = Judged(outcomes={"kind": kind})
    seen = Outputs()
    copies: tuple[str, ...] = ()
    for variant in ("V0", "V4"):
        (answered,) = rounds(proof(knob, variant), outputs="a")
        copies = seen.identical_outputs(
            replace(cell, variant=variant), [replace(answered, judged=judged)]
        )
    assert bool(copies) == told


def answered(probabilities: list[float], precision: str) -> Round:
    """Return a round with these probabilities, computed in ``precision``."""
    answers = Outcomes.of([0] * len(probabilities), probabilities, threshold=0.5)
    return Round(
        seed=0,
        whole=WHOLE,
        windows=(),
        applied=(proof("training.precision", precision),),
        outputs_sha256=repr(probabilities),
        judged=Judged(outcomes=record(answers)),
    )


def is_echo(first: list[float], second: list[float]) -> bool:
    """Whether the outputs of a variant in bf16 are taken for those of one in FP32."""
    seen = Outputs()
    cell = Cell(task="T2", variant="V0", options=Options(), profile="tiny", seed=0, rounds=1)
    assert seen.identical_outputs(cell, [answered(first, "fp32")]) == ()
    copies = seen.identical_outputs(replace(cell, variant="V2"), [answered(second, "bf16")])
    assert all("equal those of T2-V0" in text for text in copies)
    return bool(copies)


PROBABILITIES = st.floats(0.01, 0.99)
NOISE = st.floats(-1, 1).map(lambda share: share * ROUNDING / 2)


@given(rows=st.lists(st.tuples(PROBABILITIES, NOISE), min_size=1, max_size=30))
def test_outputs_that_differ_by_rounding_alone_are_an_echo(
    rows: list[tuple[float, float]],
) -> None:
    """Noise of half the tolerance in every row hides nothing, whatever its sign."""
    assert is_echo([p for p, _ in rows], [p + noise for p, noise in rows])


@given(
    rows=st.lists(PROBABILITIES, min_size=1, max_size=30),
    number=st.integers(0, 29),
    change=st.sampled_from([-1, 1]),
)
def test_one_row_that_differs_by_more_is_enough(
    rows: list[float], number: int, change: int
) -> None:
    """A difference of twice the tolerance in a single row is a real one."""
    other = list(rows)
    other[number % len(rows)] += change * 2 * ROUNDING
    assert not is_echo(rows, other)


def test_answers_that_are_all_certain_are_compared_to_the_last_bit() -> None:
    """Near 0 and 1 a real change vanishes in rounding too: only equal outputs are an echo."""
    certain = [1e-6, 1 - 1e-6, 1e-7]
    assert not is_echo(certain, [2e-6, 1 - 2e-6, 1e-7])
    assert is_echo(certain, certain)


def test_outputs_of_other_rows_are_no_echo() -> None:
    """A cell that answered fewer rows answered another question."""
    assert not is_echo([0.4, 0.5], [0.4])
