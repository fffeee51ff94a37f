"""The command line around the suite: measure, list, check and compare variants; see the machine.

Exit codes: 0 fine, 1 ``compare`` or ``ci`` found a failure, ``status`` or ``fetch`` a job without
results, ``cache verify`` a damaged training, or ``restore`` could not restore everything, 2 the
call or a file is wrong; ``run`` passes pytest's own on.

A command imports what it needs itself, so that ``--help``, ``list`` and ``check`` start at once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from greenbench.cli.analyse import add_analyse
from greenbench.cli.arguments import CommandParser
from greenbench.cli.cache import add_cache
from greenbench.cli.ci import add_ci
from greenbench.cli.compare import add_compare
from greenbench.cli.export import add_export
from greenbench.cli.init import add_init
from greenbench.cli.knobs import add_knobs
from greenbench.cli.machine import add_doctor, add_restore
from greenbench.cli.matrix import add_check, add_list, add_new
from greenbench.cli.measure import add_run, add_sweep_power
from greenbench.cli.report import add_report
from greenbench.cli.search import add_search
from greenbench.cli.submit import add_cancel, add_fetch, add_resubmit, add_status, add_submit
from greenbench.errors import GreenbenchError, explained_paths
from greenbench.report.texts import error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.cli.arguments import Commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (by default the process's) name; return its exit code."""
    parser = CommandParser(
        prog="greenbench",
        description="Energy, time and quality of pipeline variants; `pytest bench` measures.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for add_command in COMMANDS:
        add_command(commands)
    arguments, after = _of_pytest(list(sys.argv[1:] if arguments is None else arguments))
    options, rest = parser.parse_known_args(arguments)
    if options.command in WITH_DASHES:
        options.pytest_arguments = after
    if options.command == "run":
        options.pytest_arguments = rest
    elif rest:
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        with explained_paths():
            return int(options.execute(options))
    except GreenbenchError as error:
        print(error_text(error), file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:  # whoever read the output has enough, and did not see all of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed once more at exit
        return 2


def _of_pytest(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return a command's own arguments and, apart from them, pytest's, which stand after ``--``."""
    if arguments[:1] not in [[name] for name in WITH_DASHES] or "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


WITH_DASHES = ("ci", "submit")
"""Commands whose arguments after ``--`` are pytest's."""
COMMANDS: tuple[Callable[[Commands], None], ...] = (
    add_init,
    add_run,
    add_list,
    add_doctor,
    add_new,
    add_knobs,
    add_search,
    add_sweep_power,
    add_compare,
    add_analyse,
    add_report,
    add_export,
    add_ci,
    add_submit,
    add_status,
    add_fetch,
    add_resubmit,
    add_cancel,
    add_cache,
    add_restore,
    add_check,
)
