"""Commands to paste, which measure cells again beside V0.

Texts of others get into one only as values of options that their session had, quoted for a shell.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from greenbench.experiment.factorial import FLAG as FACTORIAL
from greenbench.experiment.knob_trials import FLAG as KNOB
from greenbench.experiment.knob_trials import trial_name
from greenbench.report.names import CELL_ID
from greenbench.results.reading import BASELINE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

COMBINATION, TRIAL = "F", "K"
"""Begin the names of variants that ``--green-factorial`` and ``--green-knob`` make up."""
MOST_KEYWORDS = 8
"""Variants that a command names; for more it selects the whole task."""
KEYWORD = re.compile(r"[\w.]+", re.ASCII)
"""What may stand in an expression of ``-k`` as it is."""
REPEATED = frozenset(
    f"--green-{name}"
    for name in (
        *("matrix", "profile", "data", "columns", "split", "balance", "prevalence", "size"),
        *("direction", "model", "device", "gpus", "cpu-watts"),
    )
)
"""Options without which the same cells would not be what they were."""


class SessionOptions(NamedTuple):
    """What another session has to repeat of a command line, quoted for a shell."""

    inputs: str = ""
    """Matrix, data, models and devices; begins with a blank unless it is empty."""
    factorial: str = ""
    """The value of ``--green-factorial``."""
    knobs: tuple[str, ...] = ()
    """The values of ``--green-knob``."""


def options_of(command: str) -> SessionOptions:
    """Return what a session's command line says of its cells; nothing if it cannot be read."""
    try:
        words = shlex.split(command)
    except ValueError:
        return SessionOptions()
    chosen, knobs, factorial = [], [], ""
    for place, word in enumerate(words):
        flag, sign, value = word.partition("=")
        if flag not in REPEATED and flag not in {FACTORIAL, KNOB}:
            continue
        if not sign:
            value = words[place + 1] if place + 1 < len(words) else ""
        if not value.isprintable():
            return SessionOptions()
        if flag == FACTORIAL:
            factorial = value
        elif flag == KNOB:
            knobs.append(value)
        else:
            chosen.append(f" {flag} {shlex.quote(value)}")
    return SessionOptions("".join(chosen), factorial, tuple(knobs))


def measuring(task: str, cell_ids: Iterable[str], options: SessionOptions, extent: str) -> str:
    """Return the command that measures cells beside V0; empty if no command line can name them.

    ``extent`` is the option that says how many rounds.
    """
    keywords = [f"{BASELINE}_"]
    variants = set()
    for cell_id in cell_ids:
        keyword = _keyword(cell_id)
        match = CELL_ID.fullmatch(cell_id)
        if keyword is None or match is None:
            return ""
        keywords.append(keyword)
        variants.add(match["variant"])
    making = _making(variants, options)
    if KEYWORD.fullmatch(task) is None or making is None:
        return ""
    alternatives = list(dict.fromkeys(keywords))
    expression = task
    if len(alternatives) <= MOST_KEYWORDS:
        joined = " or ".join(alternatives)
        expression = f"{task} and ({joined})"
    return f'pytest bench -k "{expression}"{options.inputs}{making} {extent}'


def _making(variants: Collection[str], options: SessionOptions) -> str | None:
    """Return the options that make up variants without a folder; None if the session had none."""
    making = ""
    if any(name.startswith(COMBINATION) for name in variants):
        if not options.factorial:
            return None
        making += f" {FACTORIAL} {shlex.quote(options.factorial)}"
    trials = [name for name in variants if name.startswith(TRIAL)]
    known = {trial_name(text): text for text in options.knobs}
    for name in sorted(trials):
        if name not in known:
            return None
        making += f" {KNOB} {shlex.quote(known[name])}"
    return making


def _keyword(cell_id: str) -> str | None:
    """Return ``V7_``, or ``(V1_ and b16)`` for a swept value; None for another kind of name.

    A value that is no keyword is left out: then all values of the variant are measured. Made-up
    variants share a number: ``F7_data]`` has the whole name and what ends it in an id.
    """
    match = CELL_ID.fullmatch(cell_id)
    if match is None:
        return None
    if not match["variant"].startswith("V"):
        return None if match["suffix"] else f"{match['variant']}]"
    number = match["variant"].partition("_")[0]
    words: list[str] = [f"{number}_", *match["suffix"].split("-")[1:]]
    if any(KEYWORD.fullmatch(word) is None for word in words):
        return words[0]
    joined = " and ".join(words)
    return joined if len(words) == 1 else f"({joined})"
