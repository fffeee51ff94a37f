"""The files of a first suite: templates of ``templates/``, filled in."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

import yaml

from greenbench.experiment.starter.kinds import FUNCTION
from greenbench.options import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from greenbench.experiment.starter.kinds import StarterKind, StarterVariant

BASELINE = "V0_baseline"
BASELINE_TEXT = "What every other variant is compared with: it changes nothing."
ROWS = 600
"""Made-up examples; a tiny model learns from so many."""
SEED = 0
TINY = "{train: 256, valid: 60, test: 60, epochs: 4}"
"""How much of them a session takes by default: about a minute for three cells on two cores."""
CPU_BUILDS = """
    env:
      # A repository variable with PyTorch's index of CPU builds; otherwise CUDA's are taken.
      PIP_EXTRA_INDEX_URL: ${{ vars.TORCH_CPU_INDEX }}"""
LAST = "experiment.md"
"""The file that is written last: where it is, there is a suite."""


class StarterTemplate(Template):
    """A text with places ``@@{name}``, which no file of a suite has otherwise."""

    delimiter = "@@"


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterFile:
    """A file of a first suite; its path is relative to the suite's folder."""

    path: str
    text: str
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterTask:
    """The one task of a first suite."""

    name: str
    kind: StarterKind
    model: str
    """A name, a hub id, or a folder relative to the suite; empty if the kind has none."""
    data: str
    """A hub id or a path relative to the suite; empty for made-up data."""
    columns: Mapping[str, str]
    """Roles to columns of the data."""
    file: str = ""
    """Path of the file that defines it already; empty if that is yet to be written."""

    @property
    def made_up(self) -> str:
        """Path of the table that is made up for it; empty if it has data."""
        has_data = self.data or self.file or self.kind.name == FUNCTION
        return "" if has_data else f"data/{self.name}.csv"


def suite_files(task: StarterTask) -> Iterator[StarterFile]:
    """Yield the files of a suite for ``task``, ``experiment.md`` last."""
    yield from _task_files(task)
    yield StarterFile(path="variants/run", text=_template("run.txt"), executable=True)
    baseline = ("Baseline", BASELINE_TEXT, f"# Sets nothing: {BASELINE} is the baseline.\n")
    yield from _variant_files(BASELINE, *baseline)
    for variant in task.kind.variants:
        yield from _variant_files(variant.name, variant.title, variant.text, variant.config)
    yield StarterFile(path="bench/conftest.py", text=_template("conftest.py.txt"))
    yield StarterFile(
        path=f"bench/test_{task.name}.py",
        text=_template(
            "test_task.py.txt",
            task=task.name,
            description=task.kind.description,
            score=task.kind.score,
        ),
    )
    yield StarterFile(path=LAST, text=_experiment(task))


def configuration() -> StarterFile:
    """Return pytest's configuration for a suite in a folder of a repository."""
    return StarterFile(path="pytest.ini", text=_template("pytest.ini.txt"))


def workflow(task: StarterTask, folder: str, arguments: str) -> str:
    """Return the text of a workflow.

    ``folder`` is the suite's in the repository, ``arguments`` are pip's to install all it needs.
    """
    results = "results/" if folder == "." else f"{folder}/results/"
    comment = "comment.md" if folder == "." else f"{folder}/comment.md"
    kind = task.kind
    return _template(
        "workflow.yml.txt",
        folder=folder,
        install=f"pip install {arguments}",
        environment="" if kind.name == FUNCTION else CPU_BUILDS,
        gate=f"{task.name}.{kind.score} {kind.limit}",
        results=f"{results}\n            {comment}",
    )


def _template(file: str, /, **places: str) -> str:
    folder = resources.files("greenbench.experiment.starter") / "templates"
    text = (folder / file).read_text("utf-8")
    return StarterTemplate(text).substitute(places)


def _task_files(task: StarterTask) -> Iterator[StarterFile]:
    if task.file:
        return
    if task.kind.name == FUNCTION:
        text = _template("function.py.txt", task=task.name)
        yield StarterFile(path=f"tasks/{task.name}.py", text=text)
        return
    if task.made_up:
        yield StarterFile(path=task.made_up, text=_table(task.kind))
    columns = ""
    if task.columns:
        columns = f"  columns: {_flow(dict(task.columns))}\n"
    sizes = f"profiles:\n  tiny: {TINY}\n" if task.made_up else ""
    text = _template(
        "task.yaml.txt",
        task=task.name,
        description=task.kind.description,
        kind=task.kind.name,
        model=_flow(task.model),
        source=_flow(task.data or task.made_up),
        columns=columns,
        sizes=sizes,
    )
    yield StarterFile(path=f"tasks/{task.name}.yaml", text=text.rstrip() + "\n")


def _flow(value: object) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("...").rstrip()


def _table(kind: StarterKind) -> str:
    """Return the made-up examples of a kind as CSV."""
    from greenbench.data.synthetic import tickets

    text = io.StringIO()
    writer = csv.DictWriter(text, list(kind.columns.values()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(tickets.rows(kind.name, ROWS, SEED))
    return text.getvalue()


def _variant_files(name: str, title: str, text: str, config: str) -> Iterator[StarterFile]:
    folder = f"variants/{name}"
    number = name.partition("_")[0]
    readme = _template("variant.md.txt", number=number, name=name, title=title, text=text)
    yield StarterFile(path=f"{folder}/config.yaml", text=config)
    yield StarterFile(path=f"{folder}/README.md", text=readme)
    yield StarterFile(path=f"{folder}/run.sh", text=_template("run.sh.txt"), executable=True)


def _experiment(task: StarterTask) -> str:
    kind = task.kind
    rows = [_row(["Baseline", f"`{BASELINE}`", *(kind.baseline[stage] for stage in STAGES)])]
    rows += map(_variant_row, kind.variants)
    names = [BASELINE, *(variant.name for variant in kind.variants)]
    models = ""
    if task.model:
        models = _row(["**M1**", f"`{task.model}`", task.name, "fine-tuned for the task"])
    data, split = _data_words(task)
    return _template(
        "experiment.md.txt",
        task=task.name,
        description=kind.description,
        data=data,
        split=split,
        models=models,
        variants="\n".join(rows),
        checklist="\n".join(_row([f"`{name}`", "✓", "✓", "✓"]) for name in names),
        date=dt.datetime.now(dt.UTC).date().isoformat(),
    )


def _data_words(task: StarterTask) -> tuple[str, str]:
    """Return what the tasks table says of the data, and of how it is split."""
    if task.file:
        return f"as `{task.file}` says", "as that file says"
    if task.kind.name == FUNCTION:
        return "made up by `load` in the task's file", "drawn by `load`, from its seed"
    return f"`{task.data or task.made_up}`", "random, seeded; duplicates removed first"


def _variant_row(variant: StarterVariant) -> str:
    stages = [variant.cell if stage == variant.stage else "-" for stage in STAGES]
    return _row([variant.title, f"`{variant.name}`", *stages])


def _row(cells: list[str]) -> str:
    """Return a row of a Markdown table."""
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"
