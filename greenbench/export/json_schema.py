"""The JSON schema of results files, made from the types that they are written from.

What ``results.record`` does to a cell on its way into a file, the functions of the same names do
here to its schema; a test holds the two together, record by record.
"""

from __future__ import annotations

import json

from greenbench.export.json_types import (
    Schema,
    closed,
    nullable,
    of_class,
    of_type,
    properties_of,
)
from greenbench.gates.verdict import Verdict
from greenbench.options import Difference, KnobValue, Options
from greenbench.results.carbon import CarbonIntensity
from greenbench.results.record import SCHEMA
from greenbench.types import (
    ALL_CHANNELS,
    CHANNELS,
    REUSABLE,
    CellResult,
    Energy,
    Judged,
    Round,
    Window,
)

NUMBER = {"type": ["number", "null"]}
TEXT = {"type": "string"}
OPTIONAL_TEXT = {"type": ["string", "null"]}
FACTS = {"type": "object"}
"""An object that may have any keys: what a library or the machine says."""
TEXTS = {"type": "array", "items": TEXT}


def schema_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(results_schema(), indent=1) + "\n"


def results_schema() -> Schema:
    """Return the JSON schema (draft 2020-12) of the results files that this version writes."""
    differences = {"type": "array", "items": of_class(Difference)}
    properties: dict[str, Schema] = {
        "schema": {"const": SCHEMA, "description": "Number of the format."},
        "variant": {**TEXT, "description": "Folder of the variant, like V7_all_optimised."},
        "options": {"$ref": "#/$defs/options"},
        "differs_from_baseline": differences,
        "profile": {**TEXT, "description": "How big the run was."},
        "profile_changes": {"type": "object", "additionalProperties": FACTS},
        "session": _session(),
        "environment": _environment(),
        "carbon": nullable(of_class(CarbonIntensity)),
        "instrument": {
            **FACTS,
            "description": "What measured, and the idle power of each channel.",
        },
        "energy_sources": {"type": "object", "additionalProperties": TEXT},
        "cells": {"type": "array", "items": {"$ref": "#/$defs/cell"}},
        "conclusion": nullable(_conclusion()),
        "gates": closed(
            {
                "failed": {"type": "boolean"},
                "verdicts": {"type": "array", "items": {"$ref": "#/$defs/verdict"}},
            }
        ),
    }
    file = closed(properties, optional=("instrument", "gates"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A results file of greenbench: one variant in one session",
        "description": "Joules, seconds, watts and bytes are in the names of keys (gpu_j, "
        "seconds). null says that something was not measured; a reason stands beside it. Files of "
        "earlier formats load too, but are not described here.",
        **file,
        "$defs": {
            "options": _options(),
            "cell": cell_record(),
            "round": round_record(),
            "window": window_record(),
            "energy": energy_record(),
            "verdict": of_class(Verdict),
        },
    }


def _energy_properties() -> dict[str, Schema]:
    properties = properties_of(Energy)
    by_channel = dict.fromkeys(ALL_CHANNELS, NUMBER)
    properties["net_j"] = {**closed(by_channel), "description": "Joules net of idle."}
    properties["total_j"] = {**NUMBER, "description": "Sum over the channels in scope."}
    properties["total_net_j"] = NUMBER
    properties["scope"] = {"type": "array", "items": {"enum": list(CHANNELS)}}
    return properties


def energy_record() -> Schema:
    """Return the schema of a round's joules."""
    return closed(_energy_properties())


def window_record() -> Schema:
    """Return the schema of a stage's window; its energy stands beside its seconds."""
    properties = properties_of(Window)
    del properties["energy"]
    return closed({**_energy_properties(), **properties})


def round_record() -> Schema:
    """Return the schema of a round: what was judged stands beside its other values."""
    properties = properties_of(Round)
    judged = properties_of(Judged)
    windows = {"type": "array", "items": {"$ref": "#/$defs/window"}}
    origins = properties.pop("origins")
    for stage in REUSABLE:
        properties[stage] = {**FACTS, "description": origins["description"]}
    del properties["whole"], properties["judged"], judged["doubts"]
    properties.update(judged)
    properties["seconds"] = {"type": "number"}
    properties["energy"] = {"$ref": "#/$defs/energy"}
    for name in ("windows", "repeats"):
        properties[name] = {**windows, "description": properties[name]["description"]}
    return closed(properties)


def cell_record() -> Schema:
    """Return the schema of a cell."""
    properties = properties_of(CellResult)
    last = properties_of(Round)
    judged = properties_of(Judged)
    properties["schema"] = {"const": SCHEMA}
    properties["options"] = nullable({"$ref": "#/$defs/options"})
    properties["differs_from_baseline"] = {"type": "array", "items": of_class(Difference)}
    properties["rounds"] = {"type": "array", "items": {"$ref": "#/$defs/round"}}
    properties["failures"] = judged["failures"]
    properties["references"] = judged["references"]
    properties["applied"] = last["applied"]
    properties["work"] = last["work"]
    properties["energy_sources"] = of_type(dict[str, str])
    properties["outcome"] = {**OPTIONAL_TEXT, "description": "Of its test, in pytest's words."}
    return closed(properties, optional=("outcome",))


def _options() -> Schema:
    """Return the schema of all knobs, and a suite's own beside them.

    A file may lack those that were added after it.
    """
    options = of_class(Options)
    for stage in options["properties"].values():
        del stage["required"]
        stage["additionalProperties"] = of_type(KnobValue)
    return options


def _session() -> Schema:
    properties = {"id": TEXT, "started": TEXT, "argv": OPTIONAL_TEXT}
    return {"type": "object", "properties": properties, "required": ["id", "started"]}


def _environment() -> Schema:
    properties = {
        "host": TEXT,
        "device": TEXT,
        "cpu": FACTS,
        "gpus": {"type": "array", "items": FACTS},
    }
    return {"type": "object", "properties": properties}


def _conclusion() -> Schema:
    properties: dict[str, Schema] = {
        "doubts": TEXTS,
        "in_a_hurry": {"type": "boolean", "description": "Whether a signal ended the session."},
        "sampler_cpu_seconds": NUMBER,
    }
    return closed(properties, optional=("sampler_cpu_seconds",))
