"""Turns the contents of a report into one HTML file that loads nothing and runs one script.

Every text passes ``printable`` and is escaped. A Content-Security-Policy admits the one script and
the one style sheet that the file holds, by their hashes, and nothing else: neither a request, nor
a script that a text might smuggle in.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from greenbench.extras import require
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

PACKAGE = "greenbench.report.page"


def rendered(contents: Mapping[str, object], colours: Mapping[str, str]) -> str:
    """Return the page; ``colours`` are those of the charts by role.

    Raises UnavailableError without Jinja2.
    """
    style = own_file("page.css") + chart_style(colours)
    script = own_file("page.js")
    template = environment().from_string(own_file("page.html"))
    return template.render(contents, style=style, script=script, policy=policy(style, script))


def policy(style: str, script: str) -> str:
    """Return the policy that admits this style sheet and this script alone."""
    sources = [
        "default-src 'none'",
        f"script-src {_hash(script)}",
        f"style-src {_hash(style)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(sources)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def own_file(name: str) -> str:
    """Return a file that lies beside this module."""
    return resources.files(PACKAGE).joinpath(name).read_text("utf-8")


def chart_style(colours: Mapping[str, str]) -> str:
    """Return the rules that give each colour of the charts the theme's own."""
    rules = []
    for role, colour in colours.items():
        for attribute in ("fill", "stroke"):
            rules.append(
                f'.chart [{attribute}="{colour}"]{{{attribute}:var(--chart-{role},{colour})}}'
            )
    return "\n".join(rules)


def environment() -> Environment:
    """Return what renders templates; raises UnavailableError without Jinja2."""
    require("report", "a report", ("jinja2",))
    from jinja2 import Environment, StrictUndefined

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_safe,
    )


def _safe(value: object) -> object:
    """Return a text without control characters; the template marks what is our own markup."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return printable(value)
    return value
