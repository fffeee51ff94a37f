"""Commands for runs on many machines: ``submit``, and what is asked of a run afterwards."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import listed, print_lines, print_to_stderr

if TYPE_CHECKING:
    from greenbench.cli.arguments import CommandParser, Commands
    from greenbench.cluster.run_folder import RunFolder
    from greenbench.cluster.status import EngineQueue

RUNS = Path("runs")
TIME_MIN = 24 * 60


def add_submit(commands: Commands) -> None:
    """Add ``greenbench submit``, whose arguments after ``--`` are pytest's."""
    parser = commands.add_parser(
        "submit",
        help="measure the blocks of a run as jobs of Slurm, of hosts over SSH, or of this machine",
        epilog='e.g. greenbench submit local --workers 2 -- -k "V0 or V7" --green-rounds 5',
        allow_abbrev=False,
    )
    engines = parser.add_subparsers(required=True, metavar="ENGINE", dest="engine")
    local = engines.add_parser("local", help="processes of this machine", allow_abbrev=False)
    local.add_argument(
        "--workers", type=_positive, default=1, metavar="N", help="processes (default: 1)"
    )
    local.add_argument(
        "--gpus",
        type=_positive,
        metavar="N",
        help="GPUs of each worker's own, which then measure side by side (default: workers take "
        "turns, block by block)",
    )
    _add_slurm(engines.add_parser("slurm", help="an array of Slurm jobs", allow_abbrev=False))
    ssh = engines.add_parser("ssh", help="hosts over SSH, a worker on each", allow_abbrev=False)
    ssh.add_argument("hosts", type=listed, metavar="HOST,HOST,...", help="as ssh names them")
    ssh.add_argument(
        "--python", default="", metavar="PYTHON", help="the hosts' interpreter (default: as here)"
    )
    ssh.add_argument(
        "--ssh-config", type=Path, metavar="FILE", help="ssh's configuration (default: its own)"
    )
    ssh.add_argument(
        "--folder",
        default=".cache/greenbench/runs",
        metavar="DIR",
        help="on a host that does not see this folder: where checkout and results go, from the "
        "home folder (default: .cache/greenbench/runs)",
    )
    ssh.add_argument(
        "--wheels",
        type=Path,
        metavar="DIR",
        help="send these wheels to a host that does not see this folder, and measure there in an "
        "environment made of them (default: the environment of --python)",
    )
    for engine in (local, engines.choices["slurm"], ssh):
        _add_common(engine)
    parser.set_defaults(execute=submit)


def _add_slurm(parser: CommandParser) -> None:
    parser.add_argument("--partition", metavar="NAME", help="Slurm's partition")
    parser.add_argument("--account", metavar="NAME", help="whom Slurm charges")
    parser.add_argument("--qos", metavar="NAME", help="Slurm's quality of service")
    parser.add_argument("--constraint", metavar="FEATURE", help="features that nodes must have")
    parser.add_argument("--nodelist", metavar="NODES", help="nodes to run on")
    parser.add_argument("--gpus", type=_positive, metavar="N", help="GPUs of each job")
    parser.add_argument("--cpus", type=_positive, metavar="N", help="CPUs of each job")
    parser.add_argument(
        "--exclusive",
        action="store_true",
        help="whole nodes: else joules of CPUs and memory are null",
    )
    parser.add_argument(
        "--time",
        type=_positive,
        default=TIME_MIN,
        metavar="MINUTES",
        help=f"limit of each job (default: {TIME_MIN})",
    )
    parser.add_argument(
        "--parallel", type=_positive, default=256, metavar="N", help="jobs at once (default: 256)"
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cells-per-job",
        type=_positive,
        metavar="N",
        help="split a block: V0 and up to N - 1 variants in each job (default: a task's whole "
        "block)",
    )
    parser.add_argument(
        "--run", default="", metavar="NAME", help="the run's name (default: the time)"
    )
    parser.add_argument(
        "--runs", type=Path, default=RUNS, metavar="DIR", help="where runs lie (default: runs)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and what would be submitted"
    )


def add_status(commands: Commands) -> None:
    """Add ``greenbench status``."""
    parser = _of_run(commands, "status", "how far a run is, and which jobs lack")
    parser.set_defaults(execute=status)


def add_fetch(commands: Commands) -> None:
    """Add ``greenbench fetch``."""
    parser = _of_run(commands, "fetch", "make ordinary results files of what a run delivered")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="where they go, a folder for each class of host (default: results in the run's)",
    )
    parser.set_defaults(execute=fetch)


def add_resubmit(commands: Commands) -> None:
    """Add ``greenbench resubmit``."""
    parser = _of_run(commands, "resubmit", "submit again what lacks, and nothing else")
    parser.set_defaults(execute=resubmit)


def add_cancel(commands: Commands) -> None:
    """Add ``greenbench cancel``."""
    parser = _of_run(commands, "cancel", "end a run; what was delivered stays")
    parser.set_defaults(execute=cancel)


def _of_run(commands: Commands, name: str, text: str) -> CommandParser:
    parser = commands.add_parser(name, help=text, epilog=f"e.g. greenbench {name} runs/night")
    parser.add_argument("run", type=Path, help="the run's folder, as `greenbench submit` named it")
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


# --- what they do ---------------------------------------------------------------------------------


def submit(options: argparse.Namespace) -> int:
    """Print the plan and submit the jobs; raises UsageError."""
    from greenbench.cluster import submission
    from greenbench.cluster.engines import engine_of
    from greenbench.cluster.wheels import wheels_of

    given = vars(options)
    engine = engine_of(options.engine)
    request = submission.Submission(
        root=Path(),
        runs=options.runs,
        name=options.run or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        engine=options.engine,
        arguments=tuple(options.pytest_arguments),
        cells_per_job=options.cells_per_job,
        settings={name: _plain(given[name]) for name in engine.SETTINGS},
    )
    engine.check()
    if request.settings.get("wheels"):
        wheels_of(Path(request.settings["wheels"]))
    plan = submission.plan_of(request)
    print_lines(submission.plan_lines(plan))
    if options.dry_run:
        print_lines(engine.script(plan, request.runs / plan.run))
        return 0
    run = submission.make_run(request, plan)
    engine.submit(run, [job.name for job in plan.jobs])
    print_lines([f"submitted; greenbench status {run.path} says how far it is"])
    return 0


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def status(options: argparse.Namespace) -> int:
    """Print how far a run is; return 1 if a job needs to be submitted again."""
    from greenbench.cluster import status as states

    run, queued = _asked(options.run)
    found = states.states(run, queued)
    print_lines(states.lines(run, found))
    return int(any(one.needs_resubmission for one in found))


def fetch(options: argparse.Namespace) -> int:
    """Copy what was delivered; return 1 if a job lacks."""
    from greenbench.cluster import fetching

    run, _ = _asked(options.run)
    fetched = fetching.fetch(run, options.results or run.path / "results")
    print_lines(fetching.lines(run, fetched))
    return int(bool(fetched.lacking or fetched.problems))


def resubmit(options: argparse.Namespace) -> int:
    """Submit the jobs that neither delivered nor are on their way. Raises UsageError."""
    from greenbench.cluster import status as states
    from greenbench.cluster.engines import engine_of

    run, queued = _asked(options.run)
    lacking = [one.name for one in states.states(run, queued) if one.needs_resubmission]
    if not lacking:
        print_lines([f"run {run.plan.run}: no job lacks that is not on its way"])
        return 0
    run.go_on()
    engine_of(run.plan.engine).submit(run, lacking)
    print_lines([f"submitted again: {', '.join(lacking)}"])
    return 0


def cancel(options: argparse.Namespace) -> int:
    """End the jobs of a run."""
    from greenbench.cluster.engines import engine_of
    from greenbench.cluster.run_folder import RunFolder

    run = RunFolder(options.run)
    run.cancel()
    engine_of(run.plan.engine).cancel(run)
    delivered = len(run.plan.jobs) - len(run.lacking())
    print_lines([f"run {run.plan.run}: cancelled; {delivered} jobs had delivered, and stay"])
    return 0


def _asked(path: Path) -> tuple[RunFolder, EngineQueue | None]:
    """Return a run with what its hosts have delivered so far, and its engine's queue.

    Hosts that do not answer are named, and keep nobody from the others.
    """
    from greenbench.cluster.engines import engine_of
    from greenbench.cluster.run_folder import RunFolder

    run = RunFolder(path)
    queue = engine_of(run.plan.engine).queue(run)
    if queue is not None:
        for reason in dict.fromkeys(queue.silent.values()):
            print_to_stderr(reason)
    return run, queue
