"""Energy consumption in SPDX 3.0.1: an AI package for each cell, as JSON-LD.

The profile's fields hold a quantity and a unit, and nothing that says whether it was measured: they
are for "known or estimated" consumption alike (SPDX 3.0.1, class EnergyConsumption). So they hold
measured joules alone; a package's comment says what was left out, and where the rest comes from.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import greenbench
from greenbench.export.stage_energy import MEASURED, limits, stage_energies
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from greenbench.export.stage_energy import StageEnergy
    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.types import Quantity

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
VERSION = "3.0.1"
CREATION = "_:creation"
FIELDS = {
    "training": "ai_finetuningEnergyConsumption",
    "inference": "ai_inferenceEnergyConsumption",
}
"""The profile's field of a stage. Training starts from a checkpoint: it is fine-tuning."""
UNCLAIMED = (
    "To be merged into the document of whoever distributes a model. It claims the core profile "
    "alone: supplier, release time, version, download location and both licences, which the AI "
    "profile requires of a package, are theirs to state."
)
DIGITS = 6
"""Significant digits of a quantity: more than any instrument has."""

Node = dict[str, Any]


def spdx_text(cells: Iterable[Measured]) -> str:
    """Return an SPDX document about ``cells``; those that failed are left out."""
    agent: Node = {"type": "SoftwareAgent", "spdxId": _id("agent"), "creationInfo": CREATION}
    agent["name"] = f"greenbench {greenbench.__version__}"
    packages = []
    for measured in cells:
        if not measured.record.failed:
            packages.append(_package(measured))
    names = [package["spdxId"] for package in packages]
    created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    creation: Node = {"type": "CreationInfo", "@id": CREATION, "specVersion": VERSION}
    creation |= {"created": created, "createdBy": [agent["spdxId"]]}
    document: Node = {
        "type": "SpdxDocument",
        "spdxId": _id("document", *names),
        "creationInfo": CREATION,
        "profileConformance": ["core"],
        "comment": UNCLAIMED,
        "rootElement": names,
        "element": [agent["spdxId"], *names],
    }
    graph = [creation, agent, document, *packages]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1) + "\n"


def _id(*parts: str) -> str:
    """Return the same IRI whenever the same thing is named."""
    name = "\n".join(("greenbench", *parts))
    return uuid.uuid5(uuid.NAMESPACE_URL, printable(name)).urn  # half a surrogate has no bytes


def _package(measured: Measured) -> Node:
    record = measured.record
    stages = stage_energies(record)
    session = measured.header.session_id or measured.origin
    package: Node = {
        "type": "ai_AIPackage",
        "spdxId": _id("package", session, measured.id),
        "creationInfo": CREATION,
        "name": printable(measured.id),
        "software_primaryPurpose": "model",
        "comment": printable(" ".join(_comment(measured, stages))),
    }
    knobs = {name: str(value) for name, value in record.knobs.items()}
    if knobs:
        package["ai_hyperparameter"] = _entries(knobs)
    scores = _scores(record)
    if scores:
        package["ai_metric"] = _entries(scores)
    consumption = _consumption(stages)
    if len(consumption) > 1:
        package["ai_energyConsumption"] = consumption
    return package


def _entries(values: Mapping[str, str]) -> list[Node]:
    entries = []
    for name, value in values.items():
        entries.append({"type": "DictionaryEntry", "key": name, "value": printable(value)})
    return entries


def _scores(record: CellRecord) -> dict[str, str]:
    scores = {}
    for name, score in record.quality.items():
        if score.value is None:
            continue
        interval = ""
        if score.low is not None and score.high is not None:
            interval = f" ({score.low:.4f} to {score.high:.4f}, 95 % interval)"
        scores[name] = f"{score.value:.4f}{interval}, n = {score.n}"
    return scores


def _consumption(stages: Iterable[StageEnergy]) -> Node:
    """Return the measured joules of training and inference, each a sum over channels."""
    consumption: Node = {"type": "ai_EnergyConsumption"}
    for stage in stages:
        measured = stage.of_kind(MEASURED)
        if stage.stage in FIELDS and measured:
            consumption[FIELDS[stage.stage]] = [_description(measured.values())]
    return consumption


def _description(channels: Iterable[Quantity]) -> Node:
    joules = sum(channel.value or 0.0 for channel in channels)
    quantity = Decimal(f"{joules / 1e6:.{DIGITS}g}")
    return {
        "type": "ai_EnergyConsumptionDescription",
        "ai_energyQuantity": f"{quantity:f}",
        "ai_energyUnit": "megajoule",
    }


def _comment(measured: Measured, stages: Iterable[StageEnergy]) -> list[str]:
    """Say what the quantities are, how certain they are, and which joules were left out."""
    record = measured.record
    count = len(record.rounds)
    what = f"{record.task} with the options of {record.variant}"
    sentences = [
        f"Mean of n = {count} rounds of {what}, session of {measured.header.started}.",
        "Inference answers the whole test split once.",
    ]
    for stage in stages:
        if stage.stage not in FIELDS:
            continue
        for channel, kind in stage.kinds.items():
            quantity = stage.quantities[f"{channel}_j"]
            where = f"{stage.stage}, {channel}"
            if kind == MEASURED:
                half = _half(quantity)
                sentences.append(f"{where}: {quantity.value:.6g} J {half} (95 % interval).")
            else:
                sentences.append(f"{where}: left out, as its joules are {kind}, not measured.")
    sentences.append(f"Energy source: {record.scope}.")
    return sentences + limits(record)


def _half(quantity: Quantity) -> str:
    if quantity.uncertainty is None:
        return "+- unknown"
    return f"+- {quantity.uncertainty:.2g}"
