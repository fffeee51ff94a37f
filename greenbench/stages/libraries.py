"""What the stages import when they first run, so that a session can import it beforehand."""

from __future__ import annotations

import importlib

LIBRARIES = (
    "accelerate",
    "transformers.models.llama.modeling_llama",
    "transformers.models.modernbert.modeling_modernbert",
    "greenbench.stages.toggles",
)
"""Modules, each of which takes long to import or brings others that do."""


def load() -> None:
    """Import them; on one core that takes some three seconds."""
    from greenbench.stages import isolation

    with isolation.quiet():
        for name in LIBRARIES:
            importlib.import_module(name)
