"""Buckets deal the shapes of generated code to train, valid and test, whatever seed drew them.

A shape always falls into the same bucket, and each bucket belongs to one split. So the promise that
no held-out shape was trained on holds across seeds, and against pretraining too, which draws from
training buckets only.
"""

from __future__ import annotations

import hashlib

BUCKETS = 16
TEST_BUCKETS = range(4)
VALID_BUCKETS = range(4, 6)
TRAIN_BUCKETS = range(6, BUCKETS)
HELD_OUT = range(6)
"""Buckets of the validation and test splits."""


def bucket_of(shape: str) -> int:
    """Return the bucket of a shape, 0 to 15, by its SHA-256."""
    return hashlib.sha256(shape.encode()).digest()[0] % BUCKETS
