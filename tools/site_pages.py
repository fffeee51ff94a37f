"""A hook of MkDocs: puts the pages outside of ``docs/`` into the book, and makes all links hold.

On a code host a link is relative to its file in the repository. In the book ``docs/`` is the root,
and a file that is no page has no place: its link becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT = Path(__file__).parent.parent
BOOK = "docs"
OUTSIDE = (
    *("README.md", "CONTRIBUTING.md", "experiment.md", "tests/README.md"),
    "variants/*/README.md",
)
"""Pages of the repository that are in the book too, at their own paths."""
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z]+:|#")
"""How targets begin that are no files: hosts, and headings of the same page."""


def outside() -> list[str]:
    """Return the paths of the pages outside of ``docs/``, in the repository."""
    paths = []
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            paths.append(path.relative_to(ROOT).as_posix())
    return paths


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside; called by MkDocs."""
    from mkdocs.structure.files import File

    for path in outside():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Rewrite the links of a page; called by MkDocs."""
    here = page.file.src_uri
    known = {file.src_uri for file in files}
    return rewritten(markdown, here if here in outside() else f"{BOOK}/{here}", known)


def rewritten(markdown: str, page: str, known: Collection[str]) -> str:
    """Return a page with links for the book.

    ``page`` is its path in the repository, ``known`` are the paths of all files in the book.
    """

    def link(match: re.Match[str]) -> str:
        text, target = match.groups()
        if ELSEWHERE.match(target):
            return match[0]
        path, sign, heading = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        place = path.removeprefix(f"{BOOK}/")
        if place not in known:
            return text
        start = posixpath.dirname(page.removeprefix(f"{BOOK}/")) or "."
        return f"[{text}]({posixpath.relpath(place, start)}{sign}{heading})"

    pieces = CODE.split(markdown)
    pieces[::2] = [LINK.sub(link, piece) for piece in pieces[::2]]
    return "".join(pieces)
