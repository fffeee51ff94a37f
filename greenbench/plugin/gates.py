"""pytest's side of the gates: where the compared run lies, when verdicts are due, and what they do to the session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from greenbench import gates as verdicts
from greenbench.errors import GreenbenchError
from greenbench.run.gatekeeper import Gatekeeper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates import Verdict
    from greenbench.report.summary import Summary
    from greenbench.run.session import Session


class GateHooks:
    """Judges the session's cells once they have all run; registered once a session exists."""

    def __init__(self, config: pytest.Config, session: Session, summary: Summary) -> None:
        """Hold them; nothing is read yet."""
        self._session, self._summary, self._unread = session, summary, False
        self.keeper = Gatekeeper(session, lambda: compared(config), selective=selective(config))

    def verdicts(self) -> list[Verdict]:
        """Return the verdicts on what has run; what cannot be read of a baseline is told, and fails the session."""
        try:
            return self.keeper.judge(self._summary.records)
        except GreenbenchError as error:
            if not self._unread:
                self._summary.problems.append(str(error))
            self._unread = True
            return []

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Say in a saved run what its cells were measured in, and mark it where it failed a gate: it is no baseline."""
        from greenbench.results.record import builtin

        output_json["greenbench"] = {
            **builtin(self._session.header),
            "gates": builtin(self.record()),
        }

    def check(self) -> None:
        """Before a joule is spent, find what the gates refer to; raises UsageError."""
        if self.keeper.gates:
            self.keeper.check()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge, mark the results files, and fail the session where a gate fails."""
        if session.config.option.collectonly or session.exitstatus > pytest.ExitCode.INTERRUPTED:
            return
        self._summary.verdicts, self._summary.earlier = (
            self.verdicts(),
            self.keeper.baselines(self._summary.records),
        )
        self._summary.notes += tuple(self.keeper.notes)
        if self.keeper.gates and self._session.written:
            self._mark()
        if (
            self.keeper.failed or self._summary.problems
        ) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _mark(self) -> None:
        try:
            self._session.recorder.conclude(gates=self.record())
        except OSError as error:
            self._summary.problems.append(
                f"the verdicts could not be written into the results files ({error})"
            )

    def record(self) -> dict[str, Any]:
        """Return the verdicts as builtins, and whether they fail the session."""
        found = [verdicts.record(v) for v in self.verdicts()]
        return {"failed": self.keeper.failed or self._unread, "verdicts": found}


def compared(config: pytest.Config) -> Path | Sequence[Path] | None:
    """Return the file that ``--benchmark-compare`` names, or all saved ones that fit what it says, oldest first."""
    asked = config.getoption("benchmark_compare", None)
    if not asked:
        return None
    if isinstance(asked, str) and (Path(asked).suffix == ".json" or Path(asked).exists()):
        return Path(asked)
    storage: Any = config._benchmarksession.storage  # type: ignore[attr-defined]  # noqa: SLF001  it alone knows where
    return list(storage.query("[0-9][0-9][0-9][0-9]_" if asked is True else asked))


def selective(config: pytest.Config) -> str:
    """Say what a person chose among, ``tests`` or ``files``; empty where the whole suite runs."""
    named = [
        argument
        for argument in config.args
        if "::" in argument or argument.partition("::")[0].endswith(".py")
    ]
    if named:
        return "files"
    return (
        "tests"
        if any(config.getoption(name, None) for name in ("keyword", "deselect", "lf", "stepwise"))
        else ""
    )
