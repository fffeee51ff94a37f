"""Makes a variant: its folder (config.yaml, README.md, run.sh) and its lines in ``experiment.md``.

Everything is put together beside the experiment and held against itself by ``matrix.load`` before a file of the user's is
touched: a variant that would not pass ``greenbench check`` is not made.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import matrix
from greenbench.experiment.config import parse_config, parse_value
from greenbench.experiment.edits import with_variant, written_row
from greenbench.experiment.folders import FOLDER_NAME
from greenbench.experiment.knobs import changes, told, value_of
from greenbench.experiment.markdown import column_key
from greenbench.options import STAGES, Options
from greenbench.types import Variant

BOM = b"\xef\xbb\xbf"
LONGEST = 100
"""Characters of a folder's name."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.options import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A variant that was made."""

    variant: Variant
    origin: Variant
    """What it was made from."""


def make(root: Path, name: str, *, origin: str, settings: Sequence[str], title: str | None) -> Made:
    """Make the variant ``name`` in the experiment at ``root`` from ``origin``, with ``settings`` (``stage.knob=value``).

    Raises UsageError, and Disagreements where the experiment is at odds with itself already; nothing has changed then.
    """
    found = matrix.load(root / "experiment.md", root / "variants").variants
    _check_name(name, found)
    if os.path.lexists(root / "variants" / name):
        raise UsageError(
            f"greenbench new: {root / 'variants' / name} is there already, and is no variant; move it away"
        )
    start = _origin(origin, found)
    knobs = {**{d.knob: d.here for d in changes(start)}, **_settings(settings)}
    knobs = {k: v for k, v in knobs.items() if v != value_of(Options(), k)}
    made = _variant(root, name, title, knobs)
    _check_new(made, found)
    _write(root, made, start, knobs)
    return Made(variant=made, origin=start)


def _check_name(name: str, known: Sequence[Variant]) -> None:
    free = f"V{max((_number(v.name) for v in known), default=-1) + 1}"
    if not FOLDER_NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"greenbench new: '{name}' is no variant's name; it is V<number>_<name>, like {free}_{_stem(name)[:20]}"
        )
    for variant in known:
        if _number(variant.name) == _number(name):
            raise UsageError(
                f"greenbench new: V{_number(name)} is {variant.name} already; take the next free number, {free}_{_stem(name)}"
            )


def _number(name: str) -> int:
    return int(name[1:].partition("_")[0])


def _stem(name: str) -> str:
    """Return what follows the number in a name, or what may stand there."""
    return re.sub(r"\W+", "_", re.sub(r"^[Vv]?\d*_?", "", name)).strip("_") or "name"


def _origin(asked: str, known: Sequence[Variant]) -> Variant:
    """Return the variant called ``asked``, by its name or its number alone."""
    for variant in known:
        if asked in {variant.name, variant.name.partition("_")[0]}:
            return variant
    names = [v.name for v in known]
    raise UsageError(
        f"greenbench new: --from {asked}: there is no such variant; there are {', '.join(names)}"
    )


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """Return knob to value, checked as a line of ``config.yaml`` would be; a value of the baseline's is one."""
    found: dict[str, Any] = {}
    for text in given:
        knob, equals, value = text.partition("=")
        if not equals or "." not in knob:
            raise UsageError(
                f"greenbench new: --set {text}: say it as stage.knob=value, like system.cpu_threads=1"
            )
        found[knob.strip()] = parse_value(
            knob.strip(), value.strip(), f"greenbench new: --set {text}"
        )
    return found


def _variant(root: Path, name: str, title: str | None, knobs: Mapping[str, Any]) -> Variant:
    folder = root / "variants" / name
    config = parse_config(_yaml(knobs), f"{name}/config.yaml")
    if config.problems:
        raise UsageError("\n".join(f"greenbench new: {p}" for p in config.problems))
    words = " ".join((title or _stem(name).replace("_", " ").capitalize()).split())
    return Variant(
        name=name, title=words, options=config.options, folder=folder, sweep=config.sweep
    )


def _yaml(knobs: Mapping[str, Any]) -> str:
    tree = {
        s: {k.partition(".")[2]: v for k, v in knobs.items() if k.startswith(f"{s}.")}
        for s in STAGES
    }
    written = yaml.safe_dump({s: part for s, part in tree.items() if part}, sort_keys=False)
    return written if knobs else ""


def _check_new(made: Variant, known: Sequence[Variant]) -> None:
    for variant in known:
        if (variant.options, dict(variant.sweep)) == (made.options, dict(made.sweep)):
            raise UsageError(
                f"greenbench new: {made.name} would be {variant.name} over again; say what differs, like "
                "--set system.cpu_threads=1 (greenbench list shows what the others change)"
            )


def _write(root: Path, made: Variant, origin: Variant, knobs: Mapping[str, Any]) -> None:
    """Put folder and file together beside the experiment, check them, and move them to their place; raises UsageError."""
    experiment, variants = (root / "experiment.md").resolve(), (root / "variants").resolve()
    try:
        raw = experiment.read_bytes()
        with tempfile.TemporaryDirectory(prefix=".new_variant_", dir=variants) as scratch:
            tried = Path(scratch)
            written = _experiment(raw, made, origin)
            (tried / "experiment.md").write_bytes(written)
            (tried / "variants").mkdir()
            for folder in variants.iterdir():
                (tried / "variants" / folder.name).symlink_to(folder)
            _fill(tried / "variants" / made.name, made, origin, knobs)
            _try(tried)
            _move(tried / "variants" / made.name, variants / made.name, experiment, raw, written)
    except OSError as error:
        raise UsageError(
            f"greenbench new: {error.filename or root}: {error.strerror}; nothing has changed"
        ) from error


def _experiment(raw: bytes, made: Variant, origin: Variant) -> bytes:
    mark = BOM if raw.startswith(BOM) else b""
    text = raw.removeprefix(mark).decode("utf-8")
    change = (
        dt.datetime.now(dt.UTC).date().isoformat(),
        f"Variant `{made.name}`, from `{origin.name}`",
    )
    return mark + with_variant(text, made.name, _row(text, made, origin), change).encode("utf-8")


def _try(tried: Path) -> None:
    """Check what would be there; raises UsageError, whose lines are not the user's."""
    try:
        matrix.load(tried / "experiment.md", tried / "variants")
    except Disagreements as error:
        said = "; ".join(p.partition(": ")[2] for p in error.problems)
        raise UsageError(
            f"greenbench new: with the new row experiment.md would not pass greenbench check: {said}"
        ) from error


def _move(made: Path, place: Path, experiment: Path, raw: bytes, written: bytes) -> None:
    """Move folder and file to their places, or neither; raises OSError, and UsageError where somebody was faster."""
    fresh = experiment.with_name(f".{experiment.name}.new")
    place.mkdir()  # fails where something is there by now, and is ours from here on
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
            "greenbench new: experiment.md was changed meanwhile; nothing has changed here: say it again"
        )


def _row(text: str, made: Variant, origin: Variant) -> dict[str, str]:
    """Return the cells of the new row: a stage that is as in ``origin`` keeps its words, another one names its knobs."""
    old, words = written_row(text, origin.name), {}
    mine, theirs = (
        {s: [d for d in changes(v) if d.knob.startswith(f"{s}.")] for s in STAGES}
        for v in (made, origin)
    )
    for stage in STAGES:
        kept = (
            old[column_key(stage)]
            if mine[stage] == theirs[stage]
            else ", ".join(map(_named, mine[stage]))
        )
        words[stage.capitalize()] = kept if mine[stage] else "-"
    return {"Variant": made.title.replace("|", r"\|"), **words}


def _named(difference: Difference) -> str:
    return f"`{difference.knob.partition('.')[2]}` {told(difference.here)}".replace("|", r"\|")


def _fill(folder: Path, made: Variant, origin: Variant, knobs: Mapping[str, Any]) -> None:
    folder.mkdir()
    shutil.copy(origin.folder / "run.sh", folder / "run.sh")
    (folder / "config.yaml").write_text(_yaml(knobs), "utf-8")
    (folder / "README.md").write_text(_readme(made, origin), "utf-8")


def _readme(made: Variant, origin: Variant) -> str:
    rows = "\n".join(f"| `{d.knob}` | {told(d.baseline)} | {told(d.here)} |" for d in changes(made))
    return f"""# {made.name.partition("_")[0]}: {made.title}

Made from `{origin.name}`. What differs from the baseline:

| Knob | Baseline | Here |
|---|---|---|
{rows}

## What to expect

Say here, before it is measured, what this should save, why, and what it may cost in quality.

## Run

```
variants/{made.name}/run.sh
```
"""
