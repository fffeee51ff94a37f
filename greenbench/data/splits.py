"""Labelled examples in three sides, and the checks that hold however the sides were made.

Duplicates are removed *before* a split (``deduplication``), and near-duplicates stay on one side (``split_rules``), so that no
test function was seen in training. A split is a function of the *set* of rows and the seed: the order of the rows in a file
does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from greenbench.data import deduplication
from greenbench.data.examples import Example, normalised
from greenbench.data.split_rules import RULES, fill
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

Sizes = tuple[int, int, int]
"""How many examples of train, valid and test."""

NAMES = ("train", "valid", "test")
REMEDIES = {
    "random": "give more rows, or a larger sample (near-duplicates stay together), or check the label column",
    "project": "split at random, or give functions of more projects: each stays on one side",
    "time": "split at random, or give data whose labels are mixed at all times",
}
"""Rule to what can be done where a side has one class."""
FEWEST = 20
"""Rows below which valid or test (a tenth each) could not hold both classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The three sides of a data set, and what is known of where they come from."""

    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Plain builtins for the results file: source, revision, digest, rows, what was removed, sizes, rule, seed."""
    natural: float | None = None
    """Share of vulnerable functions that the scores are to be weighted to; None leaves them as the test side is."""

    @property
    def groups(self) -> tuple[int, ...]:
        """The cluster of each test example, numbered as they come; one without a cluster stands for itself."""
        names: dict[tuple[str, int], int] = {}
        keys = (
            ("alone", place) if e.group is None else ("cluster", e.group)
            for place, e in enumerate(self.test)
        )
        return tuple(names.setdefault(key, len(names)) for key in keys)

    @property
    def class_weights(self) -> tuple[float, float]:
        """What a test row of class 0, and one of class 1, counts, so that their shares are the natural ones."""
        return self.weights_on(self.test)

    def weights_on(self, side: Sequence[Example]) -> tuple[float, float]:
        """Return the same for the rows of another side."""
        if self.natural is None:
            return (1.0, 1.0)
        share = _positives(side) / len(side)
        return ((1 - self.natural) / (1 - share), self.natural / share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a data set is to be split."""

    seed: int
    sizes: Sizes | None = None
    """At most so many examples of each side; None takes all."""
    rule: str = "random"
    """A key of ``split_rules.RULES``."""
    undersample: bool = False
    """Whether the commoner class of the train side is thinned out to the number of the rarer one."""
    natural: float | None = None
    """See ``Splits``."""


def split(
    examples: Sequence[Example], wanted: Wanted, *, origin: str, facts: Mapping[str, Any]
) -> Splits:
    """De-duplicate, cluster, and cut 80 / 10 / 10 by the rule, then keep at most ``wanted.sizes`` examples of each side.

    ``origin`` names the data in error sentences; ``facts`` are carried over and completed. Raises UsageError where fewer than
    ``FEWEST`` distinct examples are left, or where a side (after the cap) has one class only: no score is defined then.
    """
    distinct = deduplication.exact(examples)
    _refuse_hopeless(distinct.examples, len(examples), origin)
    clustered, found = deduplication.near(distinct.examples)
    sides, lost = fill(clustered, wanted.rule, wanted.seed, origin)
    capped = (
        list(sides)
        if wanted.sizes is None
        else [s[:n] for s, n in zip(sides, wanted.sizes, strict=True)]
    )
    _refuse_one_class(capped[0], f"{origin}: the train split", wanted.rule)
    train = thinned(capped[0]) if wanted.undersample else capped[0]
    told = {
        "rows": len(examples),
        **distinct.counts,
        **found,
        **lost,
        "available": _counts(sides),
        "split_rule": RULES[wanted.rule],
        "split_seed": wanted.seed,
        "undersampled_in_train": len(capped[0]) - len(train),
    }
    made = assemble([train, *capped[1:]], origin=origin, facts={**facts, **told}, rule=wanted.rule)
    return weighted(made, wanted.natural)


def assemble(
    sides: Sequence[Sequence[Example]],
    *,
    origin: str,
    facts: Mapping[str, Any],
    rule: str = "random",
) -> Splits:
    """Build Splits of three ready-made sides and add their sizes to ``facts``.

    Raises UsageError where a side has one class only, or where a text or a cluster stands on two sides.
    """
    for name, side in zip(NAMES, sides, strict=True):
        _refuse_one_class(side, f"{origin}: the {name} split", rule)
    _refuse_overlap(sides, origin)
    train, valid, test = (tuple(side) for side in sides)
    positives = {name: _positives(side) for name, side in zip(NAMES, sides, strict=True)}
    shares = {name: positives[name] / len(side) for name, side in zip(NAMES, sides, strict=True)}
    counts = {
        "split_sizes": _counts(sides),
        "positives": positives,
        "prevalence": {**shares, "natural": None},
    }
    return Splits(train=train, valid=valid, test=test, facts={**facts, **counts})


def weighted(splits: Splits, natural: float | None) -> Splits:
    """Return ``splits`` with scores to be weighted to a ``natural`` share of vulnerable functions, which its facts state."""
    facts = {**splits.facts, "prevalence": {**splits.facts["prevalence"], "natural": natural}}
    return replace(splits, natural=natural, facts=facts)


def cut(examples: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """Cut 80 / 10 / 10, in order."""
    tenth = round(len(examples) / 10)
    border = len(examples) - 2 * tenth
    return examples[:border], examples[border : border + tenth], examples[border + tenth :]


def thinned(side: Sequence[Example]) -> list[Example]:
    """Keep the first ones of the commoner class, as many as there are of the rarer; sides come shuffled."""
    left = dict.fromkeys((0, 1), min(_positives(side), len(side) - _positives(side)))
    kept = []
    for example in side:
        left[example.label] -= 1
        if left[example.label] >= 0:
            kept.append(example)
    return kept


def _counts(sides: Sequence[Sequence[Example]]) -> dict[str, int]:
    return {name: len(side) for name, side in zip(NAMES, sides, strict=True)}


def _positives(side: Sequence[Example]) -> int:
    return sum(e.label for e in side)


def _refuse_hopeless(distinct: Sequence[Example], rows: int, origin: str) -> None:
    if len(distinct) < FEWEST:
        raise UsageError(
            f"{origin}: {len(distinct)} distinct functions are left of {rows} rows, too few for an 80 / 10 / 10 split; "
            f"at least {FEWEST} are needed, and hundreds for a score that means something: give more rows"
        )
    _refuse_one_class(distinct, f"{origin}: after deduplication the data")


def _refuse_one_class(side: Sequence[Example], who: str, rule: str = "random") -> None:
    positives = _positives(side)
    if not 0 < positives < len(side):
        raise UsageError(
            f"{who} has {len(side)} rows, {positives} of them vulnerable; both labels, 0 and 1, are needed to train "
            f"and score: {REMEDIES[rule]}"
        )


def _refuse_overlap(sides: Sequence[Sequence[Example]], origin: str) -> None:
    texts = [{normalised(e.text) for e in side} for side in sides]
    groups = [{e.group for e in side if e.group is not None} for side in sides]
    shared = sum(len(s[0] & s[1]) + len(s[0] & s[2]) + len(s[1] & s[2]) for s in (texts, groups))
    if shared:
        raise UsageError(
            f"{origin}: {shared} functions stand on two sides of the split, which flatters the score; remove them there"
        )
