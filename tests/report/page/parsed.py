"""Reads a page as a browser would, for tests: its tags, their attributes, and the texts."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from greenbench.report.page import contents
from greenbench.report.page.figures import FolderFigures
from greenbench.report.page.records import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

EMPTY = {"meta", "input", "br", "link", "img"}
TAGS = frozenset(
    re.findall(
        r"\w+",
        """
        html head meta title style script body header nav main section footer div span
        h1 h2 h3 p a ul li strong b small br code dl dt dd details summary dialog figure template
        table caption thead tbody tr th td form label input select option output button
        svg g path circle rect line text tspan defs pattern clippath use
        """,
    )
)
"""All elements that a report may have."""
SCRIPTED = re.compile(r"^on|^style$|^src", re.IGNORECASE)
"""Attributes that run or load something, or that the policy forbids."""


def leave_out_charts(patch: pytest.MonkeyPatch) -> None:
    """Let pages have no charts, which take seconds to draw: the tests of the browser see them."""
    patch.setattr(contents, "folder_figures", lambda _data, _number: FolderFigures())


class ParsedPage(HTMLParser):
    """A page, read."""

    def __init__(self, html: str) -> None:
        """Read ``html``."""
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        """What is in each kind of element, without elements in it."""
        self.unbalanced: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def attributes(self, tag: str, name: str) -> list[str]:
        """Return the values of an attribute of all ``tag`` elements that have it."""
        values = [attributes.get(name) for tag_, attributes in self.tags if tag_ == tag]
        return [value for value in values if value is not None]

    def every(self, name: str) -> list[str]:
        """Return the values of an attribute wherever it stands."""
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]

    @property
    def attribute_names(self) -> set[str]:
        """The names of all attributes."""
        names: set[str] = set()
        for _, attributes in self.tags:
            names.update(attributes)
        return names

    @property
    def records(self) -> Sequence[dict[str, Any]]:
        """What verdicts open."""
        (packed,) = self.texts["template"]
        return unpacked(packed)

    def text(self, *tags: str) -> str:
        """Return all that people can read without a click, of ``tags`` or of all elements."""
        kinds: Iterable[str] = tags or set(self.texts) - {"script", "style", "template"}
        return " ".join(" ".join(self.texts.get(tag, ())) for tag in kinds)


def assert_harmless(html: str) -> ParsedPage:
    """Assert that a page is well formed, self-contained, and runs its own script alone."""
    parsed = ParsedPage(html)
    assert parsed.unbalanced == []
    assert parsed.open == []
    assert {tag for tag, _ in parsed.tags} <= TAGS
    for _, attributes in parsed.tags:
        assert not [name for name in attributes if SCRIPTED.search(name)]
    assert [tag for tag, _ in parsed.tags].count("script") == 1
    assert all(address.startswith("#") for address in parsed.every("href"))
    ids = parsed.every("id")
    assert len(ids) == len(set(ids))
    linked = [address.removeprefix("#") for address in parsed.every("href")]
    opened = parsed.every("popovertarget")
    assert set(linked) | set(opened) <= set(ids)
    (policy,) = [p for p in parsed.every("content") if p.startswith("default-src")]
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        content = "".join(parsed.texts[tag])
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    return parsed
