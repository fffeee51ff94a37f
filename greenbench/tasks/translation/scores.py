"""Score translations: by running them where there are tests, and by their texts; with intervals, references and doubts.

pass@1 is the share of translations that pass all their tests, one greedy answer each (Chen et al. 2021,
arXiv:2107.03374). BLEU (Papineni et al., ACL 2002) and chrF (Popović, WMT 2015) are sacrebleu's over the whole corpus, from
0 to 100. BLEU's tokens are what stands between white space, as in CodeXGLUE's own evaluation (copying Java scores 18.7 on its
C# then; with sacrebleu's tokenizer for prose, which cuts at punctuation, 49.5). Exact match is equality up to white space at
the ends of lines. Shares have Wilson's interval over test pairs, BLEU the bootstrap's percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.stats.wilson import wilson
from greenbench.tasks.translation import cleaning
from greenbench.tasks.translation.execution import run_tests as judging
from greenbench.types import Judged, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.pairs import Pair, PairSplits
    from greenbench.stats.classification_scores import Array
    from greenbench.stats.translation_answers import Translations
    from greenbench.tasks.dummies import Rivals
    from greenbench.tasks.translation.execution.run_tests import Verdict

PRIMARY = ("pass_at_1", "bleu")
"""The first one that has a value counts."""
FEW = 30
"""Test programs below which one more or less right moves a score by several points."""
NO_TESTS = "the data have no tests to run"
NO_TARGETS = "the data have no translations to compare with"
NO_CODEBLEU = "no maintained library computes it: the last release of codebleu (2024) fails with today's grammars of tree-sitter"
RUN, TEXT = ("pass_at_1", "compile_rate"), ("exact_match", "bleu", "chrf")
"""Metrics that come of running translations, and of comparing them with the true ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Translations with all that is known of them."""

    verdicts: Sequence[Verdict]
    answers: Translations
    drawn: Mapping[str, Array]
    """Each score on resampled pairs."""
    quality: Mapping[str, Metric]


def judge(splits: PairSplits, outputs: Sequence[str], rivals: Rivals) -> Judged:
    """Score one output a test pair, sort what failed, and say where the score should not be believed."""
    from greenbench.stats import translation_answers as translations

    if len(splits.test) != len(outputs) or not outputs:
        raise ValueError(
            f"{len(splits.test)} pairs and {len(outputs)} translations cannot be scored"
        )
    cleaned, counts = cleaning.clean_all(outputs, splits.test)
    one = scored(splits, cleaned, nothing=rivals.scores.get("empty", {}))
    name = primary(one.quality)
    leads = rivals.leads(name, one.quality[name].value, one.drawn.get(name))
    return Judged(
        quality=one.quality,
        references={rival: {**scores, **leads[rival]} for rival, scores in rivals.scores.items()},
        degenerate=constant(cleaned) or copied(cleaned, splits.test),
        failures={f: sum(v.outcome == f for v in one.verdicts) for f in judging.FAILURES}
        if one.verdicts
        else {},
        doubts=(
            *few(cleaned),
            *cleaning.told(counts, len(outputs)),
            *rivals.doubts(leads, name),
            *_walls(one.verdicts),
        ),
        correct=int(one.answers.right.sum()),
        outcomes=translations.record(one.answers),
    )


def scored(
    splits: PairSplits, outputs: Sequence[str], *, nothing: Mapping[str, float | None] | None = None
) -> Scored:
    """Run and compare ``outputs``; ``nothing`` are the scores of writing nothing, which a model has to beat."""
    from greenbench.stats import bootstrap

    verdicts, reason = _verdicts(splits, outputs)
    answers = answered(splits.test, outputs, verdicts)
    drawn = bootstrap.replicates(answers)
    chrf_value = chrf(*_comparable(splits.test, outputs))
    quality = score(answers, drawn, chrf_value, reason, nothing or {})
    return Scored(verdicts=verdicts, answers=answers, drawn=drawn, quality=quality)


def answered(
    pairs: Sequence[Pair], outputs: Sequence[str], verdicts: Sequence[Verdict]
) -> Translations:
    """Put together what came of each translation."""
    import numpy as np

    from greenbench.stats import classification_answers as outcomes
    from greenbench.stats import translation_answers as translations

    shares = {"exact_match": [_equal(o, p) for o, p in zip(outputs, pairs, strict=True)]}
    if verdicts:
        shares["pass_at_1"] = [float(v.outcome == "passed") for v in verdicts]
        shares["compile_rate"] = [float(v.outcome != "does_not_compile") for v in verdicts]
    return translations.Translations(
        shares={name: np.array(hits, float) for name, hits in shares.items()},
        counts=np.array([_counts(o, p.target) for o, p in zip(outputs, pairs, strict=True)], float),
        rows_sha256=outcomes.checksum(p.source for p in pairs),
    )


def _equal(output: str, pair: Pair) -> float:
    return float("nan") if pair.target is None else float(tidy(output) == tidy(pair.target))


def tidy(text: str) -> str:
    """Return ``text`` without white space at the ends of its lines and of itself."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _counts(output: str, target: str | None) -> list[int]:
    """Return what BLEU sums up of one text; nothing where there is no target."""
    from sacrebleu.metrics import BLEU

    from greenbench.stats import translation_answers as translations

    if target is None:
        return [0] * translations.COLUMNS
    one = BLEU(tokenize="none", force=True, effective_order=True).sentence_score(output, [target])
    return [*one.counts, *one.totals, one.sys_len, one.ref_len]


def _comparable(pairs: Sequence[Pair], outputs: Sequence[str]) -> tuple[list[str], list[str]]:
    both = [(o, p.target) for o, p in zip(outputs, pairs, strict=True) if p.target is not None]
    return [o for o, _ in both], [t for _, t in both]


def chrf(outputs: Sequence[str], targets: Sequence[str]) -> float | None:
    """Corpus chrF, 0 to 100; None where there is nothing to compare with."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().corpus_score(list(outputs), [list(targets)]).score) if targets else None


def score(
    answers: Translations,
    drawn: Mapping[str, Array],
    chrf_value: float | None,
    unrun: str,
    nothing: Mapping[str, Any],
) -> dict[str, Metric]:
    """Return each score with its 95 % interval over test pairs; None with a reason (``unrun``) where there is none."""
    import numpy as np

    from greenbench.stats import bootstrap

    rows = len(answers.counts)
    compared = int((~np.isnan(answers.shares["exact_match"])).sum())
    bounds = bootstrap.interval(drawn["bleu"])
    bleu = bootstrap.point(answers)["bleu"]
    lacking = {name: Metric(value=None, n=rows, reason=unrun) for name in RUN}
    lacking |= {name: Metric(value=None, n=rows, reason=NO_TARGETS) for name in TEXT}
    found = {
        name: _share(hits, name, nothing)
        for name, hits in answers.shares.items()
        if not np.isnan(hits).all()
    }
    if compared:
        found["bleu"] = Metric(value=bleu, n=compared, low=bounds.low, high=bounds.high)
        found["chrf"] = Metric(value=chrf_value, n=compared)
    return {**lacking, **found, "codebleu": Metric(value=None, n=rows, reason=NO_CODEBLEU)}


def _share(hits: Array, name: str, nothing: Mapping[str, Any]) -> Metric:
    """Return the share of the hits; passing tests has to be shown to be better than writing nothing is."""
    import numpy as np

    known = hits[~np.isnan(hits)]
    low, high = wilson(int(known.sum()), len(known))
    decides = name == PRIMARY[0]
    constant = nothing.get(name) if decides else None
    return Metric(
        value=float(known.mean()),
        n=len(known),
        low=low,
        high=high,
        constant=constant,
        decides=decides,
    )


def primary(quality: Mapping[str, Any]) -> str:
    """Return the name of the metric that counts here."""
    return next((name for name in PRIMARY if quality[name].value is not None), PRIMARY[-1])


def few(outputs: Sequence[str]) -> tuple[str, ...]:
    """Say where the test programs are few."""
    return (
        (f"the test split has {len(outputs)} programs: few for a score",)
        if len(outputs) < FEW
        else ()
    )


def constant(outputs: Sequence[str]) -> tuple[str, ...]:
    """Say where the outputs are no translations: one for everything."""
    if len(outputs) > 1 and len(set(outputs)) == 1:
        return (f"the model gives one answer to all {len(outputs)} programs",)
    return ()


def copied(outputs: Sequence[str], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Say where the outputs are no translations: the sources."""
    if all(
        tidy(o) == tidy(p.source) != tidy(p.target or "")
        for o, p in zip(outputs, pairs, strict=True)
    ):
        return (f"the model gives back the source of all {len(outputs)} programs",)
    return ()


def _verdicts(splits: PairSplits, outputs: Sequence[str]) -> tuple[list[Verdict], str]:
    """Return what came of running the outputs, or why they were not run."""
    pairs = splits.test
    tested = [(o, p.tests) for o, p in zip(outputs, pairs, strict=True) if p.tests is not None]
    if len(tested) < len(pairs):
        return [], NO_TESTS
    reason = judging.unavailable(pairs[0].language, type(tested[0][1]), unsafe=splits.unsafe)
    return (
        ([], reason)
        if reason
        else (judging.judge(pairs[0].language, tested, unsafe=splits.unsafe), "")
    )


def _walls(verdicts: Sequence[Verdict]) -> list[str]:
    """Say what protection the programs ran without."""
    found = dict.fromkeys(v.isolation.network for v in verdicts if v.isolation is not None)
    return [
        f"translations ran with the network {line}"
        for line in found
        if line.startswith("not isolated")
    ]
