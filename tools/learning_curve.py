"""Print what more data, or more training, does for task T2 on real functions: MCC and ROC-AUC beside the best reference.

    python tools/learning_curve.py bigvul/dev.parquet --start modernbert_code --train 1200 2400 4800 --epochs 1 2 4

Each line is the mean over training seeds on one and the same split; the lead over the best reference is the first seed's, with
its paired 95 % interval. The model runs as V0 does, but with the Rust tokenizer, which gives the same ids in less time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.splits import Splits, Wanted
from greenbench.experiment.profiles import profile
from greenbench.options import DataOptions, Options
from greenbench.stages.toggles import Toggles
from greenbench.tasks import TASKS
from greenbench.tasks.vulnerability import dummies as references
from greenbench.tasks.vulnerability import load as vulnerability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import Judged, TaskSize

T2 = TASKS["T2"]


def trained(
    splits: Splits, start: str, size: TaskSize, seed: int, baselines: Any
) -> tuple[Judged, float]:
    """Fine-tune on the train side, judge on the test side, and return the seconds that both took."""
    toggles, checkpoint = (
        Toggles(Options(data=DataOptions(tokenizer="rust")), size, "cpu"),
        Checkpoint("M2", start),
    )
    with toggles.quiet():
        toggles.reset(seed)
        begun = time.monotonic()
        batches = toggles.data(splits.train, splits.test, checkpoint, seed)
        net = toggles.training(toggles.architecture(checkpoint), batches)
        answers, took = toggles.inference(net, batches), time.monotonic() - begun
        return T2.judge(
            splits, answers, toggles.answers(net, batches, splits.valid), baselines
        ), took


def line(judged: Sequence[Judged], seconds: Sequence[float]) -> str:
    """Return the scores as columns of a table."""
    means = [
        statistics.fmean(j.quality[name].value or 0.0 for j in judged)
        for name in ("mcc", "roc_auc", "pr_auc")
    ]
    spread = max(j.quality["mcc"].value or 0.0 for j in judged) - min(
        j.quality["mcc"].value or 0.0 for j in judged
    )
    best = max(judged[0].references.items(), key=lambda item: item[1]["mcc"] or 0.0)
    lead, low, high = (
        best[1][name] or 0.0 for name in ("mcc_lead", "mcc_lead_low", "mcc_lead_high")
    )
    took = statistics.fmean(seconds)
    scores = " | ".join(f"{m:.3f}" for m in means)
    return f"{scores} | {spread:.3f} | {lead:+.3f} ({low:+.3f} to {high:+.3f}) over {best[0]} | {took:.0f} s"


def main() -> None:
    """Read the command line, and print a line for each number of functions and of epochs."""
    parser = argparse.ArgumentParser(description="Learning curve of task T2.")
    parser.add_argument("table", type=Path, help="functions with labels")
    parser.add_argument(
        "--start",
        nargs="+",
        default=[profile("small").tasks["T2"].model],
        help="starts, or folders of some",
    )
    parser.add_argument(
        "--train", type=int, nargs="+", default=[10**9], help="functions to train on"
    )
    parser.add_argument(
        "--epochs", type=int, nargs="+", default=[profile("small").tasks["T2"].epochs]
    )
    parser.add_argument(
        "--rate", type=float, nargs="+", default=[profile("small").tasks["T2"].learning_rate]
    )
    parser.add_argument(
        "--tokens", type=int, nargs="+", default=[profile("small").tasks["T2"].max_tokens]
    )
    parser.add_argument("--balance", choices=("none", "weights", "undersample"), default="none")
    parser.add_argument("--seeds", type=int, default=1, help="training seeds")
    parser.add_argument("--split-seed", type=int, default=0)
    given = parser.parse_args()
    wanted = Wanted(seed=given.split_seed, undersample=given.balance == "undersample")
    whole = vulnerability.load(given.table, columns={}, wanted=wanted)
    baselines = references.baselines(whole)
    known = {
        name: f"{scores['mcc']:.3f} / {scores['roc_auc']:.3f}"
        for name, scores in baselines.scores.items()
    }
    print(f"{len(whole.test)} test functions; MCC / ROC-AUC of the references: {known}")
    print(
        "start | functions | epochs | rate | tokens | MCC | ROC-AUC | PR-AUC | range of MCC | lead over the best one | time"
    )
    for start in given.start:
        for count, epochs, rate, tokens in (
            (n, e, r, t)
            for n in given.train
            for e in given.epochs
            for r in given.rate
            for t in given.tokens
        ):
            splits = replace(whole, train=whole.train[:count])
            base = profile("small").tasks["T2"]
            weighted = given.balance == "weights"
            size = replace(
                base, epochs=epochs, learning_rate=rate, max_tokens=tokens, class_weights=weighted
            )
            judged, seconds = zip(
                *(trained(splits, start, size, seed, baselines) for seed in range(given.seeds)),
                strict=True,
            )
            print(
                f"{Path(start).name} | {len(splits.train)} | {epochs} | {rate:g} | {tokens} | {line(judged, seconds)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
