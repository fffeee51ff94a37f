"""The process that starts the workers of pytest-xdist: it alone writes, judges and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.machine.gpu_records import AMD
from greenbench.plugin.benchmark_rows import BenchmarkRows
from greenbench.plugin.distribution import INPUT, enable
from greenbench.plugin.interleaving import CELL_ID
from greenbench.plugin.order import InOrder, OwnBlocks
from greenbench.plugin.selection import cell_of
from greenbench.plugin.stopping import StopRelay
from greenbench.plugin.worker_ends import WorkerEnds
from greenbench.run.adoption import adopt
from greenbench.run.meeting import MeetingFolder
from greenbench.run.memory import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from execnet import XSpec
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling
    from xdist.workermanage import WorkerController

    from greenbench.experiment.settings import Settings
    from greenbench.machine.gpu_records import Gpu, Survey
    from greenbench.plugin.distribution import WorkerInput
    from greenbench.plugin.suite import Suite
    from greenbench.results.record import Json


def own_gpus(workers: int, blocks: int, settings: Settings, machine: Survey) -> tuple[Gpu, ...]:
    """Return a GPU for each worker; none if they have to take turns.

    They have to with a single block, since cells are compared within blocks; and with unlike cards,
    or a device or cards that a person names. AMD cards are hidden from a worker by numbers alone,
    which is not done here.
    """
    if min(workers, blocks) == 1 or settings.gpus != "auto":
        return ()
    gpus = machine.gpus
    alike = len({gpu.name for gpu in gpus}) == 1
    unfit = any(gpu.mig or gpu.vendor == AMD for gpu in gpus)
    named = settings.device not in {"auto", "cuda"}
    if machine.lost or unfit or named or not alike or len(gpus) < workers:
        return ()
    return gpus[:workers]


class OwnGpus:
    """Which running worker has which GPU."""

    def __init__(self, cards: Sequence[Gpu] = ()) -> None:
        """Give away none yet."""
        self.cards = tuple(cards)
        self._uuids: dict[str, str] = {}

    def give(self, worker: str) -> str:
        """Return the UUID of a card that is this worker's from now on; empty if there is none."""
        taken = self._uuids.values()
        free = [card.uuid for card in self.cards if card.uuid not in taken]
        self._uuids[worker] = free[0] if free else ""
        return self._uuids[worker]

    def take_back(self, worker: str) -> None:
        """Free the card of a worker that has ended."""
        self._uuids.pop(worker, None)


class Controller:
    """The hooks of a session whose tests run in workers."""

    def __init__(self, config: pytest.Config, suite: Suite) -> None:
        """Start nothing yet."""
        self._suite = suite
        self._session = suite.session
        self._folder = MeetingFolder()
        config.pluginmanager.register(StopRelay(suite, self._folder), "greenbench-stop-relay")
        config.pluginmanager.register(WorkerEnds(suite, self._folder), "greenbench-worker-ends")
        self._session.memory.file = MemoryFile(self._folder.path)
        self._rows = BenchmarkRows(config)
        self._items: dict[str, pytest.Item] = {}
        self._workers = 0
        self._gpus = OwnGpus()
        self._told = False

    # --- the workers' start -----------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let pytest-benchmark select and save as it does without workers."""
        enable(session.config)

    def pytest_xdist_setupnodes(self, specs: Sequence[XSpec]) -> None:
        """Decide whether each worker has a GPU of its own."""
        self._workers = len(specs)
        settings = self._session.settings
        rounds = settings.rounds or self._session.profile.rounds
        blocks = 1 if settings.interleave == "off" else rounds
        if self._workers > 1 and blocks > 1 and settings.device != "cpu":
            machine = self._session.instruments.survey
            self._gpus = OwnGpus(own_gpus(self._workers, blocks, settings, machine))
        if self._gpus.cards:
            self._session.instruments.gpus = self._gpus.cards

    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tell a worker where to meet the others, and which GPU is its own."""
        gpu = self._gpus.give(node.gateway.id)
        told: WorkerInput = {"folder": str(self._folder.path), "workers": self._workers, "gpu": gpu}
        node.workerinput[INPUT] = told

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Collect here too: what was selected is checked before a worker runs anything."""
        result = yield
        session.perform_collect()
        self._items = {item.nodeid: item for item in session.items}
        self._rows.take_over(self._suite.taken_over.rows)
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            count = session.testsfailed
            raise session.Interrupted(f"{count} error{'s' if count != 1 else ''} during collection")
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> Scheduling:
        """Keep the cells of a block together, in time or on a GPU."""
        kind = OwnBlocks if self._gpus.cards else InOrder
        return kind(config, log, self._suite.taken_over.left_out)

    # --- what they report, and their end ----------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a worker measured; a round's failure is reported under its cell's id.

        The whole session ends if a worker found that no cell can be measured.
        """
        hopeless = getattr(report, "greenbench_hopeless", "")
        if hopeless:
            pytest.exit(hopeless, returncode=pytest.ExitCode.USAGE_ERROR)
        self._tell(getattr(report, "greenbench_refused", ()))
        item = self._items.get(report.nodeid)
        if item is None:
            return
        part = getattr(report, "greenbench_worker", None)
        if part is not None:
            results = self._session.results
            stated, gpus = part["circumstances"], self._gpus.cards
            adopt(results, stated, workers=self._workers, gpus=gpus)
            self._keep_row(item, part["row"], report.__dict__["greenbench"])
        if report.failed:
            report.nodeid = item.stash.get(CELL_ID, report.nodeid)

    def _tell(self, refused: Sequence[str]) -> None:
        """Say which cells cannot run, as the first worker that is warm has found."""
        for line in () if self._told else refused:
            self._suite.progress.state(line)
        self._told = self._told or bool(refused)

    def _keep_row(self, item: pytest.Item, row: Json | None, record: Json) -> None:
        cell = cell_of(item)
        block = (cell.block or 0) if cell is not None else 0
        if row is not None:
            self._rows.add(row, record, block)

    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Let the cell fail, and it alone, whose round a killed worker was running."""
        item = self._items[crashitem]
        cell = cell_of(item)
        if cell is None:
            return
        memory = self._session.memory
        with memory.opened():
            memory.runs.note_failure(cell)
        record = self._suite.attempts.lose(cell.id, str(report.longrepr))
        self._rows.replace(item.stash.get(CELL_ID, crashitem), record)

    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Take the GPU of a worker that has ended for another one."""
        self._gpus.take_back(node.gateway.id)

    def pytest_unconfigure(self) -> None:
        """Remove the folder in which the workers met; they have ended."""
        self._folder.remove()
