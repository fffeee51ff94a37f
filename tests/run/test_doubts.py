"""What a reader should know is said once, in plain words, and nothing else is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenbench.run.doubts import doubts_of, lacking
from greenbench.types import Applied, Energy, Round, Window

ESTIMATED = (
    "cpu energy is estimated:x, not measured; "
    "most of its +- is common to all cells and leaves their ratios alone"
)
WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())


def proof(note: str = "") -> Applied:
    """Return a proof that holds, or one that does not."""
    return Applied(stage="system", knob="k", asked=1, got=None, how="h", note=note)


def test_doubts_are_told_once_and_plainly() -> None:
    """Rounds that share a warning give one; an estimate and a single round have one each."""
    guess = replace(WHOLE, energy=Energy(cpu_j=1.0, sources={"cpu": "estimated:x", "gpu": "none"}))
    one = Round(
        seed=0,
        whole=guess,
        windows=(),
        applied=(proof("not applied: no GPU"),),
        doubts=("slow bf16",),
    )
    both = ("slow bf16", "system.k = 1: not applied: no GPU", ESTIMATED)
    assert doubts_of((one, one)) == both
    assert "1 round" in doubts_of((one,))[-1]


def test_a_counter_that_gave_nothing_is_a_doubt() -> None:
    """A GPU that is counted and whose joules are unknown must not look like a cell of the CPU."""
    energy = Energy(
        cpu_j=1.0,
        sources={"cpu": "zeus:rapl", "gpu": "zeus:nvml-counter"},
        reasons={"gpu": "went backwards"},
    )
    doubts = doubts_of((Round(seed=0, whole=replace(WHOLE, energy=energy), windows=()),))
    assert "gpu energy is unknown although there is zeus:nvml-counter: went backwards" in doubts


def test_doubts_that_differ_in_numbers_alone_are_told_once() -> None:
    """Five rounds beside the same neighbour are one doubt; another channel's is one of its own."""
    rounds = tuple(
        Round(seed=i, whole=WHOLE, windows=(), doubts=(f"{i}.5 cores were busy", "slow"))
        for i in range(3)
    )
    assert doubts_of(rounds) == ("0.5 cores were busy (so 3 times, with other numbers)", "slow")


def test_simulated_joules_are_a_doubt() -> None:
    """They are never a measurement, however well they fit."""
    energy = Energy(gpu_j=1.0, sources={"gpu": "simulated:nvml-counter"})
    doubts = doubts_of((Round(seed=0, whole=replace(WHOLE, energy=energy), windows=()),))
    assert "gpu energy is simulated:nvml-counter, not measured" in doubts


def test_short_stages_are_told_unless_they_were_repeated() -> None:
    """The stage that could not be repeated is named, with what carries the rest."""
    short = Energy(gpu_j=1.0, sources={"gpu": "zeus:nvml-counter"}, coarse=("gpu",))
    windows = tuple(
        Window(stage=stage, seconds=0.1, energy=short) for stage in ("data", "architecture")
    )
    long = Window(stage="data", seconds=0.1, energy=Energy(), passes=20)
    doubts = doubts_of((Round(seed=0, whole=WHOLE, windows=windows, repeats=(long,)),))
    assert any(d.startswith("too short for the counter's 5 %: architecture;") for d in doubts)


def test_what_sensors_disagree_about_is_told() -> None:
    """Of the round and of its stages, each once."""
    odd = Window(stage="training", seconds=1.0, energy=Energy(doubts=("they differ by 9 %",)))
    doubts = doubts_of((Round(seed=0, whole=odd, windows=(odd,)),))
    assert doubts.count("they differ by 9 %") == 1


@pytest.mark.parametrize(
    ("asked", "sources", "held"),
    [
        ((), {"cpu": "estimated:x"}, True),
        (("measured",), {"cpu": "estimated:x"}, False),
        (("measured",), {"gpu": "zeus:nvml-counter", "cpu": "estimated:x"}, False),
        (("measured",), {"gpu": "simulated:nvml-counter"}, False),
        (("measured",), {"gpu": "zeus:nvml-counter", "cpu": "none"}, True),
        (("measured",), {"cpu": "none"}, False),
        (("gpu",), {"gpu": "zeus:nvml-counter", "cpu": "estimated:x"}, True),
        (("gpu", "dram"), {"gpu": "zeus:nvml-counter", "dram": "none"}, False),
        (("cpu",), {"cpu": "estimated:x"}, False),
    ],
)
def test_required_channels(asked: tuple[str, ...], sources: dict[str, str], held: bool) -> None:  # noqa: FBT001
    """Only a real counter is a measurement."""
    assert (lacking(asked, sources) == "") == held


def test_a_required_channel_that_a_round_lost_is_lacking() -> None:
    """The counter was there, and gave nothing."""
    sources = {"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl"}
    assert "--green-require gpu: there is cpu zeus:rapl" in lacking(
        ("gpu",), Energy(cpu_j=1.0, sources=sources)
    )
    assert lacking(("gpu",), Energy(cpu_j=1.0, gpu_j=2.0, sources=sources)) == ""


def test_numbers_that_are_part_of_a_name_tell_things_apart() -> None:
    """Two packages are two doubts."""
    one = Round(
        seed=0,
        whole=WHOLE,
        windows=(),
        doubts=("package-0 stood still for 1.5 s", "package-1 stood still for 2.5 s"),
    )
    assert len([d for d in doubts_of((one,)) if "stood still" in d]) == 2


def test_a_repeat_that_is_still_too_short_cures_nothing() -> None:
    """Its stage stays on the list."""
    short = Energy(gpu_j=1.0, sources={"gpu": "zeus:nvml-counter"}, coarse=("gpu",))
    stage = Window(stage="data", seconds=0.1, energy=short)
    doubts = doubts_of((Round(seed=0, whole=WHOLE, windows=(stage,), repeats=(stage,)),))
    assert any(d.startswith("too short for the counter's 5 %: data;") for d in doubts)
