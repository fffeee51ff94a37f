"""What trivial predictors reach on the test rows that a model answers too, and by how much the model leads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.stats.classification_scores import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """The references on the test rows of one split."""

    scores: Mapping[str, Mapping[str, float | None]]
    """Reference, then score; None where it is undefined."""
    drawn: Mapping[str, Mapping[str, Array]]
    """The scores on resampled rows."""
    speaking: Mapping[str, str]
    """Reference to what it does, for sentences."""

    def leads(
        self, name: str, reached: float | None, drawn: Array | None
    ) -> dict[str, dict[str, float | None]]:
        """Return by how much a model leads each reference in the score ``name``, with a paired 95 % interval.

        ``reached`` is the model's score, and ``drawn`` the same on the resampled rows; None where there is none.
        """
        return {rival: self._lead(name, rival, reached, drawn) for rival in self.scores}

    def _lead(
        self, name: str, rival: str, reached: float | None, drawn: Array | None
    ) -> dict[str, float | None]:
        from greenbench.stats import bootstrap

        theirs, resampled = self.scores[rival].get(name), self.drawn[rival].get(name)
        lead = None if theirs is None or reached is None else reached - theirs
        bounds = bootstrap.Interval(None, None)
        if lead is not None and drawn is not None and resampled is not None:
            bounds = bootstrap.interval(drawn - resampled)
        return {
            f"{name}_lead": lead,
            f"{name}_lead_low": bounds.low,
            f"{name}_lead_high": bounds.high,
        }

    def doubts(self, leads: Mapping[str, Mapping[str, float | None]], name: str) -> tuple[str, ...]:
        """Name the references that score as well as the model, and those that it is not shown to beat."""
        told = []
        for rival, lead in leads.items():
            ahead, low = lead[f"{name}_lead"], lead[f"{name}_lead_low"]
            if ahead is None or (ahead > 0 and low is not None and low > 0):
                continue
            score = f"{self.speaking[rival]} scores {name} {self.scores[rival][name]:.3f}"
            if ahead <= 0:
                told.append(
                    f"{score}, {'as the model does' if ahead == 0 else f'{-ahead:.3f} above the model'}"
                )
            else:
                told.append(
                    f"{score}, which the model is not shown to beat: it is {ahead:.3f} ahead, by an interval that holds 0"
                )
        return tuple(told)
