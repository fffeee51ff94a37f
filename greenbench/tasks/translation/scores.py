"""Score translations by running them, if there are tests, and by their texts; with intervals.

pass@1 is the share of translations that pass all their tests, one greedy answer each (Chen et al.
2021, arXiv:2107.03374). BLEU (Papineni et al., ACL 2002) and chrF (Popović, WMT 2015) are
sacrebleu's over the whole corpus, from 0 to 100. BLEU's tokens are what stands between white space,
as in CodeXGLUE's own evaluation (copying Java scores 18.7 on its C# then; with sacrebleu's
tokenizer for prose, which cuts at punctuation, 49.5). Exact match is equality up to white space at
the ends of lines. Shares have Wilson's interval over test pairs, BLEU the bootstrap's percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.stats.wilson import wilson
from greenbench.tasks.translation import cleaning
from greenbench.types import AnsweredRow, Judged, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.pairs import Pair, PairSplits
    from greenbench.stats.classification_scores import Array
    from greenbench.stats.translation_answers import Translations
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.translation.execution.run_tests import ProgramOutcome

PRIMARY = ("pass_at_1", "bleu")
"""The first one that has a value counts."""
FEW = 30
"""Test programs below which one more or less right moves a score by several points."""
NO_TESTS = "the data have no tests to run"
NO_TARGETS = "the data have no translations to compare with"
NO_CODEBLEU = (
    "no maintained library computes it: the last release of codebleu (2024) fails with today's "
    "grammars of tree-sitter"
)
RUN, TEXT = ("pass_at_1", "compile_rate"), ("exact_match", "bleu", "chrf")
"""Metrics that come of running translations, and of comparing them with the true ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Translations with all that is known of them."""

    programs: Sequence[ProgramOutcome]
    """What came of running each; empty if none was run."""
    answers: Translations
    drawn: Mapping[str, Array]
    """Each score on resampled pairs."""
    quality: Mapping[str, Metric]


def judge(splits: PairSplits, outputs: Sequence[str], baselines: DummyBaselines) -> Judged:
    """Score one output a test pair, count failures by kind, and warn about scores of little worth.

    Raises ValueError if there is not one output a pair, or no pair.
    """
    from greenbench.stats import translation_answers

    pairs = splits.test
    if len(pairs) != len(outputs) or not outputs:
        raise ValueError(f"{len(pairs)} pairs and {len(outputs)} translations cannot be scored")
    translations, counts = cleaning.clean_all(outputs, pairs)
    nothing = baselines.scores.get("empty", {})
    result = scored(splits, translations, nothing=nothing)
    quality = result.quality
    answers = result.answers
    name = primary(quality)
    leads = baselines.leads(name, quality[name].value, result.drawn.get(name))
    doubts = list(few(translations))
    doubts += cleaning.sentences(counts, len(outputs))
    doubts += baselines.doubts(leads, name)
    doubts += _lacking_isolation(result.programs)
    degenerate = constant(translations) or copied(translations, pairs)
    correct = int(answers.right.sum())
    return Judged(
        quality=quality,
        references=baselines.with_leads(leads),
        degenerate=degenerate,
        failures=_failures(result.programs),
        doubts=tuple(doubts),
        correct=correct,
        outcomes=translation_answers.record(answers),
        tools=_tools(splits) if result.programs else {},
        answered=answered_rows(pairs, translations, result),
    )


def answered_rows(
    pairs: Sequence[Pair], outputs: Sequence[str], result: Scored
) -> tuple[AnsweredRow, ...]:
    """Return each test pair with its answer as it was scored, and what came of it."""
    rows = []
    are_right = result.answers.right.tolist()
    for number, (pair, output) in enumerate(zip(pairs, outputs, strict=True)):
        right = are_right[number]
        row = AnsweredRow(
            row=number,
            source=pair.source,
            expected=pair.target or "",
            output=output,
            outcome=_what_came(result.programs, number, right=right),
            right=right,
        )
        rows.append(row)
    return tuple(rows)


def _what_came(programs: Sequence[ProgramOutcome], number: int, *, right: bool) -> str:
    """Return what came of running a translation, or of comparing it if none was run."""
    if not programs:
        return "equal" if right else "not equal"
    program = programs[number]
    return f"{program.outcome}: {program.note}" if program.note else program.outcome


def _tools(splits: PairSplits) -> dict[str, str]:
    """Return the tools that run the translations, with versions."""
    from greenbench.tasks.translation.execution.tool_versions import tool_versions

    kinds = [type(pair.tests) for pair in splits.test if pair.tests is not None]
    return tool_versions(splits.test[0].language, kinds[0])


def _failures(programs: Sequence[ProgramOutcome]) -> dict[str, int]:
    """Return how many programs failed in each way; nothing if none was run."""
    from greenbench.tasks.translation.execution import run_tests

    if not programs:
        return {}
    outcomes = [program.outcome for program in programs]
    return {failure: outcomes.count(failure) for failure in run_tests.FAILURES}


def scored(
    splits: PairSplits, outputs: Sequence[str], *, nothing: Mapping[str, float | None] | None = None
) -> Scored:
    """Run and compare ``outputs``.

    ``nothing`` are the scores of writing nothing, which a model has to beat.
    """
    from greenbench.stats import bootstrap

    programs, reason = _run_all(splits, outputs)
    answers = answered(splits.test, outputs, programs)
    drawn = bootstrap.replicates(answers)
    compared_outputs, targets = _comparable(splits.test, outputs)
    quality = score(answers, drawn, chrf(compared_outputs, targets), reason, nothing or {})
    return Scored(programs=programs, answers=answers, drawn=drawn, quality=quality)


def answered(
    pairs: Sequence[Pair], outputs: Sequence[str], programs: Sequence[ProgramOutcome]
) -> Translations:
    """Put together what came of each translation."""
    import numpy as np

    from greenbench.stats import classification_answers, translation_answers

    exact_matches = []
    counts = []
    for output, pair in zip(outputs, pairs, strict=True):
        exact_matches.append(_exact_match(output, pair))
        counts.append(_bleu_counts(output, pair.target))
    shares = {"exact_match": np.array(exact_matches, float)}
    if programs:
        outcomes = np.array([program.outcome for program in programs])
        shares["pass_at_1"] = (outcomes == "passed").astype(float)
        shares["compile_rate"] = (outcomes != "does_not_compile").astype(float)
    return translation_answers.Translations(
        shares=shares,
        counts=np.array(counts, float),
        rows_sha256=classification_answers.checksum(pair.source for pair in pairs),
    )


def _exact_match(output: str, pair: Pair) -> float:
    if pair.target is None:
        return float("nan")
    return float(tidy(output) == tidy(pair.target))


def tidy(text: str) -> str:
    """Return ``text`` without white space at the ends of its lines and of itself."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _bleu_counts(output: str, target: str | None) -> list[int]:
    """Return what BLEU sums up of one text; zeros if there is no target."""
    from sacrebleu.metrics import BLEU

    from greenbench.stats import translation_answers

    if target is None:
        return [0] * translation_answers.COLUMNS
    bleu = BLEU(tokenize="none", force=True, effective_order=True)
    sentence = bleu.sentence_score(output, [target])
    return [*sentence.counts, *sentence.totals, sentence.sys_len, sentence.ref_len]


def _comparable(pairs: Sequence[Pair], outputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the outputs that have a true translation, and these."""
    compared_outputs = []
    targets = []
    for output, pair in zip(outputs, pairs, strict=True):
        if pair.target is not None:
            compared_outputs.append(output)
            targets.append(pair.target)
    return compared_outputs, targets


def chrf(outputs: Sequence[str], targets: Sequence[str]) -> float | None:
    """Return the corpus's chrF, 0 to 100; None if there is nothing to compare with."""
    from sacrebleu.metrics import CHRF

    if not targets:
        return None
    return float(CHRF().corpus_score(list(outputs), [list(targets)]).score)


def score(
    answers: Translations,
    drawn: Mapping[str, Array],
    chrf_value: float | None,
    unrun: str,
    nothing: Mapping[str, float | None],
) -> dict[str, Metric]:
    """Return each score with its 95 % interval over test pairs.

    A score that cannot be had is None with a reason, ``unrun`` for those of running.
    """
    import numpy as np

    from greenbench.stats import bootstrap

    rows = len(answers.counts)
    not_run = Metric(value=None, n=rows, reason=unrun)
    not_compared = Metric(value=None, n=rows, reason=NO_TARGETS)
    scores = dict.fromkeys(RUN, not_run)
    scores.update(dict.fromkeys(TEXT, not_compared))
    for name, hits in answers.shares.items():
        if not np.isnan(hits).all():
            scores[name] = _share(hits, name, nothing)
    is_compared = ~np.isnan(answers.shares["exact_match"])
    compared = int(is_compared.sum())
    if compared:
        bounds = bootstrap.interval(drawn["bleu"])
        bleu = bootstrap.point(answers)["bleu"]
        scores["bleu"] = Metric(value=bleu, n=compared, low=bounds.low, high=bounds.high)
        scores["chrf"] = Metric(value=chrf_value, n=compared)
    scores["codebleu"] = Metric(value=None, n=rows, reason=NO_CODEBLEU)
    return scores


def _share(hits: Array, name: str, nothing: Mapping[str, float | None]) -> Metric:
    """Return the share of the hits.

    Passing tests has to be shown to be better than writing nothing is.
    """
    import numpy as np

    known = hits[~np.isnan(hits)]
    count = len(known)
    low, high = wilson(int(known.sum()), count)
    decides = name == PRIMARY[0]
    return Metric(
        value=float(known.mean()),
        n=count,
        low=low,
        high=high,
        constant=nothing.get(name) if decides else None,
        decides=decides,
    )


def primary(quality: Mapping[str, Metric]) -> str:
    """Return the name of the metric that counts here."""
    for name in PRIMARY:
        if quality[name].value is not None:
            return name
    return PRIMARY[-1]


def few(outputs: Sequence[str]) -> tuple[str, ...]:
    """Warn if there are few test programs."""
    if len(outputs) < FEW:
        return (f"the test split has {len(outputs)} programs: few for a score",)
    return ()


def constant(outputs: Sequence[str]) -> tuple[str, ...]:
    """Say if the outputs are no translations: one for everything."""
    if len(outputs) > 1 and len(set(outputs)) == 1:
        return (f"the model gives one answer to all {len(outputs)} programs",)
    return ()


def copied(outputs: Sequence[str], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Say if the outputs are no translations: the sources."""
    if all(map(_is_copied, outputs, pairs)):
        return (f"the model gives back the source of all {len(outputs)} programs",)
    return ()


def _is_copied(output: str, pair: Pair) -> bool:
    source = tidy(pair.source)
    return tidy(output) == source and source != tidy(pair.target or "")


def _run_all(splits: PairSplits, outputs: Sequence[str]) -> tuple[list[ProgramOutcome], str]:
    """Return what came of running the outputs, or why they were not run."""
    from greenbench.tasks.translation.execution import run_tests

    tested = []
    for output, pair in zip(outputs, splits.test, strict=True):
        if pair.tests is None:
            return [], NO_TESTS
        tested.append((output, pair.tests))
    language = splits.test[0].language
    kind = type(tested[0][1])
    reason = run_tests.unavailable(language, kind, unsafe=splits.unsafe)
    if reason is not None:
        return [], reason
    return run_tests.judge(language, tested, unsafe=splits.unsafe), ""


def _lacking_isolation(programs: Sequence[ProgramOutcome]) -> list[str]:
    """Say what protection the programs ran without."""
    warnings: dict[str, None] = {}
    for program in programs:
        if program.isolation is None:
            continue
        network, calls = program.isolation.network, program.isolation.system_calls
        if network.startswith("not isolated"):
            warnings[f"translations ran with the network {network}"] = None
        if calls.startswith("not filtered"):
            warnings[f"translations ran with system calls {calls}"] = None
    return list(warnings)
