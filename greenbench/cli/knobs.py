"""The command ``knobs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from greenbench.cli.arguments import add_json, print_lines

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import Commands


def add_knobs(commands: Commands) -> None:
    """Add ``greenbench knobs``."""
    parser = commands.add_parser("knobs", help="every knob: what it takes, and what it does")
    add_json(parser)
    parser.set_defaults(execute=knobs)


def knobs(options: argparse.Namespace) -> int:
    """Print every knob."""
    from greenbench.experiment.knob_list import described_knobs
    from greenbench.report import knob_list

    known = described_knobs()
    if options.json:
        print(json.dumps([knob_list.record(knob) for knob in known], indent=1))  # noqa: T201
    else:
        print_lines(knob_list.lines(known))
    return 0
