"""What rounds of two sessions must share to be rounds of one: options, cells, code and machine."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import greenbench
from greenbench.machine.environment import changes_sha256
from greenbench.options import differences
from greenbench.results.record import Json, builtin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.experiment.settings import Settings
    from greenbench.types import Cell

AFTERWARDS = frozenset(
    {"allow", "carbon", "gate", "plan", "report", "results", "resume", "strict", "verbose"}
)
"""Options that decide what is done with measured rounds, and not how they are measured."""
MACHINE = ("host", "device", "cpu", "kernel", "python", "packages", "variables")
"""What a results file says of the environment that must stay, beside the GPUs and the commit.

The number of torch's threads is known only once torch is imported; variables and cores decide it.
"""
CARD = ("uuid", "name", "driver", "power_limit_w")
"""What must stay of each GPU; its clocks and temperature change by themselves."""
MOST_DIFFERENCES = 3
"""That one sentence names."""
SELECTED = "selected"


def conditions(
    settings: Settings, cells: Sequence[Cell], root: Path, sources: Iterable[Path]
) -> Json:
    """Return what a session measures: options, cells, and code, as its results files state it.

    ``root`` is the folder whose uncommitted changes count, ``sources`` are the suite's own files.
    """
    options = {}
    for field in fields(settings):
        if field.name not in AFTERWARDS:
            options[field.name.replace("_", "-")] = builtin(getattr(settings, field.name))
    files = sha256_of_code(sources)
    code = {"files_sha256": files, "changes_sha256": changes_sha256(root)}
    return {"options": options, "cells": {cell.id: _cell(cell) for cell in cells}, "code": code}


def _cell(cell: Cell) -> Json:
    """Return the knobs that a cell sets; options say how many rounds it has, and their seeds."""
    return {change.knob: builtin(change.here) for change in differences(cell.options)}


def sha256_of_code(sources: Iterable[Path]) -> str:
    """Return the hash of greenbench's own modules and of ``sources``."""
    digest = hashlib.sha256(_own_sha256().encode())
    for path in sorted(set(sources)):
        digest.update(f"{path.name}\n".encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@functools.cache
def _own_sha256() -> str:
    package = Path(greenbench.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def changed(earlier: Json, earlier_machine: Json, now: Json, machine: Json) -> str:
    """Say what differs between two sessions; an empty text if nothing does.

    Each session has its conditions and its environment, as results files state them.
    """
    before = {**_flat(earlier), **_machine(earlier_machine)}
    after = {**_flat(now), **_machine(machine)}
    texts = []
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            texts.append(_change(name, before.get(name), after.get(name)))
    if len(texts) > MOST_DIFFERENCES:
        texts[MOST_DIFFERENCES:] = [f"and {len(texts) - MOST_DIFFERENCES} more differ"]
    return "; ".join(texts)


def _change(name: str, before: object, after: object) -> str:
    if SELECTED in (before, after):
        return f"{name} was selected and is not" if before else f"{name} was not selected and is"
    if name.endswith("_sha256"):
        whose = {
            "files_sha256": "files of greenbench or of the suite were changed",
            "changes_sha256": "uncommitted changes differ",
        }
        return whose[name]
    return f"{name} was {_shown(before)} and is {_shown(after)}"


def _shown(value: object) -> str:
    return "not set" if value in (None, [], {}) else str(value)


def _flat(conditions: Json) -> dict[str, object]:
    """Return each condition by the name that a person knows it by."""
    flat: dict[str, object] = {}
    for name, value in conditions["options"].items():
        flat[f"--green-{name}"] = value
    for cell, measured in conditions["cells"].items():
        flat[cell] = SELECTED
        for name, value in measured.items():
            flat[f"{name} of {cell}"] = value
    return {**flat, **conditions["code"]}


def _machine(environment: Mapping[str, object]) -> dict[str, object]:
    """Return what must stay of the machine, each package and each GPU by itself."""
    flat: dict[str, object] = {}
    for name in MACHINE:
        value = environment.get(name)
        if isinstance(value, dict):
            flat.update({f"{name} {key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    git = environment.get("git")
    flat["the commit"] = git.get("commit") if isinstance(git, dict) else None
    cards = environment.get("gpus")
    for index, card in enumerate(cards if isinstance(cards, list) else []):
        for name in CARD:
            flat[f"{name} of GPU {index}"] = card.get(name)
    return flat
