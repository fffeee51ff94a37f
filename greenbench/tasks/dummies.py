"""What dummy baselines reach on the test rows that a model answers too, and the model's lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.stats.classification_scores import Array

Lead = dict[str, float | None]
"""``<metric>_lead`` and the bounds ``<metric>_lead_low`` and ``<metric>_lead_high``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DummyBaselines:
    """The dummy baselines on the test rows of one split, by name."""

    scores: Mapping[str, Mapping[str, float | None]]
    """Each score of a baseline; None if it is undefined."""
    drawn: Mapping[str, Mapping[str, Array]]
    """The scores on resampled rows."""
    descriptions: Mapping[str, str]
    """What each baseline does, for sentences."""
    lower_is_better: tuple[str, ...] = ()
    """The scores of which less is better: a lead in them is how much lower the model's is."""

    def leads(self, metric: str, score: float | None, drawn: Array | None) -> dict[str, Lead]:
        """Return by how much a model leads each baseline, with a paired 95 % interval.

        ``score`` is the model's in ``metric``, and ``drawn`` the same on the resampled rows; None
        if there is none.
        """
        return {baseline: self._lead(metric, baseline, score, drawn) for baseline in self.scores}

    def _lead(self, metric: str, baseline: str, score: float | None, drawn: Array | None) -> Lead:
        from greenbench.stats import bootstrap

        baseline_score = self.scores[baseline].get(metric)
        baseline_drawn = self.drawn[baseline].get(metric)
        lead = None
        bounds = bootstrap.Interval(None, None)
        if score is not None and baseline_score is not None:
            sign = -1.0 if metric in self.lower_is_better else 1.0
            lead = sign * (score - baseline_score)
            if drawn is not None and baseline_drawn is not None:
                bounds = bootstrap.interval(sign * (drawn - baseline_drawn))
        return {
            f"{metric}_lead": lead,
            f"{metric}_lead_low": bounds.low,
            f"{metric}_lead_high": bounds.high,
        }

    def with_leads(self, leads: Mapping[str, Lead]) -> dict[str, dict[str, float | None]]:
        """Return each baseline's scores together with the model's lead."""
        references = {}
        for baseline, scores in self.scores.items():
            references[baseline] = {**scores, **leads[baseline]}
        return references

    def doubts(self, leads: Mapping[str, Lead], metric: str) -> tuple[str, ...]:
        """Name the baselines that score as well as the model, and those it is not shown to beat."""
        warnings = []
        for baseline, lead in leads.items():
            ahead = lead[f"{metric}_lead"]
            if ahead is None or _is_beaten(ahead, lead[f"{metric}_lead_low"]):
                continue
            description = self.descriptions[baseline]
            score = self.scores[baseline][metric]
            better = "below" if metric in self.lower_is_better else "above"
            compared = _compared(ahead, better)
            warnings.append(f"{description} scores {metric} {score:.3f}, {compared}")
        return tuple(warnings)


def _is_beaten(ahead: float, low: float | None) -> bool:
    """Whether a model is shown to lead a baseline; ``low`` bounds its lead from below."""
    return ahead > 0 and low is not None and low > 0


def _compared(ahead: float, better: str) -> str:
    """Say how a baseline compares with a model that leads it by ``ahead``."""
    if ahead == 0:
        return "as the model does"
    if ahead < 0:
        return f"{-ahead:.3f} {better} the model"
    return (
        f"which the model is not shown to beat: it is {ahead:.3f} ahead, and the 95 % confidence "
        "interval contains 0"
    )
