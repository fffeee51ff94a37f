"""The energy section of a Hugging Face model card: Markdown, and CO2 in the card's metadata.

The metadata's only field is grams of CO2, so they are there if the intensity of the electricity is
known with its source; its text says whether the joules behind them were measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.export.stage_energy import MEASURED, limits, stage_energies
from greenbench.report.numbers import quantity
from greenbench.report.texts import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.export.stage_energy import StageEnergy
    from greenbench.gates.verdict import Measured
    from greenbench.results.carbon import CarbonIntensity

TRAINING = "training"
INTERVAL = "half-width of the 95 % interval"


def model_card(cells: Sequence[Measured], carbon: CarbonIntensity | None) -> str:
    """Return the section about one cell, the newest that ``cells`` have of it.

    ``carbon`` stands in for the intensity that its session was told. Raises UsageError for several
    different cells, for one that failed, and for an intensity without its source.
    """
    measured = _only(cells)
    intensity = carbon or measured.header.carbon
    if intensity is not None and not intensity.source:
        raise UsageError(
            f"--model-card: the source of {intensity.g_per_kwh:g} g/kWh is not stated, and a card "
            "cannot be checked without it; give --carbon 'G (SOURCE)'"
        )
    stages = stage_energies(measured.record)
    lines = []
    if intensity is not None:
        lines += _metadata(measured, stages, intensity)
    lines += ["## Energy", "", _about(measured), ""]
    lines += _table(stages)
    lines += ["", *_notes(measured, stages, intensity)]
    return "\n".join(lines) + "\n"


def _only(cells: Sequence[Measured]) -> Measured:
    names = sorted({measured.id for measured in cells})
    if len(names) > 1:
        raise UsageError(
            f"--model-card: a card is about one cell, and here are {', '.join(names)}; choose one "
            "with --cell"
        )
    if not cells:
        raise UsageError("--model-card: the results have no cell; measure one")
    newest = max(cells, key=lambda measured: measured.header.started)
    flaw = newest.record.flaw
    if flaw is not None and flaw.verdict == "MISSING":
        raise UsageError(f"--model-card: {newest.id}: {flaw.reason}; measure it again")
    return newest


def _metadata(
    measured: Measured, stages: Sequence[StageEnergy], carbon: CarbonIntensity
) -> list[str]:
    """Return the card's YAML: grams of one training, or nothing if its joules are unknown."""
    import yaml

    for stage in stages:
        if stage.stage == TRAINING and stage.total.value is not None:
            grams = carbon.of(stage.total)
            how = f"joules {stage.are} by greenbench ({measured.record.scope})"
            emissions: dict[str, Any] = {
                "emissions": float(f"{grams.value:.3g}"),
                "source": f"{quantity(grams, 'g')} ({INTERVAL}): {how}, times {carbon}",
                "training_type": "fine-tuning",
            }
            hardware = _hardware(measured)
            if hardware:
                emissions["hardware_used"] = hardware
            text = yaml.safe_dump({"co2_eq_emissions": emissions}, sort_keys=False, width=1000)
            return ["---", *text.splitlines(), "---", ""]
    return []


def _hardware(measured: Measured) -> str:
    """Name the GPUs whose joules count, else the processor."""
    environment = measured.header.environment
    if "gpu" in measured.record.sources:
        names = [str(gpu.get("name")) for gpu in environment.get("gpus") or ()]
        return ", ".join(names)
    cpu = environment.get("cpu") or {}
    return str(cpu.get("model") or "")


def _about(measured: Measured) -> str:
    record, header = measured.record, measured.header
    cell = markdown(f"{record.id} ({record.model}, profile {header.profile})")
    where = markdown(_hardware(measured) or "an unknown processor")
    rounds = f"n = {len(record.rounds)} rounds"
    return f"{cell} on {where}, {rounds}, session of {markdown(header.started)}."


def _table(stages: Sequence[StageEnergy]) -> list[str]:
    lines = [f"| stage | joules ({INTERVAL}) | these joules are |", "|---|---|---|"]
    for stage in stages:
        shown = quantity(stage.total, "J")
        lines.append(f"| {markdown(stage.stage)} | {shown} | {stage.are} |")
    return lines


def _notes(
    measured: Measured, stages: Sequence[StageEnergy], carbon: CarbonIntensity | None
) -> list[str]:
    record = measured.record
    notes = [f"Energy source: {record.scope}."]
    if any(stage.are not in {MEASURED, "unknown"} for stage in stages):
        notes.append("Only joules that are called measured were read from an energy counter.")
    if any(stage.reused for stage in stages):
        notes.append("Training was taken over from an earlier round, with its recorded joules.")
    notes += limits(record)
    for name, score in record.quality.items():
        if score.value is not None:
            interval = ""
            if score.low is not None and score.high is not None:
                interval = f" ({score.low:.3f} to {score.high:.3f})"
            notes.append(f"{name}: {score.value:.3f}{interval}, n = {score.n} test examples.")
    if carbon is None:
        notes.append("CO2 is not stated: the carbon intensity of the electricity is not known.")
    else:
        notes.append(f"CO2 equivalents are the joules of training times {carbon}.")
    return [f"- {markdown(note)}" for note in notes]
