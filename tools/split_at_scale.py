"""Time the loading, de-duplication and split of a table as large as BigVul, and its memory.

Makes a table in the layout of the original (functions before and after, 188,636 rows) out of the
functions of smaller tables: a row is a real function whose names are changed at random, every tenth
one a near-copy or a copy of an earlier row. Then loads it in a fresh process, twice: without and
with clusters in the cache. ``--format parquet --read`` only times the reading of its two columns,
in a process that has imported torch, as a run has.

    python tools/split_at_scale.py bigvul/dev.parquet devign/dev.parquet
    python tools/split_at_scale.py bigvul/dev.parquet devign/dev.parquet --format parquet --read
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from greenbench.data import tables
from greenbench.tasks.vulnerability import function_tables

ROWS = 190_000
HEADER = (
    "",
    "CVE ID",
    "CWE ID",
    "commit_id",
    "func_after",
    "func_before",
    "lang",
    "project",
    "Publish Date",
    "vul",
)
_NAME = re.compile(r"\b[a-z_]\w{3,}\b")
PEAK = """
from pathlib import Path
def peak_gib():
    # ru_maxrss would count what the parent process held when it started this one
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 2**20, 2)
"""
LOAD = """
import json, sys, time
from greenbench.tasks.vulnerability.load import load
from greenbench.data.splits import Wanted
start = time.monotonic()
facts = load(Path(sys.argv[1]), columns={}, wanted=Wanted(seed=0)).facts
seconds = round(time.monotonic() - start, 1)
print(json.dumps({"seconds": seconds, "peak_gib": peak_gib(), **facts}))
"""
READ = """
import json, sys, time
import torch.utils.data, pandas, pyarrow.dataset
from greenbench.data import tables
start, cpu = time.monotonic(), time.process_time()
table = tables.read(Path(sys.argv[1]), {"text": ("func_before",), "label": ("vul",)}, {})
seconds, cpu = round(time.monotonic() - start, 1), round(time.process_time() - cpu, 1)
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_gib": peak_gib()}))
"""


def renamed(text: str, rng: Random) -> str:
    """Return the function with two of three names changed, each the same way everywhere."""
    names: dict[str, str] = {}
    return _NAME.sub(
        lambda m: names.setdefault(
            m.group(),
            m.group() if rng.random() < 1 / 3 else f"{m.group()[:4]}{rng.randrange(10**4)}",
        ),
        text,
    )


def write(file: Path, texts: list[str], rows: int) -> None:
    """Write the table."""
    rng, earlier = Random(0), [texts[0]]
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(HEADER)
        for row in range(rows):
            if rng.random() < 1 / 10:
                text = rng.choice(earlier) + (
                    "\n/* again */" if rng.random() < 1 / 2 else " int added = 0;"
                )
            else:
                text = renamed(rng.choice(texts), rng)
            if row % 20 == 0:
                earlier.append(text)
            date = f"20{rng.randrange(10, 20)}-0{rng.randrange(1, 10)}-11T10:59Z"
            commit, project = f"{row:040x}", f"project{rng.randrange(300)}"
            writer.writerow(
                (
                    row,
                    "CVE",
                    "CWE-119",
                    commit,
                    text,
                    text,
                    "C",
                    project,
                    date,
                    int(rng.random() < 1 / 18),
                )
            )


def as_parquet(file: Path) -> Path:
    """Write the csv file as parquet beside it, all columns as text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    csv.field_size_limit(sys.maxsize)
    with file.open(newline="", encoding="utf-8") as opened:
        columns = dict(zip(HEADER, zip(*list(csv.reader(opened))[1:], strict=True), strict=True))
    pq.write_table(pa.table(columns), file.with_suffix(".parquet"), row_group_size=20_000)
    return file.with_suffix(".parquet")


def main() -> None:
    """Read the command line, make the table, and load it."""
    parser = argparse.ArgumentParser(description="Time the split of 190,000 functions.")
    parser.add_argument("tables", type=Path, nargs="+", help="functions to make it of")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--read", action="store_true", help="time the reading alone")
    given = parser.parse_args()
    texts = [
        t
        for table in given.tables
        for t in tables.read(table, {"text": function_tables.ROLES["text"]}, {}).columns["text"]
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "functions.csv"
        write(file, texts, given.rows)
        if given.format == "parquet":
            file = as_parquet(file)
        print(f"{given.rows} rows, {file.stat().st_size / 2**20:.0f} MiB")
        steps = (("clusters made", LOAD), ("clusters from the cache", LOAD))
        for name, code in (("read", READ),) if given.read else steps:
            place = {**os.environ, "XDG_CACHE_HOME": folder}
            done = subprocess.run(
                [sys.executable, "-c", PEAK + code, str(file)],
                check=True,
                capture_output=True,
                text=True,
                env=place,
            )
            print(f"{name}:", json.dumps(json.loads(done.stdout), indent=1))


if __name__ == "__main__":
    main()
