"""Reads the file that describes a task, ``tasks/T3.yaml``: every problem with its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from greenbench.data.places import local_path
from greenbench.data.split_rules import RULES
from greenbench.errors import Disagreements, UsageError
from greenbench.experiment.option_parsers import SIZES
from greenbench.experiment.profiles import PROFILES
from greenbench.experiment.texts import did_you_mean, read_text
from greenbench.experiment.yaml_nodes import compose, entries, line_of, scalar
from greenbench.tasks.kinds.description import DataSource, TaskDescription
from greenbench.tasks.kinds.making import KINDS
from greenbench.tasks.kinds.rows import MORE_ROLES, ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FUNCTION = "function"
KEYS = ("kind", "model", "data", "score", "description", "labels", "profiles")
DATA_KEYS = ("source", "columns", "split", "instruction")
RATES: Mapping[str, tuple[float, float]] = {"weight_decay": (0.0, 1.0), "warmup": (0.0, 1.0)}
"""Further numbers of a profile, with their bounds."""
LARGEST = 10**9


def read(path: Path, name: str, root: Path) -> TaskDescription:
    """Return what ``path`` says of the task ``name``; paths in it start from ``root``.

    Raises Disagreements, with a sentence and its line for each thing that is wrong.
    """
    where = f"{path.parent.name}/{path.name}"
    text = read_text(path, where)
    reader = TaskFileReader(where)
    reader.read(compose(text, where))
    if reader.problems:
        raise Disagreements(reader.problems)
    return reader.described(name, root)


def kind_of(path: Path) -> str:
    """Return the kind that a file names, without a look at anything else in it."""
    where = f"{path.parent.name}/{path.name}"
    root = compose(read_text(path, where), where)
    if isinstance(root, yaml.MappingNode):
        for _, key, node in entries(root):
            if key == "kind" and isinstance(node, yaml.ScalarNode):
                return str(node.value)
    return ""


def functions_of(path: Path) -> str:
    """Return what a file of kind ``function`` names; raises UsageError for anything else in it."""
    where = f"{path.parent.name}/{path.name}"
    reader = FileProblems(where)
    root = compose(read_text(path, where), where)
    named = ""
    if isinstance(root, yaml.MappingNode):
        found = reader.known(root, "", ("kind", "functions"))
        if "functions" in found:
            named = reader.text(*found["functions"], "functions")
        else:
            reader.report(1, "functions is missing; write functions: MODULE or MODULE:OBJECT")
    if reader.problems:
        raise Disagreements(reader.problems)
    return named


@dataclass(slots=True)
class FileProblems:
    """Reads the values of a file, and collects what is wrong with them."""

    where: str
    problems: list[str] = field(default_factory=list)

    def report(self, line: int, sentence: str) -> None:
        """Add a problem on ``line``."""
        self.problems.append(f"{self.where}:{line}: {sentence}")

    def known(
        self, node: yaml.MappingNode, prefix: str, keys: Sequence[str]
    ) -> dict[str, tuple[int, yaml.Node]]:
        """Return line and value of each known key; other keys and repeated ones are problems."""
        found: dict[str, tuple[int, yaml.Node]] = {}
        for line, key, value in entries(node):
            if key not in keys:
                allowed = f"there are: {_list(keys)}{did_you_mean(key, keys)}"
                self.report(line, f"there is no key '{prefix}{key}'; {allowed}")
            elif key in found:
                known = f"{prefix}{key} is already set on line {found[key][0]}"
                self.report(line, f"{known}; keep one of the two")
            else:
                found[key] = (line, value)
        return found

    def text(self, line: int, node: yaml.Node, key: str) -> str:
        """Return a text that is not empty; another value is a problem."""
        if isinstance(node, yaml.ScalarNode) and node.value.strip():
            return str(node.value)
        self.report(line, f"{key} must be a text")
        return ""

    def path(self, line: int, node: yaml.Node, key: str) -> str:
        """Return a text that may be a path; one in the home of nobody is a problem."""
        value = self.text(line, node, key)
        if str(local_path(value)).startswith("~"):
            home, _, _ = value.partition("/")
            known = f"{key} is {value!r}, and there is no home directory {home} here"
            self.report(line, f"{known}; write the whole path")
        return value

    def one_of(self, line: int, node: yaml.Node, key: str, allowed: Sequence[str]) -> str:
        """Return one of the ``allowed`` texts; another value is a problem."""
        value = self.text(line, node, key)
        if value and value not in allowed:
            hint = did_you_mean(value, allowed)
            self.report(line, f"{key} is {value!r}; allowed: {_list(allowed)}{hint}")
        return value

    def mapping(self, line: int, node: yaml.Node, key: str) -> yaml.MappingNode | None:
        """Return a mapping; another value is a problem."""
        if isinstance(node, yaml.MappingNode):
            return node
        self.report(line, f"{key} must be a mapping; indent its keys under it")
        return None


@dataclass(slots=True)
class TaskFileReader(FileProblems):
    """Collects what a parsed file says of a task."""

    values: dict[str, Any] = field(default_factory=dict)

    def read(self, root: yaml.Node | None) -> None:
        """Read the file's only node, None if the file is empty."""
        if not isinstance(root, yaml.MappingNode):
            line = 1 if root is None else line_of(root)
            self.report(line, f"must be a mapping with the keys {', '.join(KEYS)}")
            return
        found = self.known(root, "", KEYS)
        for key in ("kind", "model", "data"):
            if key not in found:
                self.report(1, f"{key} is missing; a task needs kind, model and data")
        ordered = [key for key in KEYS if key in found]  # the kind tells what others may say
        for key in ordered:
            line, node = found[key]
            getattr(self, f"_read_{key}")(line, node)

    def described(self, name: str, root: Path) -> TaskDescription:
        """Return the description; call it if there are no problems."""
        return TaskDescription(name=name, where=self.where, root=root, **self.values)

    # --- the keys ---------------------------------------------------------------------------------

    def _read_kind(self, line: int, node: yaml.Node) -> None:
        self.values["kind"] = self.one_of(line, node, "kind", (*KINDS, FUNCTION))

    def _read_model(self, line: int, node: yaml.Node) -> None:
        self.values["model"] = self.text(line, node, "model")

    def _read_description(self, line: int, node: yaml.Node) -> None:
        self.values["description"] = self.text(line, node, "description")

    def _read_labels(self, line: int, node: yaml.Node) -> None:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else []
        labels = [inner.value for inner in nodes if isinstance(inner, yaml.ScalarNode)]
        if len(labels) < 2 or len(labels) < len(nodes) or len(set(labels)) < len(labels):  # noqa: PLR2004
            self.report(line, "labels must be a list of two or more different texts")
        self.values["labels"] = tuple(labels)

    def _read_score(self, line: int, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            self.values["score"] = self.text(line, node, "score")
            return
        found = self.known(node, "score.", ("name", "higher_is_better"))
        if "name" not in found:
            self.report(line, "score.name is missing; write score: NAME")
            return
        name = self.values["score"] = self.text(*found["name"], "score.name")
        if "higher_is_better" in found:
            self._check_direction(name, *found["higher_is_better"])

    def _check_direction(self, name: str, line: int, node: yaml.Node) -> None:
        kind = KINDS.get(self.values.get("kind", ""))
        stated = scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(stated, bool):
            self.report(line, "score.higher_is_better must be true or false")
        elif kind is not None and kind.scores.get(name, stated) != stated:
            right = str(kind.scores[name]).lower()
            self.report(line, f"higher_is_better of {name} is {right}; leave it out")

    def _read_data(self, line: int, node: yaml.Node) -> None:
        mapping = self.mapping(line, node, "data")
        if mapping is None:
            return
        found = self.known(mapping, "data.", DATA_KEYS)
        values: dict[str, Any] = {}
        if "source" not in found:
            self.report(line, "data.source is missing; give a file, a folder or a hub id")
        for key, (at, inner) in found.items():
            if key == "columns":
                values[key] = self._columns(at, inner)
            elif key == "source":
                values[key] = self.path(at, inner, "data.source")
            elif key == "split":
                values[key] = self.one_of(at, inner, "data.split", tuple(RULES))
            else:
                values[key] = self.text(at, inner, f"data.{key}")
        self.values["data"] = DataSource(**{"source": "", **values})

    def _columns(self, line: int, node: yaml.Node) -> dict[str, str]:
        mapping = self.mapping(line, node, "data.columns")
        if mapping is None:
            return {}
        roles = (*ROLES.get(self.values.get("kind", ""), ()), *MORE_ROLES)
        found = self.known(mapping, "data.columns.", roles)
        columns = {}
        for role, (at, inner) in found.items():
            columns[role] = self.text(at, inner, f"data.columns.{role}")
        return columns

    def _read_profiles(self, line: int, node: yaml.Node) -> None:
        mapping = self.mapping(line, node, "profiles")
        if mapping is None:
            return
        profiles = {}
        for name, (at, inner) in self.known(mapping, "profiles.", tuple(PROFILES)).items():
            of_profile = self.mapping(at, inner, f"profiles.{name}")
            if of_profile is not None:
                profiles[name] = self._sizes(f"profiles.{name}.", of_profile)
        self.values["profiles"] = profiles

    def _sizes(self, prefix: str, node: yaml.MappingNode) -> dict[str, float | str]:
        sizes: dict[str, float | str] = {}
        known = self.known(node, prefix, ("model", *SIZES, *RATES))
        for key, (line, inner) in known.items():
            if key == "model":
                sizes[key] = self.text(line, inner, f"{prefix}model")
                continue
            try:
                sizes[key] = _number(key, inner)
            except UsageError as error:
                self.report(line, f"{prefix}{key}{error}")
        return sizes


def _number(key: str, node: yaml.Node) -> float:
    """Return the number of a profile's key; raises UsageError, which says what is allowed."""
    whole, least, most = False, 0.0, float(LARGEST)
    if key in SIZES:
        kind, least = SIZES[key]
        whole = kind is int
    else:
        least, most = RATES[key]
    text = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
    try:
        value = float(text)  # YAML reads 1e-3 as a text
    except ValueError:
        value = -1.0
    is_number = least <= value <= most and (not whole or value.is_integer())
    if not is_number:
        what = "a whole number" if whole else "a number"
        raise UsageError(f" is {text!r}; allowed: {what} from {least:g} to {most:g}")
    return int(value) if whole else value


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
