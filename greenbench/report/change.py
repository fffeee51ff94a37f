"""What ``greenbench ci`` shows: a comment in Markdown for a pull request, and a JUnit file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from greenbench.report import verdicts as report
from greenbench.report.texts import markdown as escaped
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.verdict import Verdict

MARKER = "<!-- greenbench -->"
"""The first line of the comment: a workflow finds its comment by it, and replaces it."""


def comment(verdicts: Sequence[Verdict], title: str, notes: Sequence[str]) -> str:
    """Return the comment: the marker, the verdicts, and what a reader has to know."""
    lines = [MARKER, report.markdown(verdicts, title), ""]
    for note in notes:
        lines.append(f"- {escaped(note)}")
    return "\n".join([*lines, ""])


def junit(verdicts: Sequence[Verdict], *, strict: bool, problems: Sequence[str]) -> str:
    """Return the text of a JUnit file: a test case for each verdict, and one for each problem.

    An inconclusive verdict is a test that was skipped, unless it fails because of ``strict``.
    """
    cases = ET.Element("testsuite", name="greenbench ci")
    counts = {"failure": 0, "skipped": 0}
    for verdict in verdicts:
        kind = ""
        if verdict.fails(strict=strict):
            kind = "failure"
        elif verdict.outcome == "INCONCLUSIVE":
            kind = "skipped"
        case = _case(cases, verdict.gate, verdict.cell)
        if kind:
            counts[kind] += 1
            message = f"{verdict.word}: {_sentence(verdict)}"
            ET.SubElement(case, kind, message=printable(message))
        else:
            ET.SubElement(case, "system-out").text = printable(_sentence(verdict))
    for problem in problems:
        counts["failure"] += 1
        case = _case(cases, "session", problem)
        ET.SubElement(case, "failure", message=printable(problem))
    cases.set("tests", str(len(cases)))
    cases.set("failures", str(counts["failure"]))
    cases.set("skipped", str(counts["skipped"]))
    return ET.tostring(cases, encoding="unicode", xml_declaration=True)


def _case(cases: ET.Element, gate: str, name: str) -> ET.Element:
    attributes = {"classname": printable(gate), "name": printable(name)}
    return ET.SubElement(cases, "testcase", attributes)


def _sentence(verdict: Verdict) -> str:
    """Return the two values, the change and the reason of a verdict."""
    _, here, there, change, _ = report.row(verdict)
    sentence = f"here {here}, there {there}, change {change}"
    return f"{sentence}; {' '.join(verdict.reason.split())}" if verdict.reason else sentence
