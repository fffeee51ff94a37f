"""Single knobs beside V0: ``--green-knob data.batch_size=64`` makes a variant that sets only that.

Knobs that do nothing without another one are set together: ``"architecture.weight_format=int8
architecture.quantizer=torchao"`` is one variant. It has no folder and is named after what it sets,
``K0_data_batch_size_64``; after the first of many, ``K0_data_tokenizer_rust_and_5_more_3f9a1c``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.knob_rules import contradiction
from greenbench.experiment.knobs import with_knob
from greenbench.options import BASELINE, KnobValue, Options, baseline_of
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from greenbench.experiment.option_parsers import RawOption

FLAG = "--green-knob"
NUMBER = "K0"
"""Begins the names; the 0 is that of V0, from which each variant differs."""
LONGEST_NAME = 60
"""Characters; a longer name fills tables, and a file system takes no more than some 200."""
LONGEST_FIRST = 36
"""Characters of its first knob that a shortened name keeps."""
SHORTENED = re.compile(rf"{NUMBER}_\w+_and_[0-9]+_more_[0-9a-f]{{6}}", re.ASCII)
FORM = "write STAGE.KNOB=VALUE, e.g. data.batch_size=64, with a blank between knobs of one variant"


@dataclass(frozen=True, slots=True)
class KnobTrial:
    """Knobs that one variant sets, with their values."""

    settings: tuple[tuple[str, KnobValue], ...]
    text: str
    """As it was written."""
    baseline: Options = BASELINE
    """That of the suite."""

    @property
    def options(self) -> Options:
        """The baseline with these knobs set."""
        options = self.baseline
        for knob, value in self.settings:
            options = with_knob(options, knob, value)
        return options

    @property
    def name(self) -> str:
        """The variant's name; one that would be too long ends in a digest of what it sets."""
        words = [NUMBER]
        latest = ""
        for knob, value in self.settings:
            stage, _, name = knob.partition(".")
            written = f"{name}_{value}" if stage == latest else f"{knob}_{value}"
            words.append(re.sub(r"\W+", "_", written, flags=re.ASCII))
            latest = stage
        whole = "_".join(words)
        if len(whole) <= LONGEST_NAME:
            return whole
        return _shortened(words[1], len(self.settings) - 1, whole)


def _shortened(first: str, more: int, whole: str) -> str:
    """Name a variant after its first knob; the digest tells it from others that begin alike."""
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{NUMBER}_{first[:LONGEST_FIRST].rstrip('_')}_and_{more}_more_{digest}"


def is_shortened(name: str) -> bool:
    """Whether a variant's name does not say all that the variant sets."""
    return SHORTENED.fullmatch(name) is not None


def knob_trials(raw: RawOption) -> tuple[KnobTrial, ...]:
    """Return what a repeated option, or a list in pyproject.toml, requests; nothing for None."""
    if raw.value is None:
        return ()
    entries = [raw.value] if isinstance(raw.value, str) else raw.value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise raw.error(FORM)
    trials: dict[Options, KnobTrial] = {}
    for entry in entries:
        trial = knob_trial(entry, raw.baseline, raw.absent)
        trials.setdefault(trial.options, trial)
    return tuple(trials.values())


def knob_trial(text: str, baseline: Options = BASELINE, absent: Collection[str] = ()) -> KnobTrial:
    """Return the knobs of one variant; raises UsageError for what no variant can set.

    Its sentence does not offer the knobs that are ``absent``.
    """
    from greenbench.experiment.config import parse_value

    settings = {}
    for word in text.split():
        knob, equals, value = word.partition("=")
        where = f"{FLAG}: found {word!r}"
        if not equals or "." not in knob:
            raise UsageError(f"{where}; {FORM}")
        parsed = parse_value(knob, value, where, baseline, absent)
        if isinstance(parsed, list):
            raise UsageError(f"{where}; give one value, and repeat {FLAG} for another")
        settings[knob] = parsed
    trial = KnobTrial(tuple(settings.items()), text, baseline)
    if trial.options == baseline:
        raise UsageError(f"{FLAG}: found {text!r}, which is V0 itself; give another value")
    return trial


def trial_name(text: str) -> str:
    """Return the name of the variant that ``text`` makes, by its words where knobs are unknown."""
    try:
        return knob_trial(text).name
    except UsageError:  # a suite's own knobs: their names and values as they are written
        settings = []
        for word in text.split():
            knob, _, value = word.partition("=")
            settings.append((knob, value))
        return KnobTrial(tuple(settings), text).name


def trial_variants(trials: Sequence[KnobTrial], known: Sequence[Variant]) -> tuple[Variant, ...]:
    """Return V0 and the variants of ``trials``.

    Where one of the ``known`` variants has the options of a trial, it stands for it: one set of
    options has one name. Raises UsageError if there is no V0, and for knobs that contradict each
    other.
    """
    baseline = None
    if known:
        baseline = _same_options(baseline_of(known[0].options), known)
    if baseline is None:
        raise UsageError(f"{FLAG}: experiment.md has no baseline; add V0_baseline to it")
    variants = [baseline]
    for trial in trials:
        problem = contradiction(trial.options)
        if problem:
            raise UsageError(f"{FLAG}: {trial.text} cannot run: {problem}")
        variants.append(_same_options(trial.options, known) or _variant(trial, baseline))
    return tuple(variants)


def _same_options(options: Options, known: Sequence[Variant]) -> Variant | None:
    for variant in known:
        if variant.options == options and not variant.sweep:
            return variant
    return None


def _variant(trial: KnobTrial, baseline: Variant) -> Variant:
    return Variant(name=trial.name, title=trial.text, options=trial.options, folder=baseline.folder)
