"""Put the pairs of AVATAR's table into train, valid and test files, the short ones on fixed sides by their names.

    python tools/pair_sides.py AVATAR.parquet FOLDER --chars 950 --test 24 --valid 4

Of the problems marked ``pair_ok`` whose two programs have at most ``chars`` characters together, the first ``test`` by the
SHA-256 of their name are the test side, the next ``valid`` the valid side. All others are the train side.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    """Read the arguments and write three files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("folder", type=Path)
    for name, number in (("chars", 950), ("test", 24), ("valid", 4)):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    table = pq.read_table(asked.table)
    rows = [row for row in table.to_pylist() if row["pair_ok"]]
    length: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        length[row["problem_id"]] += len(row["source"])
    short = sorted((n for n, chars in length.items() if chars <= asked.chars), key=_mixed)
    sides = dict.fromkeys(short[: asked.test], "test") | dict.fromkeys(
        short[asked.test :][: asked.valid], "valid"
    )
    asked.folder.mkdir(parents=True, exist_ok=True)
    for side in ("train", "valid", "test"):
        kept = [row for row in rows if sides.get(row["problem_id"], "train") == side]
        pq.write_table(
            pa.Table.from_pylist(kept, schema=table.schema), asked.folder / f"{side}.parquet"
        )
        print(f"{side}: {len(kept) // 2} pairs")


def _mixed(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


if __name__ == "__main__":
    main()
