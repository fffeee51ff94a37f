"""Compares runs from their files alone: what ``greenbench compare`` does.

Runs that share cells are compared cell by cell, as a change with its base. A run of other variants
is compared with the first one task by task, and a single run's variants with its V0. A job of
``greenbench ci`` has both of its sides in one file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.gates import runs
from greenbench.gates.fleets import hosts_of
from greenbench.gates.judging import judge
from greenbench.gates.references import References, is_named
from greenbench.gates.verdict import any_fails
from greenbench.results.reading import is_baseline
from greenbench.run.change.sides import read_sides
from greenbench.run.rules import demanded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.runs import Run
    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.results.record import Json
    from greenbench.run.change.sides import JobSides
    from greenbench.run.rules import Rules

SHOWN = 5
"""Cells that lack blocks and are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run compared with its baseline."""

    run: str
    baseline: str
    verdicts: Sequence[Verdict]
    failed: bool
    gates_of: str
    """Where the gates come from."""
    note: str = ""
    """What a reader has to know about the two runs; empty if nothing."""

    def record(self) -> Json:
        """Return it as builtins."""
        return {
            "run": self.run,
            "baseline": self.baseline,
            "failed": self.failed,
            "gates_of": self.gates_of,
            "note": self.note,
            "verdicts": [verdict.record() for verdict in self.verdicts],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPair:
    """A run and the cells that its cells are compared with."""

    run: str
    baseline: str
    cells: Mapping[str, Measured]
    saved: Mapping[str, Measured]
    """By the id of the cell that is compared with it."""
    gone: Mapping[str, str]
    """Cells that the run lacks, and why that matters."""
    same_cells: bool
    """Whether the baseline has the same cells, and not other variants."""
    lacking: Collection[str] = ()
    """Cells that a run on many machines planned, and that left no record."""
    notes: tuple[str, ...] = ()
    """What lacks of cells that are there, and which counters disagree."""


def compare(
    paths: Sequence[Path],
    expressions: Sequence[str],
    *,
    allow: Collection[str],
    strict: bool,
    folder: Path,
) -> list[Comparison]:
    """Compare each run but the first with the first, or a single run's variants with its V0.

    Without ``expressions`` the gates of the nearest pyproject.toml with settings hold, from
    ``folder`` upwards, else the defaults; its ``allow`` and ``strict`` hold too. Raises UsageError
    for files and gates that are none, and for runs that have nothing to be compared.
    """

    def rules_for(cells: Sequence[Mapping[str, Measured]]) -> Rules:
        return demanded(cells, expressions, allow, strict=strict, folder=folder)

    first, *further = paths
    if not further:
        return [_alone(first, rules_for)]
    baseline = runs.read(first)
    others = [runs.read(path, as_baseline=False) for path in further]
    pairs = [_pair(baseline, other) for other in others]
    pairs = [_as_planned(pair, run) for pair, run in zip(pairs, others, strict=True)]
    rules = rules_for([run.cells for run in (baseline, *others)])
    sessions = _sessions(baseline, *others)
    return [_compared(pair, rules, sessions) for pair in pairs]


def _alone(
    path: Path, rules_for: Callable[[Sequence[Mapping[str, Measured]]], Rules]
) -> Comparison:
    """Compare the variants of a run with its V0, or the change of a job with its base."""
    contents = runs.contents(path)
    if contents is not None and runs.is_job(contents):
        sides = read_sides(contents, path)
        return _compared_sides(sides, rules_for(sides.cells))
    run = runs.of_contents(contents, path, as_baseline=False)
    pair = _as_planned(_with_own_baseline(run), run)
    return _compared(pair, rules_for([run.cells]), _sessions(run))


def _sessions(*given: Run) -> dict[str, list[Measured]]:
    """Return the cells of all sessions that are given, older ones of a folder included, by id."""
    cells: list[Measured] = []
    for run in given:
        cells += [*run.cells.values(), *run.older]
    return runs.by_id(cells)


# --- what is compared with what -------------------------------------------------------------------


def _pair(baseline: Run, run: Run) -> RunPair:
    """Pair cells by their ids, or by task if the two runs measured other variants."""
    if set(baseline.cells) & set(run.cells):
        reason = f"{baseline.name} has it and {run.name} has not: removed, renamed or not run"
        return RunPair(
            run=run.name,
            baseline=baseline.name,
            cells=run.cells,
            saved=baseline.cells,
            gone={name: reason for name in baseline.cells if name not in run.cells},
            same_cells=True,
        )
    pair = _pair_by_task(run.name, baseline.name, run.cells, baseline.cells.values())
    if not pair.saved:
        raise UsageError(
            f"{run.name}: it shares neither a cell nor a task with {baseline.name}; "
            "give runs of the same tasks"
        )
    return pair


def _with_own_baseline(run: Run) -> RunPair:
    """Pair each variant's cell with V0's of the same task and run."""
    own, variants = [], {}
    for name, cell in run.cells.items():
        if is_baseline(cell.record.variant):
            own.append(cell)
        else:
            variants[name] = cell
    pair = _pair_by_task(run.name, f"V0 of {run.name}", variants, own)
    if not pair.saved:
        raise UsageError(
            f"{run.name}: it has no variant beside V0 of the same task; give a second run, or one "
            'of `pytest bench -k "V0 or V7"`'
        )
    return pair


def _pair_by_task(
    run: str, baseline: str, cells: Mapping[str, Measured], baseline_cells: Iterable[Measured]
) -> RunPair:
    """Pair cells with the baseline's cell of their task; note the tasks that a variant lacks."""
    references = _one_a_task(list(baseline_cells), baseline)
    saved, gone = {}, {}
    for name, cell in cells.items():
        label = name.removeprefix(f"{cell.record.task}-")
        for task, reference in references.items():
            if task == cell.record.task:
                saved[name] = reference
            elif f"{task}-{label}" not in cells:
                reason = f"{baseline} has {task} and {run} has it not for {label}: not run"
                gone[f"{task}-{label}"] = reason
    return RunPair(
        run=run, baseline=baseline, cells=cells, saved=saved, gone=gone, same_cells=False
    )


def _as_planned(pair: RunPair, run: Run) -> RunPair:
    """Return a pair with what lacks of what its run on many machines planned, and what is doubtful.

    What others counted of its allocations may contradict its joules.
    """
    if run.disagreements:
        pair = replace(pair, notes=(*pair.notes, run.disagreements))
    if run.planned is None:
        return pair
    lacking, fewer = [], []
    for name, blocks in run.planned.blocks.items():
        cell = run.cells.get(name)
        if cell is None:
            lacking.append(name)
        elif not cell.record.failed and len(cell.record.rounds) < blocks:
            fewer.append(f"{name} {len(cell.record.rounds)} of {blocks}")
    notes = list(pair.notes)
    if fewer:
        more = len(fewer) - SHOWN
        named = ", ".join(fewer[:SHOWN]) + (f" and {more} cells more" if more > 0 else "")
        notes.append(f"blocks lack of run {run.planned.run}: {named}")
    return replace(pair, lacking=lacking, notes=tuple(notes))


def _one_a_task(cells: Sequence[Measured], name: str) -> dict[str, Measured]:
    """Return the cell of each task; raises UsageError if a task has several."""
    by_task: dict[str, Measured] = {}
    for cell in cells:
        other = by_task.setdefault(cell.record.task, cell)
        if other is not cell:
            raise UsageError(
                f"{name}: {other.id} and {cell.id} are of one task, and runs of other variants are "
                "compared with one; give a run of one variant first"
            )
    return by_task


# --- the verdicts ---------------------------------------------------------------------------------


def _compared(
    pair: RunPair, rules: Rules, sessions: Mapping[str, Sequence[Measured]]
) -> Comparison:
    """Judge a pair; ``sessions`` holds the cells of every known session by id."""

    def baseline_cell(reference: str, cell: Measured) -> Measured | None:
        """Return the baseline's cell, if a gate's reference names its variant."""
        saved = pair.saved.get(cell.id)
        return saved if saved is not None and is_named(saved, reference) else None

    references = References(
        saved=pair.saved,
        saved_name=pair.baseline,
        earlier=baseline_cell,
        sessions=lambda name: sessions.get(name, ()),
        expected=pair.lacking,
        gone=pair.gone,
        allow=rules.allow,
        same_cells=pair.same_cells,
    )
    verdicts: list[Verdict] = []
    for gate in rules.gates:
        verdicts += judge(gate, pair.cells, references)
    note = _same_session(pair) if pair.same_cells else _hosts(pair)
    notes = (note, *pair.notes) if note else pair.notes
    return Comparison(
        run=pair.run,
        baseline=pair.baseline,
        verdicts=verdicts,
        failed=any_fails(verdicts, strict=rules.strict),
        gates_of=rules.gates_of,
        note="; ".join(notes),
    )


def _compared_sides(sides: JobSides, rules: Rules) -> Comparison:
    verdicts = sides.verdicts(rules)
    return Comparison(
        run=sides.head,
        baseline=sides.base,
        verdicts=verdicts,
        failed=sides.failed or any_fails(verdicts, strict=rules.strict),
        gates_of=rules.gates_of,
        note="; ".join(sides.notes),
    )


def _hosts(pair: RunPair) -> str:
    """Say which hosts measured a run on many machines, with their blocks of V0; else nothing."""
    blocks: dict[str, int] = {}
    named = []
    for cell in pair.saved.values():
        of_cell = hosts_of(cell)
        for host, count in of_cell.items():
            blocks[host] = max(count, blocks.get(host, 0))
        if len(of_cell) == len(blocks):
            break
    for host, count in blocks.items():
        named.append(f"{host} {count}")
    if not named:
        return ""
    listed = ", ".join(named)
    return f"blocks by host: {listed}"


def _same_session(pair: RunPair) -> str:
    """Say if a run is compared with itself, which passes whatever it measured."""
    for name, cell in pair.cells.items():
        other = pair.saved.get(name)
        session = cell.header.session_id
        if other is not None and session is not None and session == other.header.session_id:
            return (
                f"{pair.run} and {pair.baseline} are of one session: a run is compared with itself"
            )
    return ""
