"""The loop and the batches that all shipped checkpoints are pretrained with."""

from __future__ import annotations

from random import Random

import torch
from hypothesis import given
from hypothesis import strategies as st

from greenbench.data.models.pretraining import fit, like_lengths


@given(st.lists(st.text(max_size=9)), st.integers(1, 5), st.integers(0, 99))
def test_batches_hold_every_item_once_and_no_longer_one_than_the_next_batch(
    pool: list[str], size: int, seed: int
) -> None:
    """Put in order of length, the batches are the sorted pool, and only one is not full."""
    batches = like_lengths(Random(seed), pool, size, len)
    batches.sort(key=lambda batch: (len(batch[0]), len(batch[-1])))
    lengths = [len(item) for batch in batches for item in batch]
    assert sorted(item for batch in batches for item in batch) == sorted(pool)
    assert lengths == sorted(lengths)
    assert sum(len(batch) < size for batch in batches) <= 1


def test_the_losses_are_minimised_together_and_saved_on_schedule() -> None:
    """Two losses pull two weights to their targets; every 150th step and the last one is saved."""
    weight = torch.nn.Parameter(torch.zeros(2))
    saved: list[list[float]] = []

    def losses():
        while True:
            yield {"left": (weight[0] - 1) ** 2, "right": (weight[1] + 2) ** 2}

    fit(
        [weight],
        losses(),
        steps=400,
        learning_rate=0.05,
        save_every=150,
        save=lambda: saved.append(weight.tolist()),
    )
    assert len(saved) == 3
    assert saved[-1] == weight.tolist()
    torch.testing.assert_close(weight.detach(), torch.tensor([1.0, -2.0]), atol=0.1, rtol=0)


def test_no_more_losses_are_computed_than_there_are_steps() -> None:
    """A batch that nobody learns from would move the random state of the next run."""
    weight = torch.nn.Parameter(torch.zeros(1))
    computed = []

    def losses():
        while True:
            computed.append(1)
            yield {"loss": weight.square().sum()}

    fit([weight], losses(), steps=4, learning_rate=0.1, save_every=9, save=lambda: None)
    assert len(computed) == 4
