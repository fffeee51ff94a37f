"""The sessions that a report's cells were measured in, and how their environments differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.report.page.provenance import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import RunHeader
    from greenbench.types import Facts

MOST_COMPARED = 6
"""Sessions whose environments are set side by side, the newest ones."""
NOT_STATED = "not stated"
SYSTEM = {"os": "system", "kernel": "kernel", "python": "Python"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A session, in words."""

    number: int
    started: str
    profile: str
    cells: int
    command: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDifferences:
    """Where environments of sessions differ: a row an entry, a column a session."""

    sessions: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int
    """Older sessions that are not compared."""


class NumberedSessions:
    """The sessions of all cells of a page, oldest first, numbered from 1."""

    def __init__(self, cells: Iterable[Measured]) -> None:
        """Find the sessions of ``cells``."""
        headers: dict[str, RunHeader] = {}
        self._counts: dict[str, int] = {}
        for cell in cells:
            key = _key(cell)
            headers.setdefault(key, cell.header)
            self._counts[key] = self._counts.get(key, 0) + 1
        ordered = sorted(headers, key=lambda key: headers[key].started)
        self._headers = {key: headers[key] for key in ordered}
        self._numbers = {key: number for number, key in enumerate(ordered, start=1)}

    def number_of(self, cell: Measured) -> int:
        """Return the number of the session that a cell was measured in."""
        return self._numbers[_key(cell)]

    def lines(self) -> list[SessionLine]:
        """Return all sessions in words."""
        lines = []
        for key, header in self._headers.items():
            facts = tuple(machine_facts(header.environment))
            line = SessionLine(
                number=self._numbers[key],
                started=header.started or "at an unknown time",
                profile=header.profile or "unknown",
                cells=self._counts[key],
                command=header.command,
                facts=facts,
            )
            lines.append(line)
        return lines

    def differences(self) -> EnvironmentDifferences | None:
        """Return where the newest sessions' environments differ; None for a single session."""
        keys = list(self._headers)
        compared = keys[-MOST_COMPARED:]
        if len(compared) < 2:  # noqa: PLR2004  it takes two to differ
            return None
        numbers, environments = [], []
        for key in compared:
            numbers.append(self._numbers[key])
            environment = self._headers[key].environment
            environments.append(dict(_entries(environment)))
        rows = tuple(_rows(environments))
        left_out = len(keys) - len(compared)
        return EnvironmentDifferences(sessions=tuple(numbers), rows=rows, left_out=left_out)


def _key(cell: Measured) -> str:
    return cell.header.session_id or f"{cell.origin} {cell.header.started}"


def machine_facts(environment: Facts) -> Iterator[Fact]:
    """Say in a few words what a session ran on."""
    cpu = environment.get("cpu")
    if isinstance(cpu, Mapping):
        yield Fact("CPU", f"{cpu.get('model')}, {cpu.get('usable_cores')} usable cores")
    names = []
    for gpu in environment.get("gpus") or ():
        names.append(f"{gpu.get('name')}, driver {gpu.get('driver')}")
    yield Fact("GPU", "; ".join(names) or "none counted")
    for key, label in SYSTEM.items():
        value = environment.get(key)
        if value is not None:
            yield Fact(label, str(value))
    packages = environment.get("packages")
    if isinstance(packages, Mapping):
        versions = [f"{name} {version}" for name, version in packages.items()]
        yield Fact("packages", ", ".join(versions))
    git = environment.get("git")
    if isinstance(git, Mapping):
        commit = str(git.get("commit"))[:12]
        state = ", with changes that are not committed" if git.get("dirty") else ""
        yield Fact("commit", f"{commit}{state}")


def _entries(facts: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Return every value of an environment with its place, ``packages.torch``."""
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(facts, Mapping):
        inner = facts.items()
    elif isinstance(facts, (list, tuple)):
        inner = enumerate(facts)
    else:
        yield name, str(facts)
    for key, value in inner:
        yield from _entries(value, f"{name}.{key}" if name else str(key))


def _rows(environments: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    names: dict[str, None] = {}
    for environment in environments:
        names.update(dict.fromkeys(environment))
    for name in names:
        values = []
        for environment in environments:
            values.append(environment.get(name, NOT_STATED))
        if len(set(values)) > 1:
            yield (name, *values)
