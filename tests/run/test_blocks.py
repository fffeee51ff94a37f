"""The order of rounds: every block has one round of each cell."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from greenbench.run.blocks import interleaved


def test_every_second_block_runs_backwards() -> None:
    """So a linear drift strikes all cells alike."""
    order = interleaved(["V0", "V1", "V2"], [3, 3, 3], "blocks", seed=0)
    names = [name for name, _ in order]
    assert names == ["V0", "V1", "V2", "V2", "V1", "V0", "V0", "V1", "V2"]
    assert [block for _, block in order] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_fixed_blocks_are_alike() -> None:
    """Each has the given order."""
    order = interleaved(["V0", "V1"], [2, 2], "fixed", seed=0)
    assert order == [("V0", 0), ("V1", 0), ("V0", 1), ("V1", 1)]


def test_a_random_order_is_that_of_its_seed() -> None:
    """The same seed draws the same order, another one another; blocks differ."""
    cells = [f"V{number}" for number in range(8)]

    def drawn(seed: int) -> list[tuple[str, int]]:
        return interleaved(cells, [3] * 8, "random", seed=seed)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    blocks = [[name for name, block in drawn(1) if block == number] for number in range(3)]
    assert blocks[0] != blocks[1]


@given(
    rounds=st.lists(st.integers(1, 5), max_size=6),
    order=st.sampled_from(["blocks", "random", "fixed"]),
    seed=st.integers(0, 99),
)
def test_every_round_runs_once_and_blocks_follow_each_other(
    rounds: list[int], order: str, seed: int
) -> None:
    """Each cell has its number of rounds, and no block begins before the last has ended."""
    sequence = interleaved(range(len(rounds)), rounds, order, seed)
    assert Counter(cell for cell, _ in sequence) == Counter(dict(enumerate(rounds)))
    blocks = [block for _, block in sequence]
    assert blocks == sorted(blocks)
