"""Labelled examples in train, valid and test, and the checks that hold for every split.

Duplicates are removed *before* a split (``deduplication``), and near-duplicates stay in one split
(``split_rules``), so that no test function was seen in training. A split is a function of the *set*
of rows and the seed: the order of the rows in a file does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from greenbench.data import deduplication
from greenbench.data.examples import AnyExample, Example, normalised
from greenbench.data.split_rules import AUTHORS, RULES, fill
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.deduplication import Distinct
    from greenbench.data.examples import ExampleT
    from greenbench.data.split_rules import ExampleLists

Element = TypeVar("Element")

Sizes = tuple[int, int, int]
"""Numbers of examples in train, valid and test."""

NAMES = ("train", "valid", "test")
REMEDIES = {
    "random": (
        "give more rows, or a larger sample (near-duplicates stay together), or check the label "
        "column"
    ),
    AUTHORS: "mix the rows by --green-split T2=random, or check the label column",
    "project": "split at random, or give functions of more projects: each stays in one split",
    "time": "split at random, or give data whose labels are mixed at all times",
}
"""Rule to what can be done about a split with one class."""
FEWEST = 20
"""Rows below which valid or test (a tenth each) could not hold both classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Train, valid and test examples of a data set, and where they come from."""

    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For the results file: source, revision, digest, rows, removed rows, sizes, rule, seed."""
    natural: float | None = None
    """Share of vulnerable functions that scores are weighted to; None weights no row."""

    @property
    def groups(self) -> tuple[int, ...]:
        """The cluster of each test example, numbered by first occurrence."""
        return clusters_of(self.test)

    @property
    def class_weights(self) -> tuple[float, float]:
        """Weights of a test row of class 0 and of class 1 that give the natural class shares."""
        return self.weights_on(self.test)

    def weights_on(self, examples: Sequence[Example]) -> tuple[float, float]:
        """Return the weights of a row of class 0 and of class 1 among ``examples``."""
        if self.natural is None:
            return (1.0, 1.0)
        share = _positives(examples) / len(examples)
        return ((1 - self.natural) / (1 - share), self.natural / share)


def clusters_of(examples: Sequence[AnyExample]) -> tuple[int, ...]:
    """Return the cluster of each example, numbered by first occurrence.

    An example without a cluster is a cluster of its own.
    """
    numbers: dict[tuple[str, int], int] = {}
    groups: list[int] = []
    for place, example in enumerate(examples):
        if example.group is None:
            key = ("alone", place)
        else:
            key = ("cluster", example.group)
        groups.append(numbers.setdefault(key, len(numbers)))
    return tuple(groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a data set is to be split."""

    seed: int
    sizes: Sizes | None = None
    """The most examples of each split; None takes all."""
    rule: str | None = None
    """A key of ``split_rules.RULES``; None keeps the authors' splits if there are any, and is
    random otherwise."""
    undersample: bool = False
    """Whether the majority class of train is reduced to the size of the minority class."""
    natural: float | None = None
    """See ``Splits``."""


def split(
    examples: Sequence[Example], wanted: Wanted, *, origin: str, facts: Mapping[str, Any]
) -> Splits:
    """De-duplicate, cluster, divide by the rule, then keep at most ``wanted.sizes`` of each split.

    ``origin`` names the data in error messages; ``facts`` are carried over and completed. Raises
    UsageError if fewer than ``FEWEST`` distinct examples remain, or if a split (after the cap) has
    one class only: no score is defined then.
    """
    rule = wanted.rule or rule_of(examples)
    distinct = deduplication.exact(examples)
    _refuse_hopeless(distinct.examples, len(examples), origin)
    stated = {**facts, "rows": len(examples)}
    available, completed = divided(distinct, rule, wanted.seed, origin=origin, facts=stated)
    train, valid, test = _capped(available, wanted.sizes)
    _refuse_one_class(train, f"{origin}: the train split", rule)
    kept = thinned(train) if wanted.undersample else train
    completed["undersampled_in_train"] = len(train) - len(kept)
    splits = assemble((kept, valid, test), origin=origin, facts=completed, rule=rule)
    return weighted(splits, wanted.natural)


def divided(
    distinct: Distinct[ExampleT],
    rule: str,
    seed: int,
    *,
    origin: str,
    facts: Mapping[str, object],
) -> tuple[ExampleLists[ExampleT], dict[str, object]]:
    """Cluster distinct examples and divide them by ``rule``; return all of them, and the facts.

    ``facts`` are those that are known already, and ``origin`` names the data. Raises UsageError if
    most examples lack the property that the rule divides by.
    """
    clustered, cluster_facts = deduplication.near(distinct.examples)
    available, left_out = fill(clustered, rule, seed, origin)
    completed = dict(facts)
    completed.update(distinct.counts)
    completed.update(cluster_facts)
    completed.update(left_out)
    completed["available"] = counts_of(available)
    completed["split_rule"] = RULES[rule]
    completed["split_seed"] = seed
    return available, completed


def rule_of(examples: Sequence[AnyExample]) -> str:
    """Return the rule for data whose user named none."""
    return AUTHORS if any(example.side for example in examples) else "random"


def _capped(parts: Sequence[list[Example]], sizes: Sizes | None) -> list[list[Example]]:
    if sizes is None:
        return list(parts)
    return [part[:size] for part, size in zip(parts, sizes, strict=True)]


def assemble(
    parts: Sequence[Sequence[Example]],
    *,
    origin: str,
    facts: Mapping[str, Any],
    rule: str = "random",
) -> Splits:
    """Return Splits of ready-made train, valid and test, with their sizes added to ``facts``.

    Raises UsageError if one has one class only, or if a text or a cluster is in two of them.
    """
    positives: dict[str, int] = {}
    prevalence: dict[str, float | None] = {}
    for name, part in zip(NAMES, parts, strict=True):
        _refuse_one_class(part, f"{origin}: the {name} split", rule)
        positives[name] = _positives(part)
        prevalence[name] = positives[name] / len(part)
    _refuse_overlap(parts, origin)
    prevalence["natural"] = None
    counts = {"split_sizes": counts_of(parts), "positives": positives, "prevalence": prevalence}
    train, valid, test = (tuple(part) for part in parts)
    return Splits(train=train, valid=valid, test=test, facts={**facts, **counts})


def weighted(splits: Splits, natural: float | None) -> Splits:
    """Return ``splits`` whose scores are weighted to a ``natural`` share of vulnerable functions.

    The facts state that share.
    """
    prevalence = {**splits.facts["prevalence"], "natural": natural}
    return replace(splits, natural=natural, facts={**splits.facts, "prevalence": prevalence})


def cut(
    elements: Sequence[Element],
) -> tuple[Sequence[Element], Sequence[Element], Sequence[Element]]:
    """Divide 80 / 10 / 10, in order."""
    tenth = round(len(elements) / 10)
    valid_start = len(elements) - 2 * tenth
    test_start = valid_start + tenth
    return elements[:valid_start], elements[valid_start:test_start], elements[test_start:]


def thinned(examples: Sequence[Example]) -> list[Example]:
    """Keep all of the minority class and the first as many of the majority class.

    Examples come in random order, so the first ones are a random sample.
    """
    positives = _positives(examples)
    smaller = min(positives, len(examples) - positives)
    room = {0: smaller, 1: smaller}
    kept = []
    for example in examples:
        if room[example.label] > 0:
            room[example.label] -= 1
            kept.append(example)
    return kept


def counts_of(parts: Sequence[Sequence[object]]) -> dict[str, int]:
    """Return how many examples each split has."""
    return {name: len(part) for name, part in zip(NAMES, parts, strict=True)}


def _positives(examples: Sequence[Example]) -> int:
    return sum(e.label for e in examples)


def _refuse_hopeless(distinct: Sequence[Example], rows: int, origin: str) -> None:
    if len(distinct) < FEWEST:
        raise UsageError(
            f"{origin}: {len(distinct)} distinct functions are left of {rows} rows, too few for an "
            f"80 / 10 / 10 split; at least {FEWEST} are needed, and hundreds for a meaningful "
            "score: give more rows"
        )
    _refuse_one_class(distinct, f"{origin}: after deduplication the data")


def _refuse_one_class(examples: Sequence[Example], who: str, rule: str = "random") -> None:
    positives = _positives(examples)
    if not 0 < positives < len(examples):
        raise UsageError(
            f"{who} has {len(examples)} rows, {positives} of them vulnerable; both labels, 0 and "
            f"1, are needed to train and score: {REMEDIES[rule]}"
        )


def _refuse_overlap(parts: Sequence[Sequence[Example]], origin: str) -> None:
    texts: list[set[str]] = []
    groups: list[set[int]] = []
    for part in parts:
        texts.append({normalised(e.text) for e in part})
        groups.append({e.group for e in part if e.group is not None})
    shared = _in_two(texts) + _in_two(groups)
    if shared:
        raise UsageError(
            f"{origin}: {shared} functions are in two splits, which flatters the score; remove "
            "them there"
        )


def _in_two(sets: Sequence[set[Element]]) -> int:
    """Count the elements that two of three sets share, for each two of them."""
    train, valid, test = sets
    return len(train & valid) + len(train & test) + len(valid & test)
