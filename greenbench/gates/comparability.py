"""Whether two cells may be compared: same machine, size, data, model, and scope of the joules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from greenbench.gates.expression import ALLOWED, RUN_METRICS
from greenbench.gates.metrics import PER_OUTPUT, scope
from greenbench.machine import variables
from greenbench.tasks.functions.task import KIND as FUNCTION
from greenbench.types import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Collection

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.types import Facts

*_DIFFERENCES, SAME, NEW = ALLOWED


def differences(
    cell: Measured, other: Measured, gate: Gate | None = None
) -> dict[str, tuple[str, str]]:
    """Return what keeps two cells from being compared: its name to what each has.

    ``gate`` says whether joules and programs that were run matter; without one they do.
    """
    here, there = conditions(cell), conditions(other)
    if gate is None:
        here["scope"], there["scope"] = cell.record.scope, other.record.scope
    elif gate.about.kind == "energy":
        here["scope"], there["scope"] = scope(gate, cell.record), scope(gate, other.record)
    if gate is None or gate.metric in RUN_METRICS:
        tools, other_tools = _tools(cell.record), _tools(other.record)
        if tools and other_tools:  # records of earlier versions do not have them
            here["tools"], there["tools"] = tools, other_tools
    ours, theirs = _variables(cell.header.environment, other.header.environment)
    if ours and theirs:
        here["variables"], there["variables"] = ours, theirs
    found = {}
    for name in _DIFFERENCES:
        if name in here and here[name] != there[name]:
            found[name] = (here[name], there[name])
    return found


def refusal(cell: Measured, other: Measured, gate: Gate, allow: Collection[str]) -> str:
    """Say why two cells are not comparable, with both values; empty if they are, or if allowed."""
    for stage in _reusable(gate):
        apart = _apart(cell, other, stage)
        if apart:
            return f"{apart}; leave out --green-reuse"
    reasons = []
    names = []
    for name, (here, there) in differences(cell, other, gate).items():
        if name not in allow:
            names.append(name)
            reasons.append(f"{name}: {here} here, {there} there")
    if not names:
        return ""
    return f"{'; '.join(reasons)} (--green-allow {','.join(names)} compares all the same)"


def _reusable(gate: Gate) -> tuple[str, ...]:
    """Return the stages that may be taken over whose joules or seconds the gate's contain."""
    if gate.about.kind not in {"energy", "time"} or gate.metric in PER_OUTPUT:
        return ()
    return tuple([stage for stage in REUSABLE if gate.stage in {None, stage}])


def _apart(cell: Measured, other: Measured, stage: str) -> str:
    """Say why the runs of a stage do not pair in two cells; empty if they do.

    Rounds of a block pair if their stages were measured in one block, be it this one or an earlier
    one; and a stage that was measured in another session is no measurement of this one. Sessions
    that take nothing over state nothing, nor do cells that train nothing state a training.
    """
    name = REUSABLE[stage]
    session = cell.header.session_id
    if cell.header is other.header or (session and session == other.header.session_id):
        for ours, theirs in cell.record.paired_rounds(other.record):
            here, there = ours.measured_in(stage), theirs.measured_in(stage)
            if here and there and here != there:
                return f"the {name}s of round {ours.seed} were measured in different blocks"
        return ""
    for side in (cell, other):
        if any(one_round.is_of_another_block(stage) for one_round in side.record.rounds):
            return f"a {name} of {side.id} was measured in an earlier session"
    return ""


def conditions(cell: Measured) -> dict[str, str]:
    """Return what has to be the same for any comparison, by the names of ``ALLOWED``."""
    return {
        **_machine(cell.header.environment),
        "profile": _profile(cell),
        "data": _data(cell.record.data),
        "model": _model(cell.record),
    }


def _machine(environment: Facts) -> dict[str, str]:
    """Return the kind of machine, not its name: the runners of a fleet are alike."""
    cpu = environment.get("cpu") or {}
    cores = cpu.get("usable_cores") or cpu.get("logical_cores")
    devices = [str(environment.get("device"))]
    drivers = set()
    limits = []
    for gpu in environment.get("gpus") or []:
        devices.append(str(gpu.get("name")))
        major, _, _ = str(gpu.get("driver")).partition(".")
        drivers.add(major)
        limits.append(f"{gpu.get('power_limit_w')} W")
    return {
        "host": f"{cpu.get('model')} with {cores} cores",
        "device": " + ".join(devices),
        "driver": ", ".join(sorted(drivers)) or "none",
        "power_limit": ", ".join(limits) or "none",
    }


def machine_class(environment: Facts) -> str:
    """Return in words what machines must have in common for their cells to be compared."""
    machine = _machine(environment)
    words = [machine["host"], f"device {machine['device']}"]
    if machine["driver"] != "none":
        words.append(f"driver {machine['driver']}, limit {machine['power_limit']}")
    return ", ".join(words)


def _variables(here: Facts, there: Facts) -> tuple[str, str]:
    """Return the variables that change computations; empty in records of earlier versions.

    Those that choose torch's number of threads give way to the number itself: on four cores one
    that says 4 changes nothing. Where one side alone used torch, the two cannot be told apart by
    threads.
    """
    known = [bool(environment.get("torch_threads")) for environment in (here, there)]
    with_threads = known[0] == known[1]
    return _in_words(here, with_threads=with_threads), _in_words(there, with_threads=with_threads)


def _in_words(environment: Facts, *, with_threads: bool) -> str:
    listed = environment.get("variables")
    if not isinstance(listed, Mapping):
        return ""
    threads = environment.get("torch_threads")
    words = [f"torch threads: {threads}"] if threads and with_threads else []
    for name, value in sorted(listed.items()):
        is_known = name in variables.THREADS and (threads or not with_threads)
        if not is_known and variables.acts_on(name, str(environment.get("device"))):
            words.append(f"{name}={value}")
    return ", ".join(words) or "none"


def _profile(cell: Measured) -> str:
    """Return the profile, and the sizes of the task that differ from it."""
    words = [str(cell.header.profile)]
    sizes = cell.header.profile_changes.get(cell.record.task) or {}
    for key, number in sorted(sizes.items()):
        words.append(f"{key}={number}")
    return " ".join(words)


def _data(data: Facts) -> str:
    """Return source, hash and split sizes of a data set."""
    source = data.get("source")
    sizes = data.get("split_sizes") or {}
    split = "/".join(map(str, sizes.values()))
    scored = data.get("scored_split")
    rows = f", {scored} rows scored" if scored else ""
    return f"{source} {_short(data.get('sha256'))} {split}{rows}".strip()


def _model(record: CellRecord) -> str:
    """Return the model, and the revision or the hash of its checkpoint.

    Of a suite's own functions the hash is that of their code, which is what may change.
    """
    if record.definition.kind == FUNCTION:
        return record.model
    checkpoint = record.checkpoint
    version = checkpoint.get("revision") or checkpoint.get("sha256")
    return f"{record.model} {_short(version)}".strip()


def _tools(record: CellRecord) -> str:
    """Return what ran the outputs of all rounds, with versions; empty if nothing is known."""
    named: dict[str, None] = {}
    for one_round in record.rounds:
        for tool, version in one_round.judged.tools.items():
            named[f"{tool} {version}"] = None
    return ", ".join(named)


def _short(digest: object) -> str:
    return str(digest)[:12] if digest else ""
