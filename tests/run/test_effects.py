"""A knob that reads as the baseline's did nothing, and a variant of such knobs saves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenbench.options import DataOptions, Options, SystemOptions, TrainingOptions
from greenbench.run.effects import NO_EFFECT, Outputs, effect_of, should_differ, without_effect
from greenbench.types import Applied, Cell, Energy, Round, Window

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
        ("system.cpu_threads", False),
    ],
)
def test_which_variants_should_answer_differently(knob: str, differ: bool) -> None:  # noqa: FBT001
    """Precision, layers and batches change outputs; ids, accumulation and settings need not."""
    one, other = [proof(knob, "a")], [proof(knob, "b")]
    assert should_differ(one, other) == differ == should_differ(other, one)
    assert not should_differ(one, one)


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
