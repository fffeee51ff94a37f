"""A run is divided into jobs: blocks of V0 and variants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.cluster.plan import (
    PlannedCell,
    RunPlan,
    Software,
    forecast_text,
    jobs_of,
    read_plan,
)
from greenbench.errors import UsageError

SOFTWARE = Software(python="3.11.7", packages={"numpy": "2.4"}, commit="abc", dirty=False)


def cells(tasks: int, variants: int, rounds: int = 2) -> list[PlannedCell]:
    """Return V0 and variants of each task."""
    found = []
    for task in range(1, tasks + 1):
        for number in range(variants + 1):
            name = f"V{number}_x"
            cell_id = f"T{task}-{name}"
            found.append(PlannedCell(id=cell_id, task=f"T{task}", variant=name, rounds=rounds))
    return found


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.integers(2, 5))
def test_each_variant_is_in_one_job_of_each_block_beside_v0(
    tasks: int, variants: int, rounds: int, most: int
) -> None:
    """No job lacks V0, is too large or mixes tasks; none has a name of another."""
    jobs = jobs_of(cells(tasks, variants, rounds), most)
    assert len({job.name for job in jobs}) == len(jobs)
    seen: list[tuple[int, str]] = []
    for job in jobs:
        (task,) = {cell.partition("-")[0] for cell in job.cells}
        assert job.cells[0] == f"{task}-V0_x"
        assert len(job.cells) <= most
        seen += [(job.block, cell) for cell in job.cells[1:]]
    wanted = [
        (block, f"T{task}-V{number}_x")
        for block in range(1, rounds + 1)
        for task in range(1, tasks + 1)
        for number in range(1, variants + 1)
    ]
    assert sorted(seen) == sorted(wanted)


def test_variants_without_v0_are_refused() -> None:
    """A ratio needs V0 in the same job, and the sentence says how to select it."""
    with pytest.raises(UsageError, match=r'V0 of T1 is not selected.*-k "T1 and \(V0_'):
        jobs_of(cells(1, 2)[1:], None)


def test_a_plan_is_read_back_as_it_was_written() -> None:
    """Nothing of it is lost in its file."""
    planned = cells(2, 3)
    plan = RunPlan(
        run="night",
        engine="slurm",
        root="/suite",
        arguments=("-k", "T2"),
        rounds=2,
        software=SOFTWARE,
        jobs=jobs_of(planned, None),
        cells=tuple(planned),
        settings={"partition": "gpu", "exclusive": True},
    )
    assert read_plan(plan.text()) == plan


def test_software_that_differs_is_told_with_both_sides() -> None:
    """A version, a package that lacks, and a commit with changes."""
    here = Software(python="3.12.0", packages={}, commit="abc", dirty=True, changes="1f")
    assert SOFTWARE.differences(here) == [
        "Python: 3.12.0 here, 3.11.7 where the run was submitted",
        "the commit: abc with changes 1f here, abc where the run was submitted",
        "numpy: not there here, 2.4 where the run was submitted",
    ]
    assert SOFTWARE.differences(SOFTWARE) == []


def test_a_forecast_counts_the_cells_that_it_knows() -> None:
    """Seconds and joules of one round, times the rounds; the others are named."""
    known = PlannedCell(
        id="T1-V0_x",
        task="T1",
        variant="V0_x",
        rounds=5,
        seconds=720.0,
        joules=100.0,
        sources=("zeus:rapl",),
    )
    text = forecast_text([known, cells(1, 1)[1]])
    assert text.startswith("by earlier results on this host 1 h and 500 J (zeus:rapl) for the 1 of")
    assert "unknown" in forecast_text(cells(1, 1))
