"""Composes YAML text into nodes that know their lines, and reads keys and scalars from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def compose(text: str, name: str) -> yaml.Node | None:
    """Return the root node of ``text``, None if it is empty.

    Raises UsageError, which starts with ``name`` and a line, if ``text`` is not valid YAML.
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = f"{error.problem or error.context}; fix this line"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"{error.reason}; remove that character"
    except RecursionError:
        line = 1
        reason = "nested too deeply; it has two levels at most"
    raise UsageError(f"{name}:{line}: not valid YAML: {reason}")


def entries(node: yaml.MappingNode) -> Iterator[tuple[int, str, yaml.Node]]:
    """Yield line, key and value of each entry of a mapping."""
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
        yield line_of(key), name, value


def scalar(node: yaml.ScalarNode) -> object:
    """Return the value of ``node``; its text if an explicit tag does not fit (``!!int x``)."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError):
        return node.value


def line_of(node: yaml.Node) -> int:
    """Return the line on which ``node`` starts, counted from 1."""
    return int(node.start_mark.line) + 1
