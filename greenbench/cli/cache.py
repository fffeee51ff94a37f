"""``greenbench cache``: the stages that ``--green-reuse`` has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.cli.arguments import print_lines

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import Commands

ACTIONS = ("list", "verify", "clear")


def add_cache(commands: Commands) -> None:
    """Add ``greenbench cache``."""
    parser = commands.add_parser("cache", help="list, verify or clear the stages kept for reuse")
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default="list",
        help="verify reads each and removes damaged ones; clear removes all (default: list)",
    )
    parser.set_defaults(execute=cache)


def cache(options: argparse.Namespace) -> int:
    """Do what is asked and print it; return 1 if ``verify`` found a damaged one."""
    from greenbench.report import reuse as report
    from greenbench.report.cost import plural
    from greenbench.reuse.store import StageCache

    store = StageCache()
    if options.action == "clear":
        print_lines([f"{plural(store.clear(), 'kept stage')} removed from {store.folder}"])
        return 0
    damaged = []
    if options.action == "verify":
        damaged = [entry for entry in store.entries() if store.facts(entry.key) is None]
        for entry in damaged:
            store.remove(entry.key)
            print_lines(
                [f"{entry.key[:12]}  damaged, and removed: it is measured again when needed"]
            )
    print_lines(report.listed(store.entries(), store.folder, store.limit))
    return 1 if damaged else 0
