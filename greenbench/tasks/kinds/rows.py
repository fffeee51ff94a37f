"""The rows of a task's table: which columns serve, and what each row's text and answer are."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from greenbench.data import hub, split_files, tables
from greenbench.data.examples import ExampleOf
from greenbench.data.formats import undecodable_together
from greenbench.data.split_rules import AUTHORS
from greenbench.data.splits import Wanted
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.tables import Table
    from greenbench.tasks.kinds.description import TaskDescription
    from greenbench.tasks.request import DataRequest

TEXTS = ("text", "sentence", "review", "content", "document", "title", "body", "message")
LABELS = ("label", "class", "category", "topic", "sentiment", "intent", "stars")
VALUES = ("value", "score", "target", "rating", "y")
TOKENS = ("tokens", "words")
TAGS = ("tags", "ner_tags", "pos_tags", "labels")
PROMPTS = ("prompt", "source", "question", "input", "instruction")
ANSWERS = ("answer", "target", "output", "completion", "response")
ROLES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "text-classification": {"text": TEXTS, "label": LABELS},
    "regression": {"text": TEXTS, "value": VALUES},
    "token-classification": {"tokens": TOKENS, "tags": TAGS},
    "causal-lm": {"prompt": PROMPTS, "answer": ANSWERS},
}
"""Kind to its roles, each with the names of columns that are recognised; the text comes first."""
MORE_ROLES = ("project", "time")
"""Roles that a split rule needs, served by a column that is named."""

Label = TypeVar("Label")
Reader: TypeAlias = "Callable[[Table, str, int], Label]"
"""Returns the answer in a row of a table, given the role of the answer and the row's index."""


class RowsOfTable:
    """The rows of one task's data, read and checked."""

    def __init__(self, description: TaskDescription, request: DataRequest) -> None:
        """Read them; raises UsageError for what is wrong, and UnavailableError for the hub."""
        self._description = description
        self._rule = request.rule
        roles = ROLES[description.kind]
        self.text, self.answer = roles
        chosen = dict(request.columns)
        if request.source in {description.local, description.data.source}:
            chosen = {**description.data.columns, **chosen}
        path, facts = self._found(request)
        self.origin = str(path)
        keep_splits = request.rule in {None, AUTHORS}
        found = split_files.tables_by_split(path, mixed=not keep_splits)
        found.refuse_missing(may_lack=("valid",))
        with undecodable_together(path, found.files):
            self.table = tables.read(
                path,
                self._wanted(roles, chosen),
                chosen,
                may_lack=MORE_ROLES,
                files=sorted(found.files),
            )
        self._split_of = found.split_of
        self.facts = dict(facts)
        self.facts["sha256"] = self.table.sha256
        self.facts["columns"] = dict(self.table.names)
        self.facts.update(found.facts)

    def _found(self, request: DataRequest) -> tuple[PurePath, dict[str, object]]:
        """Return the path of the data, fetched from the hub if they are there, and its facts."""
        source = request.source
        if isinstance(source, Path):
            if not source.exists():
                written = self._description.data.source
                raise self._description.error(
                    f"data.source is {written!r}, and nothing is at {source}; "
                    "give a csv, jsonl or parquet file, a folder of them, or a hub id"
                )
            reason = "a local file has no revision; see sha256"
            facts: dict[str, object] = {"revision": None, "revision_reason": reason}
            return source, {"source": source.name or source.resolve().name, **facts}
        folder, commit = hub.fetch(source, task=self._description.name)
        return folder, {"source": f"hub:{source}", "revision": commit}

    def _wanted(
        self, roles: Mapping[str, Sequence[str]], chosen: Mapping[str, str]
    ) -> dict[str, Sequence[str]]:
        """Return the roles to read: the kind's, those that are named, and what the rule needs."""
        wanted = dict(roles)
        for role in MORE_ROLES:
            if role in chosen or role == self._rule:
                wanted[role] = (role,)
        return wanted

    def examples(
        self, text: Callable[[Table, str, int], str], answer: Callable[[Table, str, int], Label]
    ) -> list[ExampleOf[Label]]:
        """Return each row; ``text`` and ``answer`` read and check them."""
        columns = self.table.columns
        count = len(columns[self.text])
        sides = self._sides()
        projects = columns.get("project", (None,) * count)
        times = columns.get("time", (None,) * count)
        examples = []
        for row in range(count):
            project = projects[row]
            name = None if project is None else str(project)
            words = text(self.table, self.text, row)
            label = answer(self.table, self.answer, row)
            time = self._seconds(times[row], row)
            side = sides[row]
            example = ExampleOf(text=words, label=label, project=name, time=time, side=side)
            examples.append(example)
        return examples

    def _sides(self) -> list[str | None]:
        sides: list[str | None] = []
        for file, count in self.table.parts:
            sides += [self._split_of.get(file)] * count
        return sides

    def _seconds(self, value: object, row: int) -> float | None:
        """Return seconds since 1970 of a number, or of a date as ISO 8601 writes it."""
        if value is None:
            return None
        try:
            if isinstance(value, int | float):
                return float(value)
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError as error:
            allowed = "seconds since 1970, or a date like 2016-08-07,"
            raise _wrong(self.table, "time", row, allowed) from error
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()

    @property
    def names(self) -> str:
        """The option that names another column for the answer."""
        return f"--green-columns {self._description.name}={self.answer}:COLUMN"


def wanted(request: DataRequest) -> Wanted:
    """Return how the rows are to be split."""
    return Wanted(seed=request.seed, sizes=request.sizes, rule=request.rule)


def plain_text(table: Table, role: str, row: int) -> str:
    """Return a row's text; raises UsageError for what is none."""
    value = table.columns[role][row]
    if not isinstance(value, str):
        raise _wrong(table, role, row, "a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _wrong(table, role, row, "a text in valid Unicode") from error
    return value


def number(table: Table, role: str, row: int) -> float:
    """Return a row's number; raises UsageError for what is none."""
    value = table.columns[role][row]
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise _wrong(table, role, row, "a finite number")
    return found


def words(table: Table, role: str, row: int) -> tuple[str, ...]:
    """Return a row's words, a list or a text with blanks between; UsageError for what is none."""
    value: object = table.columns[role][row]
    if isinstance(value, str):
        return tuple(value.split())
    if not isinstance(value, list | tuple) or not value:
        raise _wrong(table, role, row, "a list of words, or a text with blanks between words")
    found = tuple(str(word) for word in value)
    if any(not word.strip() or len(word.split()) > 1 for word in found):
        raise _wrong(table, role, row, "words without blanks in them")
    return found


def _wrong(table: Table, role: str, row: int, allowed: str) -> UsageError:
    value = str(table.columns[role][row])[:40]
    name = table.names[role]
    return UsageError(
        f"{table.where(row)}: column '{name}' holds {value!r}, where {allowed} is needed; mend the "
        f"row, or name another column for the {role}"
    )
