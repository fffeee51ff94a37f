"""What became of the other ranks, told from the error of this one and from what they said."""

from __future__ import annotations

from multiprocessing import Pipe
from types import SimpleNamespace

import pytest

from greenbench.errors import UnavailableError
from greenbench.stages.ranks import pool
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.ranks.process import RankFailure


def test_a_rank_that_gave_up_does_not_blame_those_it_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another rank only lost its connection, as this one had waited for too long."""
    monkeypatch.setattr(pool, "SETTLE_S", 0.0)
    orders, theirs = Pipe()
    theirs.send("an answer")
    lost = RankFailure("rank 1 failed: Connection closed by peer", is_of_others=True)
    ranks = Ranks("cpu:2", limit_s=15)
    ranks._others = [SimpleNamespace(orders=orders, failure=lambda: lost, end=orders.close)]

    def wait_in_vain() -> None:
        raise RuntimeError("Timed out waiting 15000ms for recv operation to complete")

    with (
        theirs,
        pytest.raises(UnavailableError, match=r"the ranks of cpu:2 waited .* more than 15 s"),
        ranks._failing_together(),
    ):
        wait_in_vain()
