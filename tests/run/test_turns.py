"""Turns among processes: one at a time, the lowest number next, and none is lost with a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

from greenbench.run.turns import Turn

FORK = multiprocessing.get_context("fork")


def take(file: Path, log: Path, number: int) -> None:
    """Take a turn, and write when it begins and ends."""
    with Turn(file).taken(number), log.open("a") as lines:
        lines.write(f"{number}\n")
        lines.flush()
        time.sleep(0.02)
        lines.write(f"{number}\n")


def waiting(file: Path, log: Path, number: int) -> multiprocessing.Process:
    """Return a process that waits for its turn."""
    process = FORK.Process(target=take, args=(file, log, number))
    process.start()
    blocked = f"-> POSIX  ADVISORY  WRITE {process.pid} "
    for _ in range(4000):
        if blocked in Path("/proc/locks").read_text():
            return process
        time.sleep(0.005)
    raise AssertionError("it does not wait")


def test_the_lowest_number_that_waits_is_next(tmp_path: Path) -> None:
    """Whoever came first, and nobody begins before the last one has ended."""
    file, log = tmp_path / "turn", tmp_path / "log"
    with Turn(file).taken(0):
        processes = [waiting(file, log, number) for number in (7, 3, 9, 5)]
    for process in processes:
        process.join(20)
        assert process.exitcode == 0
    turns = log.read_text().split()
    assert turns[::2] == turns[1::2]
    assert turns[-2:] == ["9", "9"]
    assert turns[::2] == ["3", "5", "7", "9"]


def test_a_killed_process_gives_its_turn_away(tmp_path: Path) -> None:
    """The kernel releases the lock; nobody waits for a number that is gone."""
    file, log = tmp_path / "turn", tmp_path / "log"
    with Turn(file).taken(0):
        killed, next_one = waiting(file, log, 1), waiting(file, log, 2)
        os.kill(killed.pid or 0, signal.SIGKILL)
        killed.join(20)
    next_one.join(20)
    assert next_one.exitcode == 0
    assert log.read_text().split() == ["2", "2"]
