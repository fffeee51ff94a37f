"""Which stages of a session are the same: what options, code, data and machine decide."""

from __future__ import annotations

import functools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.errors import UsageError
from greenbench.machine.devices import parts
from greenbench.machine.training_processes import devices_of
from greenbench.reuse import fingerprints
from greenbench.reuse.stage import KeepsData, KeepsTrainings, MeasuredBlock, ReusedStage
from greenbench.reuse.store import StageCache
from greenbench.run.made_up import shares_stages

if TYPE_CHECKING:
    from greenbench.pipeline import Pipeline
    from greenbench.protocols import ModelHandle
    from greenbench.results.record import Json
    from greenbench.reuse.stage import StageKeeper
    from greenbench.run.session import Session
    from greenbench.types import Cell

MACHINE = ("host", "device", "cpu", "kernel", "virtual_machine", "container")
AFTER_TRAINING = ("weight_format", "quantizer", "int8_threshold")
"""Knobs of the architecture that act on the trained model alone; all others count."""
CARD = ("uuid", "name", "driver", "power_limit_w", "power_default_w")


def share_stages(pipeline: Pipeline, session: Session) -> None:
    """Let the pipeline take over what identical stages made, if the session does.

    With ``--green-reuse`` they may be of any session. A session of combinations or single knobs,
    many of which act later, runs once in a block what is the same, where it can. Raises UsageError
    for a suite's own switches that cannot; those that keep trainings alone share these.
    """
    stages = pipeline.toggles
    asked = session.settings.reuse
    if not asked and not _runs_once(session, pipeline.cell):
        return
    if not isinstance(stages, KeepsTrainings):
        if not asked:
            return
        raise UsageError(
            f"--green-reuse: {type(stages).__name__}, the suite's own toggles, has no method "
            "kept_training; add it, or leave out --green-reuse"
        )
    reused = functools.partial(_reused, CellKey(pipeline, session), session)
    if isinstance(stages, KeepsData):
        pipeline.data_stage = reused("data", stages.kept_data(pipeline.batches))
    if stages.finetunes:
        pipeline.training = reused("training", stages.kept_training())


def _reused(key: CellKey, session: Session, stage: str, keeper: StageKeeper) -> ReusedStage:
    return ReusedStage(
        stage,
        keeper,
        StageCache(),
        key=functools.partial(key.of, stage),
        block=functools.partial(_block, key.cell, session),
        within_block=not session.settings.reuse,
    )


def _runs_once(session: Session, cell: Cell) -> bool:
    """Whether a cell whose variant the session may have made up shares its block's stages."""
    settings = session.settings
    if settings.fresh or not shares_stages(settings):
        return False
    in_blocks = settings.interleave != "off"
    devices = devices_of(cell.options.system.processes, settings.device)
    alone = session.memory.file is None and len(parts(devices)) == 1
    return in_blocks and alone


def _block(cell: Cell, session: Session, seed: int) -> MeasuredBlock:
    return MeasuredBlock(
        session=str(session.results.header["session"]["id"]),
        process=session.memory.process,
        cell=cell.id,
        number=seed - cell.seed,
    )


class CellKey:
    """All that decides a stage of one cell and what it takes, as plain values."""

    def __init__(self, pipeline: Pipeline, session: Session) -> None:
        """Compute nothing yet: data and model are loaded when the first round is prepared."""
        self._pipeline = pipeline
        self._session = session
        self.cell = pipeline.cell

    def of(self, stage: str, seed: int) -> Json:
        """Return it for ``data`` or ``training`` in the round of this seed.

        Inference options act after both, and so do some of architecture: they are left out.
        """
        key = {"stage": stage, "seed": seed, **self._common}
        if stage == "training":
            options = self.cell.options
            architecture = asdict(options.architecture)
            for knob in AFTER_TRAINING:
                del architecture[knob]
            key["architecture_options"] = architecture
            key["training_options"] = asdict(options.training)
        return key

    @functools.cached_property
    def _common(self) -> Json:
        """What both stages and all rounds of the cell share.

        What is requested of the device counts: it changes joules.
        """
        pipeline, session = self._pipeline, self._session
        options, data, model = self.cell.options, pipeline.dataset, pipeline.model
        used = (pipeline.toggles, data, model, pipeline.power)
        code = fingerprints.of_sources(used)
        suite = session.results.conditions.get("code", {})
        folder = Path(str(model.folder))
        environment = session.results.header["environment"]
        examples = fingerprints.of_examples(data.train, data.valid, data.test)
        return {
            "task": self.cell.task,
            "data_options": asdict(options.data),
            "system_options": asdict(options.system),
            "control": session.settings.control,
            "examples": examples,
            "model": [model.source, fingerprints.of_folder(folder), _head(model)],
            "code": [code, suite.get("files_sha256")],
            "packages": fingerprints.of_packages(),
            "machine": _machine(environment),
            "energy_sources": dict(pipeline.energy.sources),
            "cpu_watts": session.settings.cpu_watts,
        }


def _head(model: ModelHandle) -> Json | None:
    """Return what a checkpoint carries behind its layers: the same weights can start with any."""
    return asdict(model.head) if isinstance(model, Checkpoint) else None


def _machine(environment: Json) -> Json:
    """Return what may change a stage, or what it takes, of a described machine."""
    machine: Json = {name: environment.get(name) for name in MACHINE}
    cards = machine["gpus"] = []
    for card in environment.get("gpus") or []:
        known = {name: card.get(name) for name in CARD}
        cards.append(known)
    return machine
