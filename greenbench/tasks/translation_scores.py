"""Score translations: by running them where there are tests, and by their texts; with references and doubts.

pass@1 is the share of translations that pass all their tests, one greedy answer each (Chen et al. 2021,
arXiv:2107.03374). BLEU (Papineni et al., ACL 2002) and chrF (Popović, WMT 2015) are sacrebleu's over the whole corpus, from
0 to 100. BLEU's tokens are what stands between white space, as in CodeXGLUE's own evaluation (copying Java scores 18.7 on its
C# then; with sacrebleu's tokenizer for prose, which cuts at punctuation, 49.5). Exact match is equality up to white space at
the ends of lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.tasks import judging
from greenbench.types import Judged, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.tasks.judging import Verdict
    from greenbench.tasks.pairs import Pair, PairSplits

PRIMARY = ("pass_at_1", "bleu")
"""The first one that has a value counts."""
FEW = 30
"""Test programs below which one more or less right moves a score by several points."""
NO_TESTS = "the data have no tests to run"


def judge(pairs: Sequence[Pair], outputs: Sequence[str], references: Mapping[str, Mapping[str, float | None]]) -> Judged:
    """Score one output a pair, sort what failed, and say where the score should not be believed."""
    verdicts, reason = _verdicts(pairs, outputs)
    quality = score(pairs, outputs, verdicts, reason)
    return Judged(
        quality=quality,
        references=references,
        degenerate=constant(outputs),
        failures={f: sum(v.outcome == f for v in verdicts) for f in judging.FAILURES} if verdicts else {},
        doubts=(*doubts(outputs, quality, references), *_isolation(verdicts)),
        correct=_right(pairs, outputs, verdicts),
    )


def _right(pairs: Sequence[Pair], outputs: Sequence[str], verdicts: Sequence[Verdict]) -> int:
    """Count the outputs that pass their tests; where there are none to run, those that equal their targets."""
    if verdicts:
        return sum(v.outcome == "passed" for v in verdicts)
    return sum(tidy(o) == tidy(p.target) for o, p in zip(outputs, pairs, strict=True))


def references(splits: PairSplits) -> dict[str, dict[str, float | None]]:
    """Return the scores of copying the source, on the same test pairs."""
    copied = [p.source for p in splits.test]
    scores = score(splits.test, copied, *_verdicts(splits.test, copied))
    return {"copy_source": {name: metric.value for name, metric in scores.items()}}


def score(pairs: Sequence[Pair], outputs: Sequence[str], verdicts: Sequence[Verdict], reason: str) -> dict[str, Metric]:
    """Return the metrics; those of running programs are None, with ``reason``, where there are no verdicts."""
    if len(pairs) != len(outputs) or not pairs:
        raise ValueError(f"{len(pairs)} pairs and {len(outputs)} translations cannot be scored")
    targets, n = [p.target for p in pairs], len(pairs)
    compiled = [v.outcome != "does_not_compile" for v in verdicts]
    return {
        "pass_at_1": Metric(value=_share([v.outcome == "passed" for v in verdicts]), n=n, reason=reason),
        "compile_rate": Metric(value=_share(compiled), n=n, reason=reason),
        "exact_match": Metric(value=_share([tidy(o) == tidy(t) for o, t in zip(outputs, targets, strict=True)]), n=n),
        "bleu": Metric(value=bleu(outputs, targets), n=n),
        "chrf": Metric(value=chrf(outputs, targets), n=n),
    }


def tidy(text: str) -> str:
    """Return ``text`` without white space at the ends of its lines and of itself."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def bleu(outputs: Sequence[str], targets: Sequence[str]) -> float:
    """Corpus BLEU over tokens between white space, 0 to 100."""
    from sacrebleu.metrics import BLEU

    return float(BLEU(tokenize="none", force=True).corpus_score(list(outputs), [list(targets)]).score)


def chrf(outputs: Sequence[str], targets: Sequence[str]) -> float:
    """Corpus chrF, 0 to 100."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().corpus_score(list(outputs), [list(targets)]).score)


def primary(quality: Mapping[str, Any]) -> str:
    """Return the name of the metric that counts here."""
    return next((name for name in PRIMARY if quality[name].value is not None), PRIMARY[-1])


def doubts(
    outputs: Sequence[str], quality: Mapping[str, Metric], references: Mapping[str, Mapping[str, float | None]]
) -> tuple[str, ...]:
    """Say where the score should not be believed: few programs, or a reference that does as well."""
    found = []
    if len(outputs) < FEW:
        found.append(f"the test split has {len(outputs)} programs: few for a score")
    name = primary(quality)
    reached = quality[name].value or 0.0
    rivals = {rival: scores.get(name) for rival, scores in references.items()}
    as_good = {rival: value for rival, value in rivals.items() if value is not None and value >= reached}
    found += [
        f"the reference '{rival}' reaches {name} {value:.3f}, the model {reached:.3f}" for rival, value in as_good.items()
    ]
    return tuple(found)


def constant(outputs: Sequence[str]) -> tuple[str, ...]:
    """Say where the outputs are no translations: one for everything."""
    if len(outputs) > 1 and len(set(outputs)) == 1:
        return (f"the model gives one answer to all {len(outputs)} programs",)
    return ()


def _verdicts(pairs: Sequence[Pair], outputs: Sequence[str]) -> tuple[list[Verdict], str]:
    """Return what came of running the outputs, or why they were not run."""
    tested = [(o, p.tests) for o, p in zip(outputs, pairs, strict=False) if p.tests is not None]
    if len(tested) < len(pairs) or not pairs:
        return [], NO_TESTS
    reason = judging.unavailable(pairs[0].language)
    return ([], reason) if reason else (judging.judge(tested), "")


def _isolation(verdicts: Sequence[Verdict]) -> list[str]:
    """Say what protection the programs ran without."""
    found = dict.fromkeys(v.isolation.network for v in verdicts if v.isolation is not None)
    return [f"translations ran with the network {line}" for line in found if line.startswith("not isolated")]


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
