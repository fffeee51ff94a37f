"""Writes what docs say of results from the code: the JSON schema, and the table's dictionary.

python tools/results_docs.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from greenbench.export.dictionary import dictionary
from greenbench.export.json_schema import schema_text

PAGE = ROOT / "docs" / "results.md"
SCHEMA = ROOT / "docs" / "results.schema.json"
BEGIN, END = "<!-- begin of the dictionary -->\n", "<!-- end of the dictionary -->"
BETWEEN = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)


def main() -> None:
    """Write both files."""
    SCHEMA.write_text(schema_text(), "utf-8")
    page = PAGE.read_text("utf-8")
    PAGE.write_text(BETWEEN.sub(lambda _found: f"\n{dictionary()}\n", page), "utf-8")


if __name__ == "__main__":
    main()
