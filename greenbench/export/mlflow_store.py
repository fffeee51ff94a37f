"""Sends cells to MLflow: a run for each, once, with its knobs, metrics and results file.

Whether joules were measured stands in the names of metrics (``energy_estimated_joules``), since
those who compare runs see the names alone.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.export.stage_energy import MEASURED, WHOLE, limits, stage_energies
from greenbench.extras import require
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord

EXPERIMENT = "greenbench"
KEY, CONTENT = "greenbench.key", "greenbench.sha256"
"""Tags: which cell of which session a run is, and what its file held when it was sent."""
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""Unless the user says otherwise, MLflow reports its use to nobody, and gives up on a server that
does not answer within seconds instead of minutes."""
LONGEST_VALUE = 500
"""Characters of a parameter or tag that every MLflow store takes."""


def send(cells: Iterable[Measured], uri: str) -> dict[str, int]:
    """Send ``cells`` to the tracking store at ``uri``; return how many were sent, and there before.

    A run whose results file has changed since is replaced. Raises UsageError for a store that
    refuses, and UnavailableError without MLflow.
    """
    for name, value in ENVIRONMENT.items():  # read at the import
        os.environ.setdefault(name, value)
    require("mlflow", "--mlflow", ("mlflow",))
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    counts = {"sent": 0, "there already": 0}
    try:
        client = MlflowClient(tracking_uri=uri)
        experiment = _experiment(client)
        for measured in cells:
            counts[_send_once(client, experiment, measured)] += 1
    except MlflowException as error:
        raise UsageError(f"--mlflow: {uri} refuses: {error.message}") from error
    return counts


def _experiment(client: Any) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(EXPERIMENT))


def _send_once(client: Any, experiment: str, measured: Measured) -> str:
    session = measured.header.session_id or measured.origin
    name = printable(f"{session}\n{measured.id}")  # half a surrogate has no bytes
    key = hashlib.sha256(name.encode()).hexdigest()
    content = hashlib.sha256(Path(measured.origin).read_bytes()).hexdigest()
    for run in client.search_runs([experiment], f"tags.`{KEY}` = '{key}'"):
        if run.data.tags.get(CONTENT) == content:
            return "there already"
        client.delete_run(run.info.run_id)
    tags = {KEY: key, CONTENT: content, **_tags(measured)}
    started = _milliseconds(measured.header.started)
    name = printable(measured.id)
    run = client.create_run(experiment, start_time=started, tags=tags, run_name=name)
    _fill(client, run.info.run_id, measured)
    return "sent"


def _fill(client: Any, run: str, measured: Measured) -> None:
    from mlflow.entities import Metric, Param

    record = measured.record
    parameters = [Param(name, value) for name, value in _parameters(measured).items()]
    now = _milliseconds(measured.header.started) or 0
    metrics = [Metric(name, value, now, 0) for name, value in _metrics(record)]
    client.log_batch(run, metrics=metrics, params=parameters)
    client.log_artifact(run, measured.origin)
    client.set_terminated(run, "FAILED" if record.failed else "FINISHED")


def _milliseconds(started: str) -> int | None:
    """Return a time as MLflow has it; None if it is none."""
    try:
        return int(datetime.fromisoformat(started).timestamp() * 1000)
    except ValueError:
        return None


def _parameters(measured: Measured) -> dict[str, str]:
    record = measured.record
    values: dict[str, object] = {"task": record.task, "variant": record.variant}
    values |= {"model": record.model, "profile": measured.header.profile}
    values |= {"rounds": len(record.rounds), **record.knobs}
    return {name: _short(str(value)) for name, value in values.items()}


def _tags(measured: Measured) -> dict[str, str]:
    record = measured.record
    tags = {"greenbench.session": measured.header.session_id or "", "greenbench.cell": record.id}
    tags["greenbench.joules_from"] = record.scope
    for number, sentence in enumerate(limits(record)):
        tags[f"greenbench.limit_{number}"] = sentence
    return {name: _short(value) for name, value in tags.items()}


def _short(text: str) -> str:
    return printable(text)[:LONGEST_VALUE]


def _metrics(record: CellRecord) -> Iterator[tuple[str, float]]:
    """Yield names and values; each with the bounds of its 95 % interval, where one is known."""
    if record.seconds is not None:
        yield "seconds", record.seconds
    for stage in stage_energies(record):
        kind = "" if stage.are == MEASURED else f"{stage.are.replace(' ', '_')}_"
        of_stage = "" if stage.stage == WHOLE else f"{stage.stage}."
        name = f"{of_stage}energy_{kind}joules"
        yield from _bounded(name, stage.total.value, stage.total.uncertainty)
    for name, score in record.quality.items():
        if score.value is not None:
            yield name, score.value
        if score.low is not None and score.high is not None:
            yield f"{name}_low", score.low
            yield f"{name}_high", score.high


def _bounded(name: str, value: float | None, half: float | None) -> Iterator[tuple[str, float]]:
    if value is None:
        return
    yield name, value
    if half is not None:
        yield f"{name}_low", value - half
        yield f"{name}_high", value + half
