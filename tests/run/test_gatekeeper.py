"""What a session's gates know of earlier sessions."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import HEADER, raw_cell

from greenbench.gates.expression import parse
from greenbench.run.gatekeeper import Gatekeeper

if TYPE_CHECKING:
    from pathlib import Path


NOBODY: Any = SimpleNamespace(functions=[])
"""No test is chosen."""


def header(name: str) -> dict[str, Any]:
    """Return the header of a session."""
    started = f"2026-01-0{name}T00:00:00Z"
    return {**HEADER, "schema": 3, "variant": "V1_x", "session": {"id": name, "started": started}}


@pytest.mark.parametrize("gate", ["energy <= saved", "energy <= V0"])
def test_all_sessions_of_the_results_folder_but_this_one_are_known(
    gate: str, tmp_path: Path
) -> None:
    """They show how sessions differ: also one that failed its gates."""
    record, _, _ = raw_cell("T2-V1_x")
    for name in "123":
        run = {**header(name), "cells": [record], "gates": {"failed": name == "1"}}
        (tmp_path / f"V1_x_2026010{name}T000000Z.json").write_text(json.dumps(run))
    session: Any = SimpleNamespace(
        settings=SimpleNamespace(gate=(parse(gate),), allow=(), results=tmp_path),
        results=SimpleNamespace(header=header("3")),
    )
    newest = tmp_path / "V1_x_20260102T000000Z.json"
    gatekeeper = Gatekeeper(session, lambda: newest, selection=NOBODY)
    known = gatekeeper.references().sessions("T2-V1_x")
    assert {cell.header.session_id for cell in known} == {"1", "2"}
