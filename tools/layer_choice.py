"""What leaving layers out costs in quality, by the rule that picks them: the table of docs/knobs.md.

    python tools/layer_choice.py T2 [--green-data T2=FILE] [--green-profile NAME] [--seeds N]
                                  [--metric NAME ...]

Fine-tunes the baseline once a seed, as the profile says, and scores that same model with layers left out: every rule at 15,
25 and 50 % of the layers. Prints block influence by layer and one line a rule, the seeds' mean and range in each cell.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.errors import UsageError
from greenbench.experiment.profiles import profile
from greenbench.experiment.settings import resolve_settings
from greenbench.options import DataOptions, Options
from greenbench.run.inputs import dataset
from greenbench.stages import layer_rules, layers
from greenbench.stages.toggles import Toggles
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

FRACTIONS = (0.15, 0.25, 0.5)
CHOICES = (*layer_rules.RULES, "influence")


class Trained:
    """The baseline of one seed, and what it scores without some of its layers."""

    def __init__(self, asked: argparse.Namespace, seed: int) -> None:
        """Find the data and fine-tune."""
        given = {"--green-data": asked.data, "--green-profile": asked.profile, "--green-seed": seed}
        self.settings = resolve_settings(
            given.get, Path("/nonexistent"), tasks=tuple(TASKS), models=("M1", "M2")
        )
        self.task, size = TASKS[asked.task], profile(asked.profile).tasks[asked.task]
        self.data = dataset(self.task, size, self.settings)
        self.toggles = Toggles(Options(data=DataOptions(tokenizer="rust")), size, "cpu")
        checkpoint = Checkpoint(self.task.model, size.model)
        with self.toggles.quiet():
            self.toggles.reset(seed)
            self.batches = self.toggles.data(self.data.train, self.data.test, checkpoint, seed)
            self.net = self.toggles.training(self.toggles.architecture(checkpoint), self.batches)
            goal = self.batches.objective
            valid = goal.training_rows(self.data.splits.valid[: layers.CALIBRATION])
            batch = goal.training_batch([valid[i] for i in range(len(valid))])
            self.influence = layer_rules.block_influence(self.net, [batch], self.toggles.device)
        self._scores: dict[tuple[int, ...], Any] = {}

    def gone(self, choice: str, fraction: float) -> tuple[int, ...] | str:
        """Return the layers that the rule picks, or why it cannot."""
        try:
            return layer_rules.chosen(choice, layers.kinds(self.net), fraction, lambda: self.influence)
        except UsageError:
            return "not so many"

    def score(self, gone: tuple[int, ...], metric: str) -> float | None:
        """Return a score of the model without the layers ``gone``."""
        if gone not in self._scores:
            short = copy.deepcopy(self.net)
            layers.leave_out(short, gone)
            with self.toggles.quiet():
                answers = self.batches.objective.answer(
                    short, self.batches.test, self.toggles.device
                )
                deciding = (
                    self.toggles.answers(short, self.batches, self.data.deciding)
                    if self.data.deciding
                    else ()
                )
            self._scores[gone] = self.data.judge(answers, deciding).quality
        value: float | None = self._scores[gone][metric].value
        return value


def cell(models: Sequence[Trained], choice: str, fraction: float, metric: str) -> str:
    """Return the seeds' mean and range, and the layers that went."""
    gone = [m.gone(choice, fraction) for m in models]
    scores = [
        m.score(g, metric) for m, g in zip(models, gone, strict=True) if not isinstance(g, str)
    ]
    known = [s for s in scores if s is not None]
    if len(known) < len(models):
        return "-"
    each = " / ".join(dict.fromkeys(",".join(map(str, g)) for g in gone))
    return f"{statistics.mean(known):.3f} ({min(known):.3f} to {max(known):.3f}) [{each}]"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=tuple(TASKS))
    parser.add_argument("--green-data", dest="data", action="append")
    parser.add_argument("--green-profile", dest="profile", default="tiny")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--metric", nargs="+", help="default: the task's first")
    return parser.parse_args()


def main() -> None:
    """Train, then print as it becomes known."""
    asked = arguments()
    metrics = asked.metric or TASKS[asked.task].primary[:1]
    models: list[Any] = []
    for seed in range(asked.seeds):
        started = time.monotonic()
        models.append(Trained(asked, seed))
        told = " ".join(f"{value:.4f}" for value in models[-1].influence)
        print(
            f"seed {seed}: trained in {time.monotonic() - started:.0f} s; block influence {told}",
            flush=True,
        )
        told = ", ".join(f"{metric} {models[-1].score((), metric):.3f}" for metric in metrics)
        print(f"seed {seed}: all layers: {told}", flush=True)
    for metric in metrics:
        print(
            f"| {metric} by rule | {' | '.join(f'{f:.0%}' for f in FRACTIONS)} |\n|---|{'---|' * len(FRACTIONS)}",
            flush=True,
        )
        for choice in CHOICES:
            print(
                f"| {choice} | {' | '.join(cell(models, choice, f, metric) for f in FRACTIONS)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
