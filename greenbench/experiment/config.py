"""Reads a variant's ``config.yaml``: the knobs that differ from the baseline, and the values that a sweep takes.

The file is a mapping of stages to knobs (``training: {precision: bf16}``) and holds only what differs from
``Options()``. A list in place of a knob's value is a sweep. A missing or empty file is the baseline. Whatever is wrong
is collected, each problem one sentence with its line, so that a person mends a file in one go.

This module does not judge whether ``experiment.md`` agrees with the file; ``matrix`` does.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from greenbench.errors import UsageError
from greenbench.experiment.knobs import adapter, allowed, shown_value, takes_text, value_of
from greenbench.options import STAGES, Options, knobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a ``config.yaml`` says, and what is wrong with it."""

    options: Options
    """The baseline with the file's single values put in; a swept knob keeps its baseline value."""
    sweep: Mapping[str, tuple[Any, ...]]
    """Knob (``data.batch_size``) to the values it takes, in the file's order."""
    changes: Mapping[str, int]
    """Stage that differs from the baseline to the line of its first knob that does."""
    problems: tuple[str, ...] = ()
    """One sentence each; where there are any, ``options`` and ``sweep`` lack what they are about."""


@dataclass(slots=True)
class _Findings:
    """Gathers while the file is walked through."""

    where: str
    values: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def object_to(self, line: int, sentence: str) -> None:
        self.problems.append(f"{self.where}:{line}: {sentence}")


def read_config(folder: Path) -> Config:
    """Read ``folder/config.yaml``; where there is none, the answer is the baseline."""
    path = folder / "config.yaml"
    where = f"{folder.parent.name}/{folder.name}/config.yaml"
    if not path.exists() and not path.is_symlink():
        return parse_config("", where)
    try:
        return parse_config(read_text(path, where), where)
    except UsageError as error:
        return replace(parse_config("", where), problems=(str(error),))


def parse_config(text: str, where: str) -> Config:
    """Read the text of a ``config.yaml``; ``where`` is how problems name it."""
    found = _Findings(where=where)
    try:
        _walk(_compose(text, where), found)
    except UsageError as error:
        found.problems.append(str(error))
    return Config(
        options=_options(found.values),
        sweep=found.sweep,
        changes=_first_lines(found.lines),
        problems=tuple(found.problems),
    )


def parse_value(knob: str, text: str, where: str) -> Any:
    """Return the value, or the list of values to sweep, that ``text`` gives ``knob``; raises UsageError naming ``where``."""
    found = _Findings(where=where)
    stage, _, name = knob.partition(".")
    if stage not in STAGES:
        raise UsageError(f"{where}: {_no_such_stage(stage)}")
    if name not in knobs(stage):
        raise UsageError(f"{where}: {_no_such_knob(stage, name)}")
    node = _compose(text, where)
    if node is None:
        raise UsageError(f"{where}: no value stands there; allowed: {allowed(knob)}")
    swept = isinstance(node, yaml.SequenceNode)
    values = [_checked(knob, n, found) for n in (node.value if swept else [node])]
    if found.problems:
        raise UsageError(found.problems[0].replace(f"{where}:1:", f"{where}:", 1))
    return values if swept else values[0]


def read_text(path: Path, where: str) -> str:
    """Return the text of ``path``; ``where`` is how messages name it.

    Raises:
        UsageError: the file cannot be opened, or is not UTF-8 (with the line of the first bad byte).

    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{where}:1: cannot be read ({error.strerror}); it must be a text file"
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{where}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` with the closest of ``known``, or nothing where none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _compose(text: str, where: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(
            f"{where}:{line}: not valid YAML: {error.problem or error.context}; mend this line"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{where}:{line}: not valid YAML: {error.reason}; remove that character"
        ) from error
    except RecursionError as error:
        raise UsageError(
            f"{where}:1: not valid YAML: nested too deeply; two levels are all it has"
        ) from error


def _walk(root: yaml.Node | None, found: _Findings) -> None:
    if root is None or root.tag == _NULL:
        return
    if not isinstance(root, yaml.MappingNode):
        found.object_to(
            _line(root), f"must be a mapping of stages to knobs; stages: {', '.join(STAGES)}"
        )
        return
    for line, stage, node in _entries(root, "", found):
        if stage in STAGES:
            _walk_stage(line, stage, node, found)
        else:
            found.object_to(line, _no_such_stage(stage))
    _check_micro_batches(found)
    _check_idle_knobs(found)


def _walk_stage(line: int, stage: str, node: yaml.Node, found: _Findings) -> None:
    if not isinstance(node, yaml.MappingNode) or not node.value:
        found.object_to(
            line,
            f"{stage} names no knob; it has: {', '.join(knobs(stage))}; indent one under it or remove it",
        )
        return
    for knob_line, knob, value in _entries(node, f"{stage}.", found):
        if knob in knobs(stage):
            _walk_knob(f"{stage}.{knob}", knob_line, value, found)
        else:
            found.object_to(knob_line, _no_such_knob(stage, knob))


def _walk_knob(knob: str, line: int, node: yaml.Node, found: _Findings) -> None:
    swept = isinstance(node, yaml.SequenceNode)
    known = len(found.problems)
    values = [_checked(knob, n, found) for n in (node.value if swept else [node])]
    if len(found.problems) == known:
        _check_values(knob, line, values, found)
    if len(found.problems) > known:
        return
    found.lines[knob] = line
    if swept:
        found.sweep[knob] = tuple(values)
    else:
        found.values[knob] = values[0]


def _entries(
    node: yaml.MappingNode, prefix: str, found: _Findings
) -> Iterator[tuple[int, str, yaml.Node]]:
    """Yield line, key and value of each entry; a key that comes again is a problem and is left out."""
    first: dict[str, int] = {}
    for key, value in node.value:
        line = _line(key)
        name = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
        if name in first:
            found.object_to(
                line, f"{prefix}{name} stands on line {first[name]} already; keep one of the two"
            )
        else:
            first[name] = line
            yield line, name, value


def _checked(knob: str, node: yaml.Node, found: _Findings) -> Any:
    """Return the value of ``node`` as the knob's type, or note why it cannot be one."""
    if not isinstance(node, yaml.ScalarNode):
        found.object_to(
            _line(node), f"{knob} takes {allowed(knob)}, or a flat list of such values to sweep"
        )
        return None
    value = _scalar(node)
    if type(value) is int and takes_text(knob):
        value = str(value)  # a single layer or processor, which YAML takes for a number
    try:
        return adapter(knob).validate_python(value)
    except ValidationError:
        hint = did_you_mean(node.value, adapter(knob).json_schema().get("enum", ()))
        found.object_to(
            _line(node), f"{knob} cannot be {shown_value(value)}; allowed: {allowed(knob)}{hint}"
        )
        return None


def _check_values(knob: str, line: int, values: Sequence[Any], found: _Findings) -> None:
    """Hold the value, or the values of a sweep, against each other and the baseline."""
    baseline = value_of(Options(), knob)
    twice = [v for i, v in enumerate(values) if v in values[:i]]
    if not values:
        found.object_to(
            line, f"{knob} is an empty list; list the values to sweep, or remove the line"
        )
    elif twice:
        found.object_to(
            line,
            f"{knob} lists {shown_value(twice[0])} more than once; each value makes one cell: list it once",
        )
    elif all(v == baseline for v in values):
        remedy = "config.yaml holds only what differs: remove the line"
        found.object_to(
            line, f"{knob} is {shown_value(baseline)} in the baseline already; {remedy}"
        )


def _check_micro_batches(found: _Findings) -> None:
    """Accumulation cuts a batch into equal micro-batches, so that the effective batch stays what it is."""
    sizes, steps = (
        _values(knob, found) for knob in ("data.batch_size", "training.accumulation_steps")
    )
    odd = [(size, step) for size, step in product(sizes, steps) if size % step]
    if odd:
        size, step = odd[0]
        line = found.lines.get("training.accumulation_steps") or found.lines["data.batch_size"]
        found.object_to(
            line,
            f"training.accumulation_steps {step} does not divide data.batch_size {size}; take a divisor of {size}",
        )


def _check_idle_knobs(found: _Findings) -> None:
    """Refuse a knob that acts only beside another one which is not turned, and one that would overrule another."""
    formats, fractions = (
        _values(k, found) for k in ("architecture.weight_format", "inference.skip_layers")
    )
    if (line := found.lines.get("architecture.quantizer")) and "fp32" in formats:
        found.object_to(
            line,
            "architecture.quantizer does nothing while weight_format is fp32; set int8, fp8 or auto there",
        )
    if (
        line := found.lines.get("system.gpu_power_w")
    ) and "system.gpu_power_fraction" in found.lines:
        found.object_to(
            line,
            "system.gpu_power_w and gpu_power_fraction set the same limit; keep one of the two",
        )
    if line := found.lines.get("inference.layer_choice"):
        given = [c for c in _values("inference.layer_choice", found) if c[0].isdigit()]
        if len(given) < len(_values("inference.layer_choice", found)) and 0 in fractions:
            found.object_to(
                line,
                "inference.layer_choice picks nothing while skip_layers is 0; set the fraction there",
            )
        elif given and any(fractions):
            found.object_to(
                line,
                f"inference.layer_choice names the layers {given[0]} itself; remove skip_layers",
            )


def _no_such_stage(name: str) -> str:
    owners = [s for s in STAGES if name in knobs(s)]
    hint = (
        f"; {name} is a knob of {owners[0]}: indent it under '{owners[0]}:'"
        if owners
        else did_you_mean(name, STAGES)
    )
    return f"there is no stage '{name}'; there are: {', '.join(STAGES)}{hint}"


def _no_such_knob(stage: str, name: str) -> str:
    owners = [s for s in STAGES if name in knobs(s)]
    hint = f"; {name} is a knob of {owners[0]}" if owners else did_you_mean(name, knobs(stage))
    return f"{stage} has no '{name}'; it has: {', '.join(knobs(stage))}{hint}"


def _scalar(node: yaml.ScalarNode) -> Any:
    """Return what YAML makes of ``node``; one whose explicit tag does not fit its text (``!!int x``) stays text."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError):
        return node.value


def _options(values: Mapping[str, Any]) -> Options:
    baseline = Options()
    stages = {s: {k: values[f"{s}.{k}"] for k in knobs(s) if f"{s}.{k}" in values} for s in STAGES}
    return replace(
        baseline, **{s: replace(getattr(baseline, s), **changed) for s, changed in stages.items()}
    )


def _values(knob: str, found: _Findings) -> tuple[Any, ...]:
    return found.sweep.get(knob) or (found.values.get(knob, value_of(Options(), knob)),)


def _first_lines(lines: Mapping[str, int]) -> dict[str, int]:
    """Turn lines of knobs into lines of stages."""
    first: dict[str, int] = {}
    for knob, line in lines.items():
        stage = knob.partition(".")[0]
        first[stage] = min(line, first.get(stage, line))
    return first


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
