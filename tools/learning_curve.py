"""Prints what more data, or more training, does for task T2: MCC and ROC-AUC, and the lead.

    python tools/learning_curve.py bigvul/dev.parquet --start modernbert_code \
        --train 1200 2400 4800 --epochs 1 2 4

Each line is the mean over training seeds on one and the same split. The lead over the best dummy
baseline is that of the first seed, with its paired 95 % interval. The model runs as V0 does, but
with the Rust tokenizer, which gives the same ids in less time.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES
from greenbench.data.splits import Splits, Wanted
from greenbench.options import DataOptions, Options
from greenbench.stages.toggles import Toggles
from greenbench.tasks import BUILT_IN
from greenbench.tasks.vulnerability import dummies, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.types import Judged, TaskSize

T2 = BUILT_IN["T2"]
SMALL = BUILT_IN["T2"].sizes["small"]
SCORES = ("mcc", "roc_auc", "pr_auc")
COLUMNS = (
    "checkpoint",
    "functions",
    "epochs",
    "rate",
    "tokens",
    "MCC",
    "ROC-AUC",
    "PR-AUC",
    "range of MCC",
    "lead over the best dummy baseline",
    "time",
)


def train_and_judge(
    splits: Splits, start: str, size: TaskSize, seed: int, baselines: DummyBaselines
) -> tuple[Judged, float]:
    """Fine-tune on the train split and judge on the test split; return the seconds too."""
    toggles = Toggles(Options(data=DataOptions(tokenizer="rust")), size, "cpu")
    checkpoint = Checkpoint("M2", start, head=TWO_CLASSES)
    with toggles.quiet():
        toggles.reset(seed)
        started = time.monotonic()
        batches = toggles.data(splits.train, splits.test, checkpoint, seed)
        net = toggles.training(toggles.architecture(checkpoint), batches)
        answers = toggles.inference(net, batches)
        seconds = time.monotonic() - started
        deciding = toggles.answers(net, batches, splits.valid)
        return T2.judge(splits, answers, deciding, baselines), seconds


def row(judged: Sequence[Judged], seconds: Sequence[float]) -> list[str]:
    """Return the columns from the scores on."""
    cells = []
    for name in SCORES:
        cells.append(f"{statistics.fmean(values(judged, name)):.3f}")
    mcc = values(judged, "mcc")
    cells.append(f"{max(mcc) - min(mcc):.3f}")
    best, scores = max(judged[0].references.items(), key=lambda item: item[1]["mcc"] or 0.0)
    lead = scores["mcc_lead"] or 0.0
    low = scores["mcc_lead_low"] or 0.0
    high = scores["mcc_lead_high"] or 0.0
    cells.append(f"{lead:+.3f} ({low:+.3f} to {high:+.3f}) over {best}")
    cells.append(f"{statistics.fmean(seconds):.0f} s")
    return cells


def values(judged: Sequence[Judged], name: str) -> list[float]:
    """Return a score by seed, 0 if it is undefined."""
    return [one_seed.quality[name].value or 0.0 for one_seed in judged]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="functions with labels")
    parser.add_argument(
        "--start", nargs="+", default=[SMALL.model], help="checkpoints by name or folder"
    )
    parser.add_argument(
        "--train", type=int, nargs="+", default=[10**9], help="functions to train on"
    )
    parser.add_argument("--epochs", type=int, nargs="+", default=[SMALL.epochs])
    parser.add_argument("--rate", type=float, nargs="+", default=[SMALL.learning_rate])
    parser.add_argument("--tokens", type=int, nargs="+", default=[SMALL.max_tokens])
    parser.add_argument("--balance", choices=("none", "weights", "undersample"), default="none")
    parser.add_argument("--seeds", type=int, default=1, help="training seeds")
    parser.add_argument("--split-seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Print a line for each combination of checkpoint, functions, epochs, rate and tokens."""
    options = arguments()
    wanted = Wanted(seed=options.split_seed, undersample=options.balance == "undersample")
    whole = load.load(options.table, columns={}, wanted=wanted)
    baselines = dummies.baselines(whole)
    print(f"{len(whole.test)} test functions; MCC / ROC-AUC of the dummy baselines:")
    for name, scores in baselines.scores.items():
        print(f"  {name}: {scores['mcc']:.3f} / {scores['roc_auc']:.3f}")
    print(" | ".join(COLUMNS))
    combinations = itertools.product(
        options.start, options.train, options.epochs, options.rate, options.tokens
    )
    for start, count, epochs, rate, tokens in combinations:
        splits = replace(whole, train=whole.train[:count])
        size = replace(
            SMALL,
            epochs=epochs,
            learning_rate=rate,
            max_tokens=tokens,
            class_weights=options.balance == "weights",
        )
        judged = []
        seconds = []
        for seed in range(options.seeds):
            scored, duration = train_and_judge(splits, start, size, seed, baselines)
            judged.append(scored)
            seconds.append(duration)
        what = [Path(start).name, str(len(splits.train)), str(epochs), f"{rate:g}", str(tokens)]
        print(" | ".join([*what, *row(judged, seconds)]), flush=True)


if __name__ == "__main__":
    main()
