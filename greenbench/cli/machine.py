"""Commands on the machine: ``doctor`` and ``restore``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import add_json, print_lines, print_to_stderr

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import Commands


def add_doctor(commands: Commands) -> None:
    """Add ``greenbench doctor``."""
    parser = commands.add_parser(
        "doctor", help="what can be measured here, with which instrument, and how to get the rest"
    )
    add_json(parser)
    parser.add_argument(
        "--sensor",
        action="append",
        default=[],
        metavar="MODULE:CLASS",
        help="a wattmeter of your own to try out, as for --green-sensor",
    )
    parser.set_defaults(execute=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Examine the machine for some seconds and print what it can measure and control.

    It changes no setting, except that it restores those that a killed run left changed.
    """
    from greenbench.machine import gpus
    from greenbench.machine.control.doctor import capabilities
    from greenbench.machine.control.restore import recover
    from greenbench.machine.energy import examine
    from greenbench.machine.sensor_classes import UserSensors

    recover(print_to_stderr)
    survey = gpus.survey()
    own = UserSensors(names=tuple(options.sensor), root=Path.cwd(), option="--sensor")
    findings = examine(survey, own=own)
    controls = capabilities(survey.gpus)
    if options.json:
        records = list(map(dataclasses.asdict, findings))
        for control in controls:
            records.append({"channel": "control", **dataclasses.asdict(control)})
        print(json.dumps(records, indent=1))  # noqa: T201
        return 0
    from rich.console import Console

    from greenbench.report import doctor as report

    report.show(Console(highlight=False), findings, controls)
    return 0


def add_restore(commands: Commands) -> None:
    """Add ``greenbench restore``."""
    parser = commands.add_parser(
        "restore", help="restore power limits, clocks and governors that a killed run left changed"
    )
    parser.set_defaults(execute=restore)


def restore(_options: argparse.Namespace) -> int:
    """Restore what killed runs left changed and print it; return 1 if something could not be."""
    from greenbench.machine.control.restore import left_behind, recover

    messages: list[str] = []
    recover(messages.append)
    if not messages:
        messages.append("no session left a setting of this machine changed")
    print_lines(messages)
    return 1 if left_behind() else 0
