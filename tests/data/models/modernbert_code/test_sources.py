"""The functions to pretrain on are cut out of source trees, apart from what is scored."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import torch

from greenbench.data.models.modernbert import CLS, MASK, SEP
from greenbench.data.models.modernbert_code import make, sources

if TYPE_CHECKING:
    from pathlib import Path

ADD = """static int add(const struct pair *p,
           int more)
{
    int sum = p->left + p->right;

    if (more > 0)
        sum += more;
    return sum;
}"""
GROW = """void Buffer::grow(size_t size) {
    while (capacity < size) {
        capacity = capacity * 2 + 16;
    }
    data.resize(capacity);
}"""
NOISE = """#include <stdio.h>
struct pair { int left, right; };
#define TWICE(x) ((x) * 2)
int declared_only(int a, int b);
static const char *names[] = {
    "one", "two",
};
"""


def tree(folder: Path, **files: str) -> Path:
    """Write source files; two underscores stand for the dot of the ending."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_functions_are_cut_out_whole_and_nothing_else(tmp_path: Path) -> None:
    """Two functions in C and C++ among declarations; headers and other files are not read."""
    tree(
        tmp_path,
        a__c=f"{NOISE}\n{ADD}\n",
        b__cpp=f"{GROW}\n\n{ADD}\n",
        c__h=GROW.replace("grow", "other"),
        d__txt=ADD,
    )
    texts = sources.functions([tmp_path], [], 10, 0)
    assert {sources.flat(text) for text in texts} == {sources.flat(ADD), sources.flat(GROW)}


def test_every_second_function_comes_without_its_layout(tmp_path: Path) -> None:
    """The model meets both forms in which functions are published."""
    bodies = [ADD.replace("add", f"add{n}").replace("sum", f"total_{n}") for n in range(10)]
    tree(tmp_path, a__c="\n".join(bodies))
    texts = sources.functions([tmp_path], [], 10, 0)
    assert [text == sources.flat(text) for text in texts] == [False, True] * 5


def test_functions_near_those_that_are_scored_are_left_out(tmp_path: Path) -> None:
    """A copy in another layout with a renamed variable is gone; another function stays."""
    tree(tmp_path, a__c=f"{ADD}\n{GROW}\n")
    near = sources.flat(ADD).replace("more", "extra")
    assert [sources.flat(t) for t in sources.functions([tmp_path], [near], 10, 0)] == [
        sources.flat(GROW)
    ]


def test_masking_hides_most_of_the_tokens_to_guess() -> None:
    """About 30 % of the tokens are guessed, most of them masked; special ones and padding never."""
    torch.manual_seed(0)
    rows = [[CLS, *range(10, 10 + n), SEP] for n in (200, 120)]
    batch = make.masked(rows)
    guessed = batch["labels"] != make.NOT_SCORED
    assert 0.2 < guessed.float().sum().item() / 320 < 0.4
    assert not guessed[1, 122:].any()
    assert not guessed[:, 0].any()
    seen = batch["input_ids"][guessed]
    assert 0.7 < (seen == MASK).float().mean().item() < 0.9
    assert batch["attention_mask"].sum(1).tolist() == [202, 122]


def test_batches_hold_rows_of_like_length_and_every_row_once_a_pass() -> None:
    """A pass holds each row once, in batches whose rows differ little in length."""
    count = make.POOL * make.BATCH
    rows = [[n] * (1 + n % 97) for n in range(count)]
    stream = make.batches(Random(0), rows)
    one_pass = [next(stream) for _ in range(make.POOL)]
    assert sorted(row[0] for batch in one_pass for row in batch) == list(range(count))
    assert max(max(map(len, b)) - min(map(len, b)) for b in one_pass) < 15
