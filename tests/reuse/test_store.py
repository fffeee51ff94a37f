"""The cache of stages: what is damaged, half-written, too large or written twice."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UsageError
from greenbench.reuse.store import FACTS, MADE, StageCache, digest, limit_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENTS = b"weights" * 100
ROOMY = 1 << 20


def kept(cache: StageCache, number: int = 0, contents: bytes = CONTENTS) -> str:
    """Keep a training; return its key."""
    key = {"number": number}
    cache.keep(digest(key), {"key": key}, lambda file: file.write_bytes(contents) and None)
    return digest(key)


@pytest.fixture
def cache(tmp_path: Path) -> StageCache:
    """Give an empty cache that takes a megabyte."""
    return StageCache(tmp_path / "stages", ROOMY)


def names(cache: StageCache) -> list[str]:
    """Return what lies in the folder, but for the lock."""
    return sorted(path.name for path in cache.folder.iterdir() if path.name != ".lock")


def test_a_training_is_found_as_it_was_kept(cache: StageCache) -> None:
    """Facts and weights come back, under their own key alone."""
    key = kept(cache)
    found = cache.find(key)
    assert found is not None
    assert (found[0]["key"], found[1]) == ({"number": 0}, CONTENTS)
    assert cache.find(digest({"number": 1})) is None


def test_a_training_is_replaced_if_asked(cache: StageCache) -> None:
    """A newer one takes the place of the one that was kept, and nothing else stays."""
    key = {"number": 1}
    for contents in (b"first", b"second"):
        cache.keep(
            digest(key),
            {"key": key},
            lambda file, contents=contents: file.write_bytes(contents) and None,
            replace=contents == b"second",
        )
    found = cache.find(digest(key))
    assert found is not None
    assert found[1] == b"second"
    assert len(list(cache.folder.iterdir())) == 2  # and the lock


@pytest.mark.parametrize("damage", ["weights", "facts", "cut", "lost", "no facts", "renamed"])
def test_a_damaged_training_is_removed_and_kept_anew(cache: StageCache, damage: str) -> None:
    """One changed byte, a cut or lost file, or another name makes it none."""
    key = kept(cache)
    weights, facts = cache.folder / key / MADE, cache.folder / key / FACTS
    if damage == "weights":
        weights.write_bytes(CONTENTS.replace(b"w", b"v", 1))
    elif damage == "facts":
        facts.write_text(facts.read_text().replace('"number": 0', '"number": 1'))
    elif damage == "cut":
        facts.write_text(facts.read_text()[:40])
    elif damage in {"lost", "no facts"}:
        (weights if damage == "lost" else facts).unlink()
    else:
        other = digest({"number": 1})
        weights.parent.rename(cache.folder / other)
        key = other
    assert cache.facts(key) is None
    assert cache.find(key) is None
    assert names(cache) == []
    assert cache.find(kept(cache)) is not None


def test_the_least_recently_used_is_removed_for_a_new_one(cache: StageCache) -> None:
    """What does not fit goes in the order of its last use; what alone is too large is refused."""
    half = b"x" * (ROOMY // 2 - 2000)
    first, second = kept(cache, 1, half), kept(cache, 2, half)
    for age, key in enumerate((first, second)):
        os.utime(cache.folder / key, (age, age))
    cache.find(first)
    third = kept(cache, 3, half)
    assert names(cache) == sorted([first, third])
    with pytest.raises(OSError, match=r"it takes .* GiB, and the cache may take"):
        kept(cache, 4, b"x" * ROOMY)
    assert names(cache) == sorted([first, third])


def test_a_full_disk_leaves_nothing_behind(cache: StageCache) -> None:
    """An error of writing is raised, and no half of an entry stays."""

    def fail(file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        cache.keep(digest({}), {"key": {}}, fail)
    assert names(cache) == []


def in_child(action: Callable[[], object]) -> int:
    """Do something in a process of its own; return its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        finally:
            os._exit(0)
    return pid


def test_a_writer_that_is_killed_leaves_no_entry(cache: StageCache) -> None:
    """What it wrote is no entry, the next one gets its turn, and removes it."""

    def die(file: Path) -> None:
        file.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    pid = in_child(lambda: cache.keep(digest({"number": 0}), {"key": {"number": 0}}, die))
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    assert cache.find(digest({"number": 0})) is None
    assert len(names(cache)) == 1
    assert names(cache) != [key := kept(cache)]
    assert names(cache) == [key]


def test_two_sessions_at_once_keep_whole_trainings(cache: StageCache) -> None:
    """Two processes that keep, read and remove the same trainings see whole ones or none."""
    small = StageCache(cache.folder, 3 * len(CONTENTS))

    def work() -> None:
        for number in range(40):
            found = small.find(kept(small, number % 4))
            if found is not None and found[1] != CONTENTS:
                os.kill(os.getpid(), signal.SIGKILL)

    children = [in_child(work) for _ in range(2)]
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    assert all(small.facts(entry.key) is not None for entry in small.entries())


@pytest.mark.parametrize("text", ["much", "-1", "nan", "1e30"])
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The sentence names the variable and what it takes."""
    monkeypatch.setenv("GREENBENCH_REUSE_GIB", text)
    with pytest.raises(UsageError, match=f"GREENBENCH_REUSE_GIB: found '{text}'; give a number"):
        limit_bytes()
