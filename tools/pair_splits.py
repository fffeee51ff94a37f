"""Writes the pairs of AVATAR's table into train, valid and test files, short ones held out.

    python tools/pair_splits.py AVATAR.parquet FOLDER --chars 950 --test 24 --valid 4

Of the problems marked ``pair_ok`` whose two programs have at most ``chars`` characters together,
the first ``test`` by the SHA-256 of their name are the test split, the next ``valid`` the
validation split. All others are the train split.
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
    parser.add_argument("--chars", type=int, default=950)
    parser.add_argument("--test", type=int, default=24)
    parser.add_argument("--valid", type=int, default=4)
    options = parser.parse_args()
    table = pq.read_table(options.table)
    rows = [row for row in table.to_pylist() if row["pair_ok"]]
    characters: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        characters[row["problem_id"]] += len(row["source"])
    short = [name for name, count in characters.items() if count <= options.chars]
    short.sort(key=_sha256)
    held_out = dict.fromkeys(short[: options.test], "test")
    held_out |= dict.fromkeys(short[options.test :][: options.valid], "valid")
    options.folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid", "test"):
        members = [row for row in rows if held_out.get(row["problem_id"], "train") == split]
        members_table = pa.Table.from_pylist(members, schema=table.schema)
        pq.write_table(members_table, options.folder / f"{split}.parquet")
        print(f"{split}: {len(members) // 2} pairs")


def _sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


if __name__ == "__main__":
    main()
