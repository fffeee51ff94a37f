"""Every results file that a test's session concludes is valid by the published JSON schema."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import fastjsonschema

from greenbench.export.json_schema import results_schema
from greenbench.results.record import SCHEMA
from greenbench.run.session_results import SessionResults

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.results.files import Recorder


@functools.cache
def validate() -> Callable[[object], object]:
    """Return a function that raises an error for what is no results file of this version."""
    validator: Callable[[object], object] = fastjsonschema.compile(results_schema())
    return validator


def check(recorder: Recorder) -> None:
    """Raise an error if a file of a session is not valid; on disk it may be gone by now."""
    for variant in recorder._runs:
        file = json.loads(recorder._text(variant))
        measured = all("rounds" in cell for cell in file["cells"])  # not made up by a test
        if measured and file["schema"] == SCHEMA:  # a continued session may be of an earlier one
            validate()(file)


def watch() -> None:
    """Let each session in this process, and in those forked from it, check what it wrote."""
    conclude = SessionResults.conclude
    if hasattr(conclude, "__wrapped__"):
        return

    @functools.wraps(conclude)
    def conclude_and_check(results: SessionResults, **facts: Any) -> None:
        conclude(results, **facts)
        if results._recorder is not None:
            check(results._recorder)

    SessionResults.conclude = conclude_and_check  # type: ignore[method-assign]
    validate()  # compiled once, and not in each process that is forked from this one
