"""Damages a valid document: its values, its structure, its text, its bytes.

All decisions are read from a few bytes that hypothesis draws at once. Drawing each decision by
itself would take longer than most readers do.
"""

from __future__ import annotations

import copy
import functools
import json
import operator
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

Tree = Any
"""What JSON holds: objects, lists, texts, numbers, booleans, null."""
Choice = TypeVar("Choice")
DECISIONS = 32
"""Bytes of an example; what comes after them is decided as by zeros."""


class Decisions:
    """Numbers from the bytes of an example: zeros, to which hypothesis shrinks, change least."""

    def __init__(self, raw: bytes) -> None:
        """Start at the first byte."""
        self._bytes = iter(raw)

    def below(self, count: int) -> int:
        """Return a number from 0 to ``count - 1``."""
        number, range_of_bytes = next(self._bytes, 0), 256
        while range_of_bytes < count:
            number, range_of_bytes = number * 256 + next(self._bytes, 0), range_of_bytes * 256
        return number % count

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        """Return one of ``choices``."""
        return choices[self.below(len(choices))]

    def character(self) -> str:
        """Return any character: half of them ASCII, some half of a surrogate pair."""
        return chr(self.below(128) if self.below(2) else self.below(0x110000))


def decided(make: Callable[[Decisions], Choice]) -> SearchStrategy[Choice]:
    """Return a strategy for what ``make`` makes."""
    raw = st.binary(min_size=DECISIONS, max_size=DECISIONS)
    return raw.map(lambda decisions: make(Decisions(decisions)))


def nested(depth: int) -> Tree:
    """Return a list in a list in a list, ``depth`` levels deep."""
    tree: Tree = []
    for _ in range(depth):
        tree = [tree]
    return tree


NUMBERS = (
    *(0, 1, -1, 2, 7, 10**9, 2**63, -(2**63), 10**30, 10**400, -(10**400)),
    *(-0.0, 0.5, -0.5, 1e-9, 5e-324, 1.7e308, -1.7e308, 0.1 + 0.2, 1e16),
    *(float("nan"), float("inf"), float("-inf")),
)
TEXTS = (
    *("", " ", "0", "-1", "1e400", "nan", "None", "null", "true", "V0", "V1_fast", "T2", "-", "."),
    *("..", "/", "~", "~nobody", "\x00", "\x1b[31mred", "a\nb", "a\rb", "a\tb", "\u2028", "\u202e"),
    *(
        "\ufeff",
        "\ud800",
        "\U0001f600",
        "e\u0301",
        "\u0660",
        "[bold]x[/bold]",
        "[/]",
        "%s%n",
        "{0}",
    ),
    *("|", "`", "<b>", "long " * 60, "2026-01-01T00:00:00Z", "9999-99-99", "a=b", "a:b,c:d", "\\"),
)
VALUES: tuple[Tree, ...] = (None, True, False, *NUMBERS, *TEXTS, [], {}, [None], {"": None})
DEEP = (nested(60), nested(300))
SNIPPETS = (
    *TEXTS,
    *("\n", "\r\n", "\r", "\n\n", "\x0b", "\x0c", "\x85", "\u2029", "\u200b", "\x7f", "\x9b31m"),
    *('"', "'", "{", "}", "[", "]", ",", ":", "#", "|", "*", "&a", "!!python/name:os.system", "=="),
    *(
        "<<: *a",
        "&a [*a]",
        "!!int x",
        "- ",
        "---\n",
        "...\n",
        "? ",
        "%YAML 9.9\n",
        "\t",
        "9" * 5000,
    ),
    *("x" * 3000, "[" * 1200, "]" * 60, "\\u0000", "\\ud800", "NaN", "-Infinity", "1_000", "0x10"),
)


def mutated(decisions: Decisions, document: Tree) -> Tree:
    """Return ``document`` with up to three values or parts of it changed."""
    root = [json.loads(json.dumps(document))]  # copied faster than by copy.deepcopy
    for _ in range(1 + decisions.below(3)):
        places = list(_places(root))
        if not places:
            return None
        holder, key = decisions.one_of(places)
        decisions.one_of(CHANGES)(decisions, holder, key, places)
    return root[0] if root else None


def _places(tree: Tree) -> Iterator[tuple[Tree, Any]]:
    """Yield every list or object with every index or key that it has."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list) and all(tree[key] is not deep for deep in DEEP):
            yield from _places(tree[key])


def _replace(decisions: Decisions, holder: Tree, key: Any, _places: Any) -> None:
    holder[key] = copy.deepcopy(decisions.one_of(VALUES))


def _remove(_decisions: Decisions, holder: Tree, key: Any, _places: Any) -> None:
    del holder[key]


def _double(decisions: Decisions, holder: Tree, key: Any, _places: Any) -> None:
    again = copy.deepcopy(holder[key])
    if isinstance(holder, list):
        holder.insert(key, again)
    else:
        holder[decisions.one_of(TEXTS)] = again


def _exchange(decisions: Decisions, holder: Tree, key: Any, places: Any) -> None:
    other, other_key = decisions.one_of(places)
    here, there = copy.deepcopy(holder[key]), copy.deepcopy(other[other_key])
    other[other_key] = here
    if isinstance(holder, dict) or key < len(holder):
        holder[key] = there


def _wrap(decisions: Decisions, holder: Tree, key: Any, _places: Any) -> None:
    holder[key] = [holder[key]] if decisions.below(2) else {"a": holder[key]}


def _bury(decisions: Decisions, holder: Tree, key: Any, _places: Any) -> None:
    holder[key] = decisions.one_of(DEEP)


def _change_a_scalar(decisions: Decisions, holder: Tree, key: Any, _places: Any) -> None:
    value = holder[key]
    if isinstance(value, str):
        holder[key] = _insert_one_of(TEXTS, decisions, value)
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float):
        holder[key] = decisions.one_of((-value, value + 1, value // 3, str(value), value * 9))


CHANGES: tuple[Callable[..., None], ...] = (
    *(_replace, _remove, _replace, _double, _replace, _exchange, _wrap, _bury),
    *(_change_a_scalar, _change_a_scalar),
)


def damaged(decisions: Decisions, text: str) -> bytes:
    """Return ``text`` as bytes, with up to four insertions, cuts and exchanges."""
    for _ in range(1 + decisions.below(4)):
        text = decisions.one_of(EDITS)(decisions, text)
    raw = text.encode("utf-8", "surrogatepass")
    if raw and decisions.below(10) == 1:
        place = decisions.below(len(raw))
        raw = raw[:place] + bytes([decisions.below(256)]) + raw[place + 1 :]
    return raw


def _insert_one_of(snippets: Sequence[str], decisions: Decisions, text: str) -> str:
    place = decisions.below(len(text) + 1)
    return text[:place] + decisions.one_of(snippets) + text[place:]


def _insert(decisions: Decisions, text: str) -> str:
    return _insert_one_of(SNIPPETS, decisions, text)


def _cut(decisions: Decisions, text: str) -> str:
    place = decisions.below(len(text) + 1)
    return text[:place] + text[place + 1 + decisions.below(20) :]


def _truncate(decisions: Decisions, text: str) -> str:
    return text[: decisions.below(len(text) + 1)]


def _replace_character(decisions: Decisions, text: str) -> str:
    place = decisions.below(len(text) + 1)
    return text[:place] + decisions.character() + text[place + 1 :]


def _double_line(decisions: Decisions, text: str) -> str:
    lines = text.split("\n")
    number = decisions.below(len(lines))
    return "\n".join([*lines[: number + 1], *lines[number:]])


def _exchange_lines(decisions: Decisions, text: str) -> str:
    lines = text.split("\n")
    number, other = decisions.below(len(lines)), decisions.below(len(lines))
    lines[number], lines[other] = lines[other], lines[number]
    return "\n".join(lines)


def _remove_line(decisions: Decisions, text: str) -> str:
    lines = text.split("\n")
    del lines[decisions.below(len(lines))]
    return "\n".join(lines)


def _other_line_ends(decisions: Decisions, text: str) -> str:
    return text.replace("\n", decisions.one_of(("\r\n", "\r", "\u2028", "\n\n")))


EDITS: tuple[Callable[[Decisions, str], str], ...] = (
    *(_insert, _cut, _insert, _truncate, _insert, _replace_character, _double_line),
    *(_exchange_lines, _remove_line, _other_line_ends),
)


ONCE = (None, -1, 0, 1e308, True, "", [], {})
"""What a value of a document is replaced by in turn."""
REMOVED = object()
"""Stands for no value."""


def changed_once(document: Tree) -> Iterator[bytes]:
    """Yield JSON like ``document`` with one value replaced, negated or removed.

    Values that differ only by their places in lists are of one kind. The first of a kind is changed
    in every way; each other one in two ways, which follow those of the value before it.
    """
    text = json.dumps([document])
    met: Counter[tuple[object, ...]] = Counter()
    for path in _paths([document]):
        kind = tuple(None if isinstance(step, int) else step for step in path)
        changes = [*ONCE, REMOVED]
        value = functools.reduce(operator.getitem, path, [document])
        if isinstance(value, int | float):
            changes.append(-value)
        for number in range(2 if met[kind] else len(changes)):
            yield _changed(text, path, changes[(2 * met[kind] + number) % len(changes)])
        met[kind] += 1


def _paths(tree: Tree, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys and indices that lead to each value."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield (*path, key)
        if isinstance(tree[key], dict | list):
            yield from _paths(tree[key], (*path, key))


def _changed(text: str, path: tuple[Any, ...], other: Tree) -> bytes:
    """Read a document in a list, and write it with another value, or none, in one place."""
    root = json.loads(text)
    *way, key = path
    holder = functools.reduce(operator.getitem, way, root)
    if other is REMOVED:
        del holder[key]
    else:
        holder[key] = other
    return json.dumps(*root).encode() if root else b""


def json_files(document: Tree) -> SearchStrategy[bytes]:
    """Return a strategy for JSON like ``document``, with changed values or damaged text."""
    lines = json.dumps(document, indent=0)

    def make(decisions: Decisions) -> bytes:
        if decisions.below(3):
            return json.dumps(mutated(decisions, document)).encode()
        return damaged(decisions, lines)

    return decided(make)
