"""Every results file that a test's session concludes is valid by the published JSON schema."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import fastjsonschema

from greenbench.export.json_schema import results_schema
from greenbench.results.files import Recorder
from greenbench.results.record import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def validate() -> Callable[[object], object]:
    """Return a function that raises an error for what is no results file of this version."""
    validator: Callable[[object], object] = fastjsonschema.compile(results_schema())
    return validator


def watch() -> None:
    """Let each session in this process, and in those forked from it, check what it wrote."""
    conclude = Recorder.conclude
    if hasattr(conclude, "__wrapped__"):
        return

    @functools.wraps(conclude)
    def conclude_and_check(recorder: Recorder, **facts: Any) -> None:
        conclude(recorder, **facts)
        for variant in recorder._runs:  # on disk they may be gone: some tests see to that
            file = json.loads(recorder._text(variant))
            if file["schema"] == SCHEMA:
                validate()(file)

    Recorder.conclude = conclude_and_check  # type: ignore[method-assign]
