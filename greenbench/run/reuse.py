"""Which trainings of a session are the same: what its options, code, data and machine decide."""

from __future__ import annotations

import functools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.machine.devices import parts
from greenbench.machine.training_processes import devices_of
from greenbench.reuse import fingerprints
from greenbench.reuse.store import TrainingCache
from greenbench.reuse.training import KeepsTrainings, ReusedTraining, TrainingBlock
from greenbench.run.made_up import shares_trainings

if TYPE_CHECKING:
    from greenbench.pipeline import Pipeline
    from greenbench.results.record import Json
    from greenbench.run.session import Session
    from greenbench.types import Cell

MACHINE = ("host", "device", "cpu", "kernel", "virtual_machine", "container")
AFTER_TRAINING = ("weight_format", "quantizer", "int8_threshold")
"""Knobs of the architecture that act on the trained model alone; all others count."""
CARD = ("uuid", "name", "driver", "power_limit_w", "power_default_w")


def share_trainings(pipeline: Pipeline, session: Session) -> None:
    """Let the pipeline take over what identical trainings left, if the session does.

    With ``--green-reuse`` they may be of any session. A session of combinations or single knobs,
    many of which act after training, trains once in a block what is the same, where it can. Raises
    UsageError for a suite's own switches that cannot.
    """
    stages = pipeline.toggles
    asked = session.settings.reuse
    if not asked and not _trains_once(session, pipeline.cell):
        return
    if not isinstance(stages, KeepsTrainings):
        if not asked:
            return
        raise UsageError(
            f"--green-reuse: {type(stages).__name__}, the suite's own toggles, has no method "
            "kept_training; add it, or leave out --green-reuse"
        )
    block = functools.partial(_block, pipeline.cell, session)
    pipeline.training = ReusedTraining(
        stages,
        stages.kept_training(),
        TrainingCache(),
        key=CellKey(pipeline, session).of,
        block=block,
        within_block=not asked,
    )


def _trains_once(session: Session, cell: Cell) -> bool:
    """Whether a cell whose variant the session may have made up shares its block's trainings."""
    settings = session.settings
    if settings.fresh or not shares_trainings(settings):
        return False
    in_blocks = settings.interleave != "off" and settings.block is None
    devices = devices_of(cell.options.system.processes, settings.device)
    alone = session.memory.file is None and len(parts(devices)) == 1
    return in_blocks and alone


def _block(cell: Cell, session: Session, seed: int) -> TrainingBlock:
    return TrainingBlock(
        session=str(session.results.header["session"]["id"]),
        process=session.memory.process,
        cell=cell.id,
        number=seed - cell.seed,
    )


class CellKey:
    """All that decides a training of one cell and what it takes, as plain values."""

    def __init__(self, pipeline: Pipeline, session: Session) -> None:
        """Compute nothing yet: data and model are loaded when the first round is prepared."""
        self._pipeline = pipeline
        self._session = session

    def of(self, seed: int) -> Json:
        """Return it for the round of this seed."""
        return {"seed": seed, **self._common}

    @functools.cached_property
    def _common(self) -> Json:
        """What the rounds of the cell share.

        Inference options act after training, and so do some of architecture: they are left out.
        What is requested of the device counts: it changes joules.
        """
        pipeline, session = self._pipeline, self._session
        options, data, model = pipeline.cell.options, pipeline.dataset, pipeline.model
        used = (pipeline.toggles, data, model, pipeline.power)
        code = fingerprints.of_sources(used)
        architecture = asdict(options.architecture)
        for knob in AFTER_TRAINING:
            del architecture[knob]
        suite = session.results.conditions.get("code", {})
        folder = Path(str(model.folder))
        environment = session.results.header["environment"]
        examples = fingerprints.of_examples(data.train, data.valid, data.test)
        return {
            "task": pipeline.cell.task,
            "data_options": asdict(options.data),
            "architecture_options": architecture,
            "training_options": asdict(options.training),
            "system_options": asdict(options.system),
            "control": session.settings.control,
            "examples": examples,
            "model": [model.source, fingerprints.of_folder(folder)],
            "code": [code, suite.get("files_sha256")],
            "packages": fingerprints.of_packages(),
            "machine": _machine(environment),
            "energy_sources": dict(pipeline.energy.sources),
            "cpu_watts": session.settings.cpu_watts,
        }


def _machine(environment: Json) -> Json:
    """Return what may change a training, or what it takes, of a described machine."""
    machine: Json = {name: environment.get(name) for name in MACHINE}
    cards = machine["gpus"] = []
    for card in environment.get("gpus") or []:
        known = {name: card.get(name) for name in CARD}
        cards.append(known)
    return machine
