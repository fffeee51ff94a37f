"""Makes a variant: its folder (config.yaml, README.md, run.sh) and its lines in ``experiment.md``.

The new experiment is put together in a scratch folder and validated by ``matrix.load`` before any
of the user's files changes: a variant that would not pass ``greenbench check`` is not made.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import matrix
from greenbench.experiment.config import parse_config, parse_value
from greenbench.experiment.edits import with_variant, written_row
from greenbench.experiment.folders import FOLDER_NAME
from greenbench.experiment.knobs import changes, in_words, value_of
from greenbench.experiment.markdown import column_key
from greenbench.experiment.task_definitions import FOLDER
from greenbench.options import STAGES
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from greenbench.experiment.matrix import Experiment
    from greenbench.options import Difference, KnobValue, Options

    Knobs: TypeAlias = Mapping[str, KnobValue | list[KnobValue]]
    """Knob (``stage.name``) to its value, or to the values of a sweep."""

BOM = b"\xef\xbb\xbf"
LONGEST_NAME = 100
"""Characters of a folder's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVariant:
    """A variant that was made, and the one that it was made from."""

    variant: Variant
    origin: Variant


def make(
    root: Path,
    name: str,
    *,
    origin: str,
    settings: Sequence[str],
    title: str | None,
    may_be_copy: bool = False,
) -> NewVariant:
    """Make the variant ``name`` in the experiment at ``root`` from the variant ``origin``.

    ``settings`` are texts ``stage.knob=value``; ``may_be_copy`` lets it equal another variant.
    Raises UsageError, and Disagreements if the experiment is inconsistent already; then nothing has
    changed.
    """
    experiment = matrix.load(root / "experiment.md", root / "variants")
    known, baseline = experiment.variants, experiment.baseline
    _check_name(name, known)
    folder = root / "variants" / name
    if os.path.lexists(folder):
        raise UsageError(
            f"greenbench new: {folder} exists already, and is not a variant; move it away"
        )
    start = _find(origin, known)
    knobs = _knobs_off_baseline(start, _parse_settings(settings, experiment), baseline)
    variant = _variant(folder, title, knobs, baseline)
    if not may_be_copy:
        _refuse_copy(variant, known)
    _write(root, variant, start, knobs)
    return NewVariant(variant=variant, origin=start)


def _check_name(name: str, known: Sequence[Variant]) -> None:
    names = [variant.name for variant in known]
    free = free_name("", known).rstrip("_")
    if not FOLDER_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        form = f"V<number>_<name>, like {free}_{_stem(name)[:20]}"
        raise UsageError(f"greenbench new: '{name}' is not a variant's name; it is {form}")
    for taken in names:
        if _number(taken) == _number(name):
            raise UsageError(
                f"greenbench new: V{_number(name)} is {taken} already; "
                f"take the next free number, {free}_{_stem(name)}"
            )


def free_name(stem: str, known: Sequence[Variant]) -> str:
    """Return a name with the next free number, ``V8_stem``."""
    return f"V{max([_number(variant.name) for variant in known], default=-1) + 1}_{stem}"


def _number(name: str) -> int:
    return int(name[1:].partition("_")[0])


def _stem(name: str) -> str:
    """Return what follows the number in a name, in letters that a name may have."""
    stem = re.sub(r"^[Vv]?\d*_?", "", name)
    return re.sub(r"\W+", "_", stem).strip("_") or "name"


def _find(name: str, known: Sequence[Variant]) -> Variant:
    """Return the variant called ``name``, which may be its number alone."""
    for variant in known:
        if name in {variant.name, variant.name.partition("_")[0]}:
            return variant
    names = ", ".join(variant.name for variant in known)
    raise UsageError(f"greenbench new: --from {name}: there is no such variant; there are {names}")


def _parse_settings(settings: Sequence[str], experiment: Experiment) -> Knobs:
    """Return the knobs of ``stage.knob=value`` texts, validated like lines of ``config.yaml``."""
    baseline, absent = experiment.baseline, experiment.absent_knobs
    knobs = {}
    for setting in settings:
        where = f"greenbench new: --set {setting}"
        knob, equals, value = setting.partition("=")
        if not equals or "." not in knob:
            raise UsageError(f"{where}: write stage.knob=value, like system.cpu_threads=1")
        name = knob.strip()
        knobs[name] = parse_value(name, value.strip(), where, baseline, absent)
    return knobs


def _knobs_off_baseline(origin: Variant, settings: Knobs, baseline: Options) -> Knobs:
    """Return what ``origin`` changes, overridden by ``settings``, without baseline values."""
    knobs = {difference.knob: difference.here for difference in changes(origin)}
    for knob, value in settings.items():
        knobs[knob] = value
        if value == value_of(baseline, knob):
            del knobs[knob]
    return knobs


def _variant(folder: Path, title: str | None, knobs: Knobs, baseline: Options) -> Variant:
    config = parse_config(_as_yaml(knobs), f"{folder.name}/config.yaml", baseline)
    if config.problems:
        raise Disagreements([f"greenbench new: {problem}" for problem in config.problems])
    if title and not " ".join(title.split()).isprintable():
        raise UsageError(
            f"greenbench new: --title {title!r}: it has characters that cannot be shown or are no "
            "UTF-8; leave them out"
        )
    words = title or _stem(folder.name).replace("_", " ").capitalize()
    return Variant(
        name=folder.name,
        title=" ".join(words.split()),
        options=config.options,
        folder=folder,
        sweep=config.sweep,
    )


def _as_yaml(knobs: Knobs) -> str:
    """Return the text of a ``config.yaml`` that sets ``knobs``."""
    stages: dict[str, dict[str, object]] = {}
    for stage in STAGES:
        for knob, value in knobs.items():
            owner, _, name = knob.partition(".")
            if owner == stage:
                stages.setdefault(stage, {})[name] = value
    return yaml.safe_dump(stages, sort_keys=False) if stages else ""


def _refuse_copy(made: Variant, known: Sequence[Variant]) -> None:
    for variant in known:
        if variant.options == made.options and dict(variant.sweep) == dict(made.sweep):
            raise UsageError(
                f"greenbench new: {made.name} would be a copy of {variant.name}; set what differs, "
                "like --set system.cpu_threads=1 (greenbench list shows what the others change), "
                "or make an A/A control by --allow same"
            )


def _write(root: Path, made: Variant, origin: Variant, knobs: Knobs) -> None:
    """Build folder and file in a scratch folder, validate them, and move them to their places.

    Raises UsageError; then nothing has changed.
    """
    experiment = (root / "experiment.md").resolve()
    variants = (root / "variants").resolve()
    try:
        raw = experiment.read_bytes()
        with tempfile.TemporaryDirectory(prefix=".new_variant_", dir=variants) as name:
            scratch = Path(name)
            written = _with_new_rows(raw, made, origin)
            (scratch / "experiment.md").write_bytes(written)
            if (root / FOLDER).is_dir():
                (scratch / FOLDER).symlink_to((root / FOLDER).resolve())
            (scratch / "variants").mkdir()
            for folder in variants.iterdir():
                (scratch / "variants" / folder.name).symlink_to(folder)
            _fill(scratch / "variants" / made.name, made, origin, knobs)
            _validate(scratch)
            place = variants / made.name
            _move(scratch / "variants" / made.name, place, experiment, raw, written)
    except OSError as error:
        where = error.filename or root
        raise UsageError(
            f"greenbench new: {where}: {error.strerror}; nothing has changed"
        ) from error


def _with_new_rows(raw: bytes, made: Variant, origin: Variant) -> bytes:
    """Return the bytes ``raw`` of an ``experiment.md`` with the rows of ``made``."""
    bom = BOM if raw.startswith(BOM) else b""
    text = raw.removeprefix(bom).decode("utf-8")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    change = (today, f"Variant `{made.name}`, from `{origin.name}`")
    edited = with_variant(text, made.name, _row(text, made, origin), change)
    return bom + edited.encode("utf-8")


def _validate(scratch: Path) -> None:
    """Check the new experiment; raises UsageError, without lines of files the user cannot see."""
    try:
        matrix.load(scratch / "experiment.md", scratch / "variants")
    except Disagreements as error:
        problems = "; ".join(problem.partition(": ")[2] for problem in error.problems)
        raise UsageError(
            "greenbench new: with the new row experiment.md would not pass greenbench check: "
            f"{problems}"
        ) from error


def _move(made: Path, place: Path, experiment: Path, raw: bytes, written: bytes) -> None:
    """Move folder and file to their places, or neither.

    Raises OSError, and UsageError if ``experiment`` is no longer ``raw``.
    """
    fresh = experiment.with_name(f".{experiment.name}.new")
    place.mkdir()  # fails if something is there by now; from here on the folder is ours
    try:
        fresh.write_bytes(written)
        shutil.copymode(experiment, fresh)
        _refuse_if_changed(experiment, raw)
        made.rename(place)
        fresh.replace(experiment)
    except BaseException:
        shutil.rmtree(place)
        fresh.unlink(missing_ok=True)
        raise


def _refuse_if_changed(experiment: Path, raw: bytes) -> None:
    if experiment.read_bytes() != raw:
        raise UsageError(
            "greenbench new: experiment.md was changed meanwhile; nothing has changed here: "
            "run the command again"
        )


def _row(text: str, made: Variant, origin: Variant) -> dict[str, str]:
    """Return the cells of the new row, by column.

    A stage that is as in ``origin`` keeps the words there; another one lists its knobs.
    """
    origin_cells = written_row(text, origin.name)
    cells = {"Variant": made.title.replace("|", r"\|")}
    for stage in STAGES:
        differences = _changes_in(stage, made)
        if not differences:
            words = "-"
        elif differences == _changes_in(stage, origin):
            words = origin_cells[column_key(stage)]
        else:
            words = ", ".join(map(_knob_cell, differences))
        cells[stage.capitalize()] = words
    return cells


def _changes_in(stage: str, variant: Variant) -> list[Difference]:
    return [d for d in changes(variant) if d.knob.startswith(f"{stage}.")]


def _knob_cell(difference: Difference) -> str:
    name = difference.knob.partition(".")[2]
    return f"`{name}` {in_words(difference.knob, difference.here)}".replace("|", r"\|")


def _fill(folder: Path, made: Variant, origin: Variant, knobs: Knobs) -> None:
    folder.mkdir()
    shutil.copy(origin.folder / "run.sh", folder / "run.sh")
    (folder / "config.yaml").write_text(_as_yaml(knobs), "utf-8")
    (folder / "README.md").write_text(_readme(made, origin), "utf-8")


def _readme(made: Variant, origin: Variant) -> str:
    rows = []
    for difference in changes(made):
        knob = difference.knob
        baseline, here = in_words(knob, difference.baseline), in_words(knob, difference.here)
        rows.append(f"| `{knob}` | {baseline} | {here} |")
    table = "\n".join(rows) or "| nothing | | |"
    return f"""# {made.name.partition("_")[0]}: {made.title}

Made from `{origin.name}`. What differs from the baseline:

| Knob | Baseline | Here |
|---|---|---|
{table}

## What to expect

Write here, before it is measured, what this should save, why, and what it may cost in quality.

## Run

```
variants/{made.name}/run.sh
```
"""
