"""What the file of a task says, before it becomes a definition."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.data.places import local_path
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

GENERATED = "generated"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Where the rows of a task are."""

    source: str
    """As it is written: a file or folder relative to the suite, or a hub id ``id@revision``."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Role to the column that serves it; the recognised names otherwise."""
    split: str | None = None
    """A key of ``data.split_rules.RULES``; None keeps the splits that the names of files tell."""
    instruction: str = ""
    """The line that follows a prompt, for a model that writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDescription:
    """A task as its file has it."""

    name: str
    kind: str
    where: str
    """How messages name the file: ``tasks/T3.yaml``."""
    root: Path
    """The folder that paths start from: that of experiment.md."""
    model: str
    data: DataSource
    score: str = ""
    """The primary score; empty for the kind's own."""
    description: str = ""
    labels: tuple[str, ...] = ()
    """What the classes or tags are called, in the order of their numbers; empty to read them."""
    profiles: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    """Profile to what it says of sizes, training and model."""

    @property
    def local(self) -> Path | None:
        """The file or folder of the data; None for those of the hub."""
        path = local_path(self.data.source)
        if path.is_absolute():
            return path
        beside = self.root / path
        return beside if beside.exists() or not _is_hub_id(self.data.source) else None

    def error(self, sentence: str) -> UsageError:
        """Return the error that names the file."""
        return UsageError(f"{self.where}: {sentence}")


def _is_hub_id(source: str) -> bool:
    """Whether a text is written like ``owner/name`` or ``owner/name@revision``."""
    name = source.partition("@")[0]
    suffix = Path(name).suffix.lower()
    is_file = suffix in {".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow"}
    return name.count("/") == 1 and not name.startswith((".", "~", "/")) and not is_file
