"""A fine-tuned baseline that the tests of the stages share: trained once, given as copies."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches
    from greenbench.stages.training_log import TrainingLog


@pytest.fixture(scope="session")
def scored() -> Batches:
    """Give 640 functions to train on and 64 to answer, cut at 96 tokens."""
    from stages.small_runs import SIZE, batched, functions

    return batched(functions(640), functions(64, seed=1), size=replace(SIZE, max_tokens=96))


@pytest.fixture(scope="session")
def batches(scored: Batches) -> Batches:
    """Give the same with the first 16 functions to answer, in two batches."""
    from stages.small_runs import functions

    from greenbench.stages.data import in_order

    return replace(scored, test=in_order(scored.objective, functions(16, seed=1), 8))


@pytest.fixture(scope="session")
def baseline(scored: Batches) -> tuple[nn.Module, TrainingLog]:
    """Fine-tune the baseline once. Never change this model: take ``trained``."""
    from stages.small_runs import fine_tuned

    return fine_tuned(scored)


@pytest.fixture
def trained(baseline: tuple[nn.Module, TrainingLog]) -> nn.Module:
    """Give a copy of the fine-tuned baseline."""
    return copy.deepcopy(baseline[0])


@pytest.fixture
def as_new() -> Iterator[None]:
    """Reset the process after the test."""
    from greenbench.stages import isolation

    yield
    isolation.reset(0)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Give a small random decoder whose tokenizer sets a token before every text."""
    from stages.small_decoders import saved

    return saved(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Give one whose tokenizer adds nothing, and which has several end tokens."""
    from stages.small_decoders import saved

    return saved(tmp_path_factory.mktemp("qwen2"), "qwen2", begins=False, eos_token_id=[2, 0])
