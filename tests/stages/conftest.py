"""A fine-tuned baseline that the tests of the stages share: trained once a session, handed out as copies."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches
    from greenbench.stages.training_log import TrainingLog


@pytest.fixture(scope="session")
def batches() -> Batches:
    """Give the data of the tiny profile as the baseline batches them, with 64 test functions."""
    from stages.small_runs import SIZE, batched

    from greenbench.data.splits import Wanted
    from greenbench.tasks.vulnerability import load as vulnerability

    wanted = Wanted(seed=0, sizes=(SIZE.sizes[0], 16, 64))
    splits = vulnerability.load(SIZE.data, columns={}, wanted=wanted)
    return batched(splits.train, splits.test)


@pytest.fixture(scope="session")
def baseline(batches: Batches) -> tuple[nn.Module, TrainingLog]:
    """Fine-tune the baseline once. Never change this model: take ``trained``."""
    from stages.small_runs import fine_tuned

    return fine_tuned(batches)


@pytest.fixture
def trained(baseline: tuple[nn.Module, TrainingLog]) -> nn.Module:
    """Give a copy of the fine-tuned baseline."""
    return copy.deepcopy(baseline[0])


@pytest.fixture
def as_new() -> Iterator[None]:
    """Leave the process as new, whatever the test does to it."""
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
