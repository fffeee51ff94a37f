"""Labelled texts of any kind in train, valid and test.

Texts that are equal up to white space are removed before a split, near-duplicates stay in one split
(``split_rules``), and a text with two different answers is left out, as in ``splits``, whose
examples are programs with one of two labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from greenbench.data import deduplication
from greenbench.data.examples import ExampleOf, LabelT, normalised
from greenbench.data.splits import FEWEST, NAMES, clusters_of, counts_of, divided, rule_of
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.splits import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSplits(Generic[LabelT]):
    """Train, valid and test texts of a data set, and where they come from."""

    train: tuple[ExampleOf[LabelT], ...]
    valid: tuple[ExampleOf[LabelT], ...]
    test: tuple[ExampleOf[LabelT], ...]
    facts: Mapping[str, object] = field(default_factory=dict)
    """For the results file: source, revision, digest, rows, removed rows, sizes, rule, seed."""
    labels: tuple[str, ...] = ()
    """What the classes or tags are called, in the order of their numbers; empty without any."""

    @property
    def groups(self) -> tuple[int, ...]:
        """The cluster of each test text, numbered by first occurrence."""
        return clusters_of(self.test)

    @property
    def test_rows(self) -> list[str]:
        """Each test text with its right answer: what makes it the same row."""
        return [f"{example.text}\0{example.label}" for example in self.test]


def split(
    examples: Sequence[ExampleOf[LabelT]],
    wanted: Wanted,
    *,
    origin: str,
    facts: Mapping[str, object],
    labels: tuple[str, ...] = (),
) -> TextSplits[LabelT]:
    """De-duplicate, cluster, divide by the rule, then keep at most ``wanted.sizes`` of each split.

    ``origin`` names the data in messages; ``facts`` are carried over and completed. Raises
    UsageError if fewer than ``FEWEST`` distinct texts remain, or if a split is left without any.
    """
    rule = wanted.rule or rule_of(examples)
    distinct = deduplication.exact(examples, normalised)
    if len(distinct.examples) < FEWEST:
        raise UsageError(
            f"{origin}: {len(distinct.examples)} distinct texts are left of {len(examples)} rows, "
            f"too few for an 80 / 10 / 10 split; at least {FEWEST} are needed: give more rows"
        )
    stated = {**facts, "rows": len(examples)}
    available, completed = divided(distinct, rule, wanted.seed, origin=origin, facts=stated)
    sizes = wanted.sizes or (None, None, None)
    kept = []
    for name, part, size in zip(NAMES, available, sizes, strict=True):
        if not part:
            raise UsageError(
                f"{origin}: no text is left for the {name} split; give more rows, or another rule "
                "with --green-split"
            )
        kept.append(tuple(part[:size]))
    train, valid, test = kept
    completed["split_sizes"] = counts_of(kept)
    if labels:
        completed["labels"] = list(labels)
    return TextSplits(train=train, valid=valid, test=test, facts=completed, labels=labels)
