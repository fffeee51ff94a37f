"""Time the judging of T1's generated translations: a sandbox each, and in long-lived workers.

    python tools/judging_time.py            # the 128 test programs of the tiny profile

Programs are judged once with the true translations and once with the sources given back, as the
dummy baseline does. The last line is a first cell: three dummy baselines and a model's answers.
"""

from __future__ import annotations

import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from greenbench.tasks import BUILT_IN
from greenbench.tasks.dataset import TaskDataset
from greenbench.tasks.translation.execution.run_tests import judge, judge_one

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.data.program_tests import Tests

Programs = list[tuple[str, "Tests"]]


def main() -> None:
    """Time both paths and a first cell."""
    sizes = BUILT_IN["T1"].sizes["tiny"].sizes
    data = TaskDataset(task=BUILT_IN["T1"], source="generated", columns={}, sizes=sizes, seed=0)
    targets = [(pair.target, pair.tests) for pair in data.test]
    sources = [(pair.source, pair.tests) for pair in data.test]
    for name, programs in (("true translations", targets), ("sources given back", sources)):
        alone = timed(lambda programs=programs: judge_alone(programs))
        together = timed(lambda programs=programs: judge("python", programs))
        print(f"{len(programs)} {name}: {alone:.1f} s alone, {together:.1f} s in workers")
    answers = [f"{text}\n# written by a model\n" for text, _ in targets]
    print(f"first cell with its dummy baselines: {timed(lambda: data.judge(answers)):.1f} s")


def judge_alone(programs: Programs) -> None:
    """Judge each program in a sandbox of its own, as many at once as there are processors."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        judge_next = functools.partial(judge_one, "python")
        list(threads.map(lambda case: judge_next(*case), programs))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
