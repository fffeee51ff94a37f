"""Readers of runs and gates: results files, saved runs of pytest-benchmark, gate expressions."""

from __future__ import annotations

import contextlib
import io
import json
import math
from typing import TYPE_CHECKING, Any

from analysis import made
from fuzz.contract import Reader, refusals
from fuzz.mutations import TEXTS, Decisions, Tree, decided, json_files
from gates.made import HEADER, one_round, raw_cell
from rich.console import Console

from greenbench.analysis.analyse import analyse
from greenbench.gates.expression import METRICS, OPERATORS, STAGES, parse
from greenbench.report import analysis as analysis_report
from greenbench.results.record import builtin
from greenbench.results.unfinished import saved_sessions
from greenbench.run.compare import compare
from greenbench.run.conditions import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

SESSION = {"id": "a" * 32, "argv": "pytest bench", "started": "2026-01-01T00:00:00Z"}


def cells() -> list[Tree]:
    """Return the records of V0 with one round, and of a variant with two."""
    records = []
    for name, seeds in (("T2-V0_baseline", (0,)), ("T2-V1_x", (0, 1))):
        rounds = [one_round(seed, 80.0 + seed, correct=50) for seed in seeds]
        record, _, _ = raw_cell(name, rounds=rounds)
        record["quality"]["mcc"] = {"value": 0.8, "n": 100, "low": 0.7, "high": 0.9}
        for each in rounds:
            each["quality"] = {"mcc": {"value": 0.8, "n": 100}}
        rates = {"operations_per_second": 1e9, "operations_per_joule": 1e8}
        rates["memory"] = {"bytes_per_second": 1e9, "bytes_per_joule": None}
        record["yardstick"] = {"before": rates, "after": dict(rates)}
        records.append(record)
    return records


RESULTS: Tree = {
    "schema": 3,
    "variant": "V1_x",
    **HEADER,
    "session": SESSION,
    "cells": cells(),
    "gates": {"failed": False},
}
SAVED_RUN: Tree = {
    "benchmarks": [{"extra_info": {"greenbench": record}, "stats": {}} for record in cells()],
    "greenbench": {**HEADER, "session": SESSION, "gates": {"failed": False}},
    "version": "5.2.3",
}


def write_json(path: Path, tree: Tree) -> None:
    """Write a document."""
    path.write_text(json.dumps(tree))


def refuse_constant(name: str) -> None:
    """Fail for what is no JSON: NaN and infinities."""
    raise AssertionError(f"{name} is no JSON")


def check_numbers(found: list[dict[str, Any]]) -> None:
    """Fail if a value that is shown is not finite, or an interval does not contain it."""
    for verdict in found:
        for key in ("here", "there", "change", "low", "high", "threshold", "p"):
            value = verdict[key]
            assert value is None or math.isfinite(value), f"{key} = {value}"
        if None not in (verdict["low"], verdict["change"], verdict["high"]):
            slack = 1e-9 * abs(verdict["change"])
            assert verdict["low"] - slack <= verdict["change"] <= verdict["high"] + slack


GATES = (
    *("energy <= 1.05*saved", "time <= 1.05*saved", "T2.mcc >= saved-0.02", "flops <= saved"),
    *("training.energy < 2*saved", "energy_net <= saved+1", "j_per_sample <= 1.1*saved"),
)


@contextlib.contextmanager
def open_runs(folder: Path, original: Tree) -> Iterator[Callable[[bytes], None]]:
    """Compare a damaged file with itself, and with the original as another session's."""
    whole, other = folder / "whole.json", folder / "other.json"
    whole.write_text(json.dumps(original).replace(SESSION["id"], "b" * 32))

    def read(raw: bytes) -> None:
        other.write_bytes(raw)
        with refusals(other.name):
            with_itself, with_the_whole = compared([other, other, whole], GATES)
            check_numbers(with_the_whole)
            check_numbers(with_itself)
            for verdict in with_itself:
                no_change = {"ratio": 1.0, "difference": 0.0}.get(verdict["form"])
                if verdict["change"] is not None and no_change is not None:
                    assert math.isclose(verdict["change"], no_change, abs_tol=1e-9)

    yield read


def compared(paths: Sequence[Path], gates: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Return the verdicts of each comparison, written as JSON and read again."""
    comparisons = compare(paths, gates, allow=(), strict=False, folder=paths[0].parent)
    texts = [json.dumps(comparison.record()["verdicts"]) for comparison in comparisons]
    return [json.loads(text, parse_constant=refuse_constant) for text in texts]


def reader_of_runs(name: str, original: Tree) -> Reader:
    """Return the reader of files like ``original``."""
    return Reader(
        name=name,
        inputs=json_files(original),
        document=original,
        open=lambda folder: open_runs(folder, original),
        dear=True,
    )


def job() -> Tree:
    """Return the file of a job: a block of both sides, and a second set."""
    sessions = []
    for block in range(2):
        for side in ("base", "head"):
            rounds = [one_round(block, 80.0 + block, block=block, position=0)]
            record, _, _ = raw_cell("T2-V0_baseline", rounds=rounds, quality={})
            saved_run = {"benchmarks": [{"extra_info": {"greenbench": record}}]}
            sessions.append(
                {
                    "side": side,
                    "set": 1 + block,
                    "block": block,
                    "position": 2 * block + (side == "head"),
                    "seconds": 1.0,
                    "failed": False,
                    "saved_run": {**saved_run, "greenbench": {**HEADER, "session": SESSION}},
                }
            )
    return {
        "schema": 1,
        "base": {"ref": "main", "commit": "a" * 40},
        "head": {"commit": "b" * 40, "dirty": False},
        "notes": [],
        "sessions": sessions,
    }


@contextlib.contextmanager
def open_job(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Compare both sides of a damaged job."""
    file = folder / "ci.json"

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        with refusals(file.name):
            (verdicts,) = compared([file], GATES[:2])
            check_numbers(verdicts)

    yield read


JOB_FILE = Reader(
    name="job file", inputs=json_files(job()), document=job(), open=open_job, dear=True
)
RESULTS_FILE = reader_of_runs("results file", RESULTS)
SAVED = reader_of_runs("saved run", SAVED_RUN)


def analysed_run() -> Tree:
    """Return a saved run of V0, two variants and their combination, in two blocks."""
    base = made.BASE
    means = {
        "V0_baseline": ((), base),
        "V1_data": (("data",), base),
        "V2_training": (("training",), base),
        "V5_data_training": (("data", "training"), base),
    }
    benchmarks = []
    for record in made.session(means, blocks=2, noise=0.02, right=dict.fromkeys(means, 90)):
        benchmarks.append({"extra_info": {"greenbench": record}})
    return {"benchmarks": benchmarks, "greenbench": {**HEADER, "session": SESSION}}


@contextlib.contextmanager
def open_analysis(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Analyse a damaged run of variants and their combination, and print it."""
    file = folder / "run.json"
    console = Console(file=io.StringIO(), width=80)

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        with refusals(file.name):
            found = analyse(file)
            text = json.dumps(builtin(found))
            json.loads(text, parse_constant=refuse_constant)
            analysis_report.show(console, found)

    yield read


ANALYSED = Reader(
    name="analysed run",
    inputs=json_files(analysed_run()),
    document=analysed_run(),
    open=open_analysis,
    dear=True,
)


@contextlib.contextmanager
def open_unfinished(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Look for sessions that can be continued in a folder with one damaged file."""
    file = folder / "V1_x_20260101T000000Z.json"

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        for saved in saved_sessions(folder):
            assert saved.unfinished in {True, False}
            assert saved.running_as is None or saved.running_as > 0
            now = UNFINISHED["session"]["conditions"]
            here = changed(now, HEADER["environment"], now, HEADER["environment"])
            there = changed(saved.session["conditions"], saved.any_file["environment"], now, {})
            assert (here, type(there)) == ("", str)

    yield read


UNFINISHED: Tree = {
    **RESULTS,
    "session": {
        **SESSION,
        "process": {"pid": 1, "started_s": 0.0},
        "conditions": {
            "options": {"rounds": 3},
            "cells": {"T2-V1_x": {"training.precision": "bf16"}},
            "code": {"files_sha256": "0" * 64, "changes_sha256": None},
        },
    },
    "conclusion": {"in_a_hurry": True},
}
SESSIONS = Reader(
    name="unfinished session",
    inputs=json_files(UNFINISHED),
    document=UNFINISHED,
    open=open_unfinished,
)

SUBJECTS = ("", "T2.", "training.", "T1.inference.")
THRESHOLDS = ("0.98*V0", "V0-0.02", "1.1 * saved", "saved", "5", "50%", "V0 + 1", "saved - 1e-3")
PARTS = (
    *(*METRICS, "mcc", "bleu", *STAGES, *OPERATORS, *TEXTS),
    *("T1", "T2", "T9", "V0", "V1", "V1-b16", "V1_x", "saved"),
    *("0", "1", "0.98", "1.05", "105%", ".5", "1e3", "1e400", "1e-400", "0.0", "00", "9" * 400),
    *("+", "-", "*", ".", "%", "=", "==", "!=", "<>", "(", ")", "-0.1", "+1", "nan", "inf"),
    *("\u0661", "\u00b2", "\uff11", "_", "e", "1e", "1.", "V0-", "V0--1", "V0-b=1"),
)


def expression(decisions: Decisions) -> str:
    """Return a gate, most often near a valid one."""
    words = [decisions.one_of(SUBJECTS), decisions.one_of((*METRICS, "mcc", "bleu")), " "]
    words += [decisions.one_of(OPERATORS), " ", decisions.one_of(THRESHOLDS)]
    for _ in range(decisions.below(3)):
        place = decisions.below(len(words) + 1)
        odd = decisions.one_of(PARTS) if decisions.below(4) else decisions.character()
        words[place : place + decisions.below(2)] = [odd]
    return "".join(words)


@contextlib.contextmanager
def open_gates(folder: Path) -> Iterator[Callable[[str], None]]:
    """Parse an expression, and judge a run by it."""
    run = folder / "run.json"
    write_json(run, SAVED_RUN)

    def read(text: str) -> None:
        gate = None
        with refusals("--green-gate"):
            gate = parse(text, ("T1", "T2"))
        if gate is None:
            return
        assert math.isfinite(gate.number)
        assert gate.text.isprintable()
        assert gate == parse(gate.text, ("T1", "T2"))
        with refusals("--green-gate"):  # a score that this run does not have
            (verdicts,) = compared([run, run], [text])
            check_numbers(verdicts)

    yield read


GATE = Reader(name="gate", inputs=decided(expression), open=open_gates)
