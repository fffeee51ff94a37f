"""The documentation as a book: its links hold, and its pages load nothing from another host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import site_pages

ROOT = Path(__file__).parent.parent
KNOWN = {"README.md", "experiment.md", "ci.md", "study/README.md", "examples/github.yml"}
LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\"\s>]+)")


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("README.md", "[a](docs/ci.md#gates)", "[a](ci.md#gates)"),
        ("README.md", "[a](docs/study/README.md)", "[a](study/README.md)"),
        ("docs/ci.md", "[a](../README.md#the-experiment)", "[a](README.md#the-experiment)"),
        ("docs/study/README.md", "[a](../ci.md)", "[a](../ci.md)"),
        ("docs/study/README.md", "[a](../../experiment.md)", "[a](../experiment.md)"),
        ("docs/ci.md", "[a](examples/github.yml)", "[a](examples/github.yml)"),
        ("README.md", "[a](greenbench/options.py)", "a"),
        ("docs/ci.md", "[a](https://ml.energy) [b](#gates)", "[a](https://ml.energy) [b](#gates)"),
        ("README.md", "`[a](docs/ci.md)`", "`[a](docs/ci.md)`"),
        ("README.md", "```\n[a](docs/ci.md)\n```", "```\n[a](docs/ci.md)\n```"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_book(
    page: str, text: str, expected: str
) -> None:
    """A file that is no page of the book becomes its text; code stays as it is."""
    assert site_pages.rewritten(text, page, KNOWN) == expected


def test_every_link_leads_to_a_file_of_the_repository() -> None:
    """What a code host shows as a link is one."""
    pages = [ROOT / path for path in site_pages.outside()]
    pages += sorted((ROOT / "docs").rglob("*.md"))
    missing = []
    for page in pages:
        for piece in site_pages.CODE.split(page.read_text("utf-8"))[::2]:
            for match in site_pages.LINK.finditer(piece):
                target = match[2].partition("#")[0]
                if not site_pages.ELSEWHERE.match(match[2]) and not (page.parent / target).exists():
                    missing.append(f"{page.relative_to(ROOT)}: {match[2]}")
    assert not missing


def test_the_tests_that_findings_name_exist() -> None:
    """A claim about greenbench names the tests that fail if it stops being true."""
    page = (ROOT / "docs/findings.md").read_text("utf-8")
    missing = []
    for item in re.findall(r"^- (`tests/.*?)(?=^- |^$)", page, re.DOTALL | re.MULTILINE):
        file, *tests = re.findall(r"`([\w./]+)`", item)
        source = (ROOT / file).read_text("utf-8")
        assert tests
        missing += [test for test in tests if f"def {test}(" not in source]
    assert not missing
    assert page.count("- `tests/") > 10


@pytest.mark.slow
def test_the_book_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    """It is built without a warning, has every page, and no tag names another host."""
    pytest.importorskip("material", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    pages = sorted(tmp_path.rglob("*.html"))
    assert tmp_path / "index.html" in pages
    assert tmp_path / "findings.html" in pages
    for page in pages:
        assert not LOADED.findall(page.read_text("utf-8")), page
