"""Measures what skipping layers costs in quality, by rule: the tables of docs/knobs.md.

    python tools/layer_choice.py T2 [--green-data T2=FILE] [--green-profile NAME] [--seeds N]
                                    [--metric NAME ...] [--healing SHARE ...]

Fine-tunes the baseline once per seed, as the profile says, and scores that same model with layers
skipped: every rule at 15, 25 and 50 % of the layers. Prints block influence by layer, and a row
per rule with the mean, the lowest and the highest score of the seeds. With `--healing` there is a
column for each share of training's steps in place of a fraction, at V3's fraction of the layers,
and a row with the mean seconds of training and of healing.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.errors import UsageError
from greenbench.experiment.resolving import resolve_settings
from greenbench.options import DataOptions, InferenceOptions, Options
from greenbench.run.inputs import dataset
from greenbench.stages import healing, layer_rules, layers
from greenbench.stages.toggles import Toggles
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedModel

    from greenbench.types import Metric

FRACTIONS = (0.15, 0.25, 0.5)
V3 = 0.17
"""Fraction of the layers at which healing is tried."""
CHOICES = (*layer_rules.RULES, "influence")


class TrainedModel:
    """The baseline of one seed, and what it scores without some of its layers."""

    def __init__(self, options: argparse.Namespace, seed: int) -> None:
        """Load the data and fine-tune."""
        command_line = {
            "--green-data": options.data,
            "--green-profile": options.profile,
            "--green-seed": seed,
        }
        settings = resolve_settings(
            command_line.get, Path("/nonexistent"), tasks=tuple(BUILT_IN), models=("M1", "M2")
        )
        task = BUILT_IN[options.task]
        size = task.sizes[options.profile]
        self.data = dataset(task, size, settings)
        self.toggles = Toggles(Options(data=DataOptions(tokenizer="rust")), size, "cpu")
        checkpoint = Checkpoint(task.name, size.model, head=task.head)
        with self.toggles.quiet():
            self.toggles.reset(seed)
            self.batches = self.toggles.data(self.data.train, self.data.test, checkpoint, seed)
            net = self.toggles.architecture(checkpoint)
            started = time.monotonic()
            self.net = self.toggles.training(net, self.batches)
            self.seconds = time.monotonic() - started
            self.influence = self._block_influence()
        self._scores: dict[tuple[tuple[int, ...], float], Mapping[str, Metric]] = {}
        self.healing_seconds: dict[float, list[float]] = {}
        """By the share of training's steps."""

    def _block_influence(self) -> Sequence[float]:
        objective = self.batches.objective
        rows = objective.training_rows(self.data.splits.valid[: layers.CALIBRATION])
        batch = objective.training_batch([rows[i] for i in range(len(rows))])
        return layer_rules.block_influence(self.net, [batch], self.toggles.device)

    def skipped(self, choice: str, fraction: float) -> tuple[int, ...] | None:
        """Return the layers that the rule picks; None if it cannot pick so many."""
        kinds = layers.kinds(self.net)
        try:
            return layer_rules.chosen(choice, kinds, fraction, lambda: self.influence)
        except UsageError:
            return None

    def score(self, skipped: tuple[int, ...], metric: str, share: float = 0.0) -> float | None:
        """Return a score of the model without the layers ``skipped``, healed with ``share``."""
        if (skipped, share) not in self._scores:
            self._scores[skipped, share] = self._quality(skipped, share)
        return self._scores[skipped, share][metric].value

    def _quality(self, skipped: tuple[int, ...], share: float) -> Mapping[str, Metric]:
        short = copy.deepcopy(self.net)
        depth = layers.depth_of(short)
        depth.gone = skipped
        layers.leave_out(short, skipped)
        if share:
            self._heal(short, depth, share)
        objective = self.batches.objective
        deciding = ()
        with self.toggles.quiet():
            answers = objective.answer(short, self.batches.test, self.toggles.device)
            if self.data.deciding:
                deciding = self.toggles.answers(short, self.batches, self.data.deciding)
        return self.data.judge(answers, deciding).quality

    def _heal(self, short: PreTrainedModel, depth: layers.Depth, share: float) -> None:
        toggles = self.toggles
        options = replace(toggles.options, inference=InferenceOptions(healing=share))
        started = time.monotonic()
        with toggles.quiet():
            job = healing.job(self.batches, options, toggles.size, toggles.record.steps)
            healing.heal(short, job, depth, toggles.ranks.rank)
        seconds = time.monotonic() - started
        self.healing_seconds.setdefault(share, []).append(seconds)


def cell(
    models: Sequence[TrainedModel], choice: str, fraction: float, metric: str, share: float = 0.0
) -> str:
    """Return mean, lowest and highest score of the seeds, and the skipped layers."""
    scores = []
    choices: dict[str, None] = {}
    for model in models:
        skipped = model.skipped(choice, fraction)
        score = None if skipped is None else model.score(skipped, metric, share)
        if skipped is None or score is None:
            return "-"
        scores.append(score)
        choices[",".join(map(str, skipped))] = None
    mean, low, high = statistics.mean(scores), min(scores), max(scores)
    return f"{mean:.3f} ({low:.3f} to {high:.3f}) [{' / '.join(choices)}]"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=tuple(BUILT_IN))
    parser.add_argument("--green-data", dest="data", action="append")
    parser.add_argument("--green-profile", dest="profile", default="tiny")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--metric", nargs="+", help="default: the task's first")
    parser.add_argument("--healing", nargs="+", type=float, default=())
    return parser.parse_args()


def train(options: argparse.Namespace, seed: int, metrics: Sequence[str]) -> TrainedModel:
    """Return the model of a seed, and print its block influence and its scores with all layers."""
    started = time.monotonic()
    model = TrainedModel(options, seed)
    seconds = time.monotonic() - started
    influence = " ".join(f"{value:.4f}" for value in model.influence)
    print(f"seed {seed}: trained in {seconds:.0f} s; block influence {influence}", flush=True)
    scores = ", ".join(f"{metric} {model.score((), metric):.3f}" for metric in metrics)
    print(f"seed {seed}: all layers: {scores}", flush=True)
    return model


def main() -> None:
    """Train, then print each row as soon as it is known."""
    options = arguments()
    metrics = options.metric or BUILT_IN[options.task].primary[:1]
    models = [train(options, seed, metrics) for seed in range(options.seeds)]
    for metric in metrics if options.healing else ():
        print_healing(models, options.healing, metric)
    for metric in () if options.healing else metrics:
        print_row([f"{metric} by rule", *(f"{fraction:.0%}" for fraction in FRACTIONS)])
        print_row(["---"] * (len(FRACTIONS) + 1))
        for choice in CHOICES:
            cells = [cell(models, choice, fraction, metric) for fraction in FRACTIONS]
            print_row([choice, *cells])


def print_healing(models: Sequence[TrainedModel], shares: Sequence[float], metric: str) -> None:
    """Print a row for each rule, and one with seconds, with a column for each share."""
    print_row([f"{metric} by rule", *(f"healing {share:g}" for share in shares)])
    print_row(["---"] * (len(shares) + 1))
    for choice in CHOICES:
        print_row([choice, *(cell(models, choice, V3, metric, share) for share in shares)])
    times = []
    for share in shares:
        seconds = [s for model in models for s in model.healing_seconds.get(share, ())]
        times.append(f"{statistics.mean(seconds):.2f} s" if seconds else "0 s")
    trained = statistics.mean(model.seconds for model in models)
    print_row([f"training {trained:.2f} s, healing", *times])


def print_row(cells: Sequence[str]) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
