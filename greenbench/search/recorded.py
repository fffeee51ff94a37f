"""Reads the journals of a results folder, for those who show what searches measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.search.journal import FORMAT, block_of
from greenbench.search.racing import SearchRules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from greenbench.search.readings import SearchBlock
    from greenbench.search.space import Point

JOURNALS = "search_*.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSearch:
    """A search as its journal has it; it may still run, or have been killed."""

    name: str
    """Of the file, without its ending."""
    task: str
    quality: str
    """What is asked of the score."""
    measure: str
    """What is minimised."""
    rules: SearchRules
    blocks: tuple[SearchBlock, ...]
    settings: Mapping[Point, str]
    """Points in words."""

    def text(self, point: Point) -> str:
        """Return what a point that was measured sets, as the space of the search wrote it."""
        return self.settings.get(point, "")


def recorded_searches(folder: Path) -> tuple[RecordedSearch, ...]:
    """Return the searches whose journals lie in ``folder`` under their usual names.

    Raises UsageError, which names the file and the line, for one that is damaged.
    """
    found = []
    for path in sorted(folder.glob(JOURNALS)):
        search = recorded_search(path)
        found.append(search)
    return tuple(found)


def recorded_search(path: Path) -> RecordedSearch:
    """Read a journal up to its last whole line; raises UsageError."""
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    blocks: list[SearchBlock] = []
    settings: dict[Point, str] = {}
    about: dict[str, str] = {}
    slowdown = None
    for number, text in enumerate(content[:end].splitlines(), start=1):
        try:
            line = json.loads(text)
            if number == 1:
                about, slowdown = _about(line)
                continue
            block = block_of(line)
            words = [described["settings"] for described in line["readings"]]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{path}:{number}: no line of a search's journal ({error!r}); delete the file"
            ) from error
        settings.update(zip(block.readings, words, strict=True))
        blocks.append(block)
    return RecordedSearch(
        name=path.stem,
        task=about.get("task", ""),
        quality=about.get("quality", ""),
        measure=about.get("minimise", ""),
        rules=SearchRules(slowdown=slowdown),
        blocks=tuple(blocks),
        settings=settings,
    )


def _about(line: Mapping[str, object]) -> tuple[dict[str, str], float | None]:
    """Return what a search is about; raises KeyError, TypeError or ValueError for no first line."""
    if line["format"] != FORMAT:
        raise ValueError(f"format {line['format']}")
    about = line["about"]
    if not isinstance(about, dict):
        raise TypeError(about)
    texts = {}
    for name in ("task", "quality", "minimise"):
        texts[name] = str(about[name])
    slowdown = about["slowdown"]
    return texts, None if slowdown is None else float(slowdown)
