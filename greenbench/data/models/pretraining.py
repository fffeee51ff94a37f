"""Pretrain a shipped checkpoint: the loop, the batches and the command line that all share."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from random import Random

WARMUP = 0.06
"""Share of the steps in which the learning rate rises."""
T = TypeVar("T")
log = logging.getLogger(__name__)


def like_lengths(
    rng: Random, pool: Iterable[T], size: int, length: Callable[[T], int]
) -> list[list[T]]:
    """Cut ``pool`` into batches of about equally long items, in random order.

    So little is spent on padding.
    """
    ordered = sorted(pool, key=length)
    starts = range(0, len(ordered), size)
    batches = [ordered[start : start + size] for start in starts]
    return rng.sample(batches, len(batches))


def fit(
    weights: Sequence[torch.nn.Parameter],
    losses: Iterator[Mapping[str, torch.Tensor]],
    *,
    steps: int,
    learning_rate: float,
    save_every: int,
    save: Callable[[], None],
) -> None:
    """Minimise the sum of named losses with AdamW under a one-cycle learning rate.

    ``losses`` computes the losses of one batch after the other, lazily. ``save`` is called every
    ``save_every`` steps and after the last one.
    """
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=WARMUP
    )
    for step, parts in zip(range(1, steps + 1), losses, strict=False):
        optimizer.zero_grad()
        total = torch.stack(list(parts.values())).sum()
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        cycle.step()
        if step % save_every == 0 or step == steps:
            save()
            values = {name: round(part.item(), 3) for name, part in parts.items()}
            log.info("step %d: %s", step, values)


def argument_parser(description: str, steps: int) -> argparse.ArgumentParser:
    """Return a parser of the options that every checkpoint's script has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=steps, help="pretraining steps")
    return parser


def prepare(folder: Path, seed: int) -> None:
    """Log to the terminal, seed torch and make the folder to write."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
