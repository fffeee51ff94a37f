"""experiment.md and variants/ agree, or every difference is listed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenbench.errors import Disagreements
from greenbench.experiment.matrix import Experiment, ModelRow, TaskRow, ambiguous_keyword, load
from greenbench.experiment.tables import COLUMNS, VARIANT_FILES
from greenbench.options import STAGES, Options, TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Callable

REPO = Path(__file__).resolve().parents[2]
DASHES = [
    "-",
    "–",
    "—",
    "\u2011",
    "\u2212",
    "--",
    "✗",
    "✘",
    "❌",
    "x",
    "×",
    " ",
    "&mdash;",
    "`-`",
    "**–**",
]
V2_ROW = "| Training-only | `V2_training` | - | - | **gradient accumulation + AMP** | - | - |"
V2_CHECKS = "| `V2_training` | ✓ | ✓ | ✓ |"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the repository's experiment.md and variants/ that a test may change."""
    root = tmp_path / "my project"
    root.mkdir()
    shutil.copy(REPO / "experiment.md", root)
    shutil.copytree(REPO / "variants", root / "variants")
    return root


def loaded(root: Path) -> Experiment:
    """Load the experiment at ``root``."""
    return load(root / "experiment.md", root / "variants")


def problems(root: Path) -> tuple[str, ...]:
    """Return what is wrong with the experiment at ``root``."""
    with pytest.raises(Disagreements) as caught:
        loaded(root)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def edit(root: Path, old: str, new: str) -> int:
    """Replace ``old`` in experiment.md, where it stands once, and return its line."""
    path = root / "experiment.md"
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def line_of(root: Path, start: str) -> int:
    """Return the line of experiment.md that starts with ``start``."""
    lines = (root / "experiment.md").read_text("utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.startswith(start))


def section(name: str) -> str:
    """Return the repository's text of a section, its heading included."""
    text = (REPO / "experiment.md").read_text("utf-8")
    return re.search(rf"## {name}\n.*?(?=\n## |\Z)", text, re.DOTALL)[0]  # type: ignore[index]


def add_variant(root: Path, name: str, row: str, config: str | None) -> None:
    """Put a folder beside the others and a row after V7's."""
    shutil.copytree(root / "variants" / "V0_baseline", root / "variants" / name)
    path = root / "variants" / name / "config.yaml"
    path.unlink() if config is None else path.write_text(config)
    edit(root, "\n\nTo add a variant", f"\n{row}\n\nTo add a variant")


def test_the_repository_agrees_with_itself() -> None:
    """The tables and folders of this repository load without problems, in the tables' order."""
    found = loaded(REPO)
    assert [v.name.split("_")[0] for v in found.variants] == [f"V{i}" for i in range(9)]
    assert found.variants[0].options == Options()
    assert found.variants[1].sweep == {"data.batch_size": (16, 32, 64)}
    assert found.variants[2].options.training == TrainingOptions(
        precision="bf16", accumulation_steps=4
    )
    assert found.variants[7].title == "All-optimised"
    assert found.variants[7].folder == REPO / "variants" / "V7_all_optimised"
    assert isinstance(found.tasks[0], TaskRow)
    assert [(t.name, t.model) for t in found.tasks] == [("T1", "M1"), ("T2", "M2")]
    assert isinstance(found.models[0], ModelRow)
    assert [m.tasks for m in found.models] == [("T1",), ("T2",)]


def test_the_combined_variants_set_what_the_single_ones_set() -> None:
    """V5 to V7 have the values of V1 to V4, so that each difference has one cause."""
    options = {v.name[:2]: v.options for v in loaded(REPO).variants}
    assert options["V5"].data == options["V6"].data == options["V7"].data == options["V1"].data
    assert (
        options["V5"].training
        == options["V6"].training
        == options["V7"].training
        == options["V2"].training
    )
    assert options["V6"].inference == options["V7"].inference == options["V3"].inference
    assert options["V7"].architecture == options["V4"].architecture


@pytest.mark.parametrize("mark_text", ["weights and power", "✓", "✅", "✔️"])
def test_a_variant_is_a_folder_and_a_row(project: Path, mark_text: str) -> None:
    """A new variant needs neither code nor a row in the checklist."""
    row = f"| Mine | [V8_mine](variants/V8_mine/) | — | {mark_text} | ✗ | {mark_text} | |"
    add_variant(
        project,
        "V8_mine",
        row,
        "architecture: {weight_format: int8}\nsystem: {gpu_power_fraction: 0.5}\n",
    )
    variant = loaded(project).variants[-1]
    assert (variant.name, variant.title) == ("V8_mine", "Mine")
    assert variant.options.architecture.weight_format == "int8"


@pytest.mark.parametrize(
    ("row", "config"),
    [
        ("| Nothing | V8_same | - | - | - | - | - |", None),
        ("| Nothing | V8_same | - | - | - | - | - |", "# nothing\n"),
        ("| Baseline, again | V8_same | any | words | may | stand | here |", None),
    ],
)
def test_a_folder_that_changes_nothing_says_so(project: Path, row: str, config: str | None) -> None:
    """The row of a folder that is the baseline inherits everything or is named Baseline."""
    add_variant(project, "V8_same", row, config)
    assert loaded(project).variants[-1].options == Options()


def test_a_folder_without_config_must_not_claim_a_change(project: Path) -> None:
    """Each cell that claims a change which no file makes is a problem."""
    add_variant(project, "V8_same", "| Mine | V8_same | - | - | bf16 | - | skipping |", None)
    line = line_of(project, "| Mine")
    found = problems(project)
    assert [p.split(" of ")[0] for p in found] == [
        f"experiment.md:{line}: {s}" for s in ("Inference", "Training")
    ]
    assert "variants/V8_same/config.yaml is missing, so the folder is the baseline" in found[0]


MD_PROBLEMS: dict[str, tuple[str, str, str]] = {
    "row without a folder": (
        V2_ROW,
        f"{V2_ROW}\n| Mine | V8_mine | - | - | - | - | - |",
        "V8_mine has no folder",
    ),
    "misspelt folder": (
        V2_ROW,
        V2_ROW.replace("V2_training", "V2_trainig"),
        "did you mean 'V2_training'?",
    ),
    "duplicated row": (V2_ROW, f"{V2_ROW}\n{V2_ROW}", "V2_training already has a row on line"),
    "a dash over a change": (
        V2_ROW,
        V2_ROW.replace("**gradient accumulation + AMP**", "-"),
        "says '-' (inherits)",
    ),
    "a cross over a change": (
        V2_ROW,
        V2_ROW.replace("**gradient accumulation + AMP**", "✗"),
        "config.yaml:2 changes",
    ),
    "a change over nothing": (
        V2_ROW,
        V2_ROW.replace("| - | - | **", "| rust | - | **"),
        "changes nothing in data",
    ),
    "a check mark over nothing": (V2_ROW, V2_ROW[:-4] + " ✓ |", "Inference of V2"),
    "no title": (V2_ROW, V2_ROW.replace("Training-only", ""), "V2_training has no title"),
    "a name of another form": (
        V2_ROW,
        V2_ROW.replace("V2_training", "V2-training"),
        "'V2-training' is not a variant's",
    ),
    "no folder named": (
        V2_ROW,
        V2_ROW.replace("`V2_training`", ""),
        "'' is not a variant's folder name",
    ),
    "a path elsewhere": (
        V2_ROW,
        V2_ROW.replace("V2_training", "../.."),
        "'..' is not a variant's folder name",
    ),
    "a cell too few": (
        V2_ROW,
        V2_ROW.removesuffix(" - |"),
        "the row has 6 cells where the table has 7 columns",
    ),
    "a cell too many": (
        V2_ROW,
        V2_ROW.replace("` |", "` | - |"),
        "the row has 8 cells where the table has 7 columns",
    ),
    "a gap in the table": (
        V2_ROW,
        f"\n{V2_ROW}",
        "starts like a row but belongs to no table, so 'Variants' lacks it",
    ),
    "a change named Baseline": (
        V2_ROW,
        V2_ROW.replace("Training-only", "Baseline"),
        "a baseline changes nothing",
    ),
    "missing column": (
        "| Training | System |",
        "| Trainings | System |",
        "no column 'Training'; it has: Variant, Folder",
    ),
    "missing column, hint": (
        "| Training | System |",
        "| Trainig | System |",
        "did you mean 'Trainig'?",
    ),
    "column twice": (
        "| Training | System |",
        "| Training | Training |",
        "has the column 'Training' 2 times",
    ),
    "broken table": ("|---|---|---|---|---|---|---|", "|---|---|---|", "so 'Variants' lacks it"),
    "missing table": (
        section("Models"),
        "",
        "there is no table 'Models'; under a heading of that name put the columns",
    ),
    "section without table": (
        "## Models\n",
        "## Models\n\nNone.\n\n## Else\n",
        "there is no table 'Models'",
    ),
    "commented table": (
        section("Models"),
        f"<!--\n{section('Models')}\n-->",
        "there is no table 'Models'",
    ),
    "no checklist": (section("Directory checklist"), "", "there is no table 'Directory checklist'"),
    "second table": (
        section("Models"),
        section("Models") * 2,
        "a second table 'Models' (the first is on line",
    ),
    "task without model": (
        "| T2 | encoder",
        "| - | encoder",
        "T2 has no model in the models table",
    ),
    "model for no task": (
        "| T2 | encoder",
        "| T2, T9 | encoder",
        "M2 is for T9, which has no row in the tasks table",
    ),
    "task with two models": (
        "| **M2** |",
        "| M1 | any | T2 | |\n| **M2** |",
        "T2 has 2 models (M1, M2)",
    ),
    "task twice": ("| **T2** |", "| T2 | a | b | c |\n| **T2** |", "T2 already has a row on line"),
    "a task of another name": (
        "| **T2** |",
        "| two-parts | a | b | c |\n| **T2** |",
        "'two-parts' is not a task's name; a name is a word of letters, digits and underscores",
    ),
    "a task called like a stage": (
        "| **T2** |",
        "| training | a | b | c |\n| **T2** |",
        "training is the name of a stage too; give the task another one",
    ),
    "a task called like a metric": (
        "| **T2** |",
        "| energy | a | b | c |\n| **T2** |",
        "energy is the name of a metric too",
    ),
    "a task called like a variant": (
        "| **T2** |",
        "| V2_x | a | b | c |\n| **T2** |",
        "V2_x is the name of a variant too",
    ),
    "a task that is defined nowhere": (
        "| **T2** |",
        "| sentiment | a | b | c |\n| **T2** |",
        "sentiment is defined nowhere",
    ),
    "a model of another name": (
        "| **M2** |",
        "| BERT | a | - | c |\n| **M2** |",
        "'BERT' is not a model's name",
    ),
    "checklist: there is one": (
        V2_CHECKS,
        V2_CHECKS[:-3] + "✗ |",
        "but variants/V2_training/config.yaml exists",
    ),
    "checklist: other words": (
        V2_CHECKS,
        V2_CHECKS[:-3] + "soon |",
        "neither a check mark nor a cross; write ✓ or ✗",
    ),
    "checklist: no folder": (
        V2_CHECKS,
        V2_CHECKS.replace("V2_", "V9_"),
        "V9_training has no folder",
    ),
    "checklist: row twice": (
        V2_CHECKS,
        f"{V2_CHECKS}\n{V2_CHECKS}",
        "V2_training already has a row",
    ),
}


@pytest.mark.parametrize(("old", "new", "sentence"), MD_PROBLEMS.values(), ids=MD_PROBLEMS.keys())
def test_a_wrong_experiment_is_named_with_its_line(
    project: Path, old: str, new: str, sentence: str
) -> None:
    """Each mistake in experiment.md gives a sentence with file and line."""
    edit(project, old, new)
    found = problems(project)
    assert any(sentence in p for p in found), found
    assert all(re.match(r"experiment\.md:\d+: .", p) for p in found)


@pytest.mark.parametrize(
    "name", ["a cell too many", "missing column", "broken table", "missing table", "second table"]
)
def test_a_mistake_of_form_is_the_only_problem(project: Path, name: str) -> None:
    """A table that cannot be read is not compared with the folders."""
    old, new, _ = MD_PROBLEMS[name]
    edit(project, old, new)
    assert len(problems(project)) == 1


def test_the_line_is_the_rows(project: Path) -> None:
    """The line is the row's, with comments and text above the tables."""
    edit(project, "# The experiment\n", "# The experiment\n\n<!-- a\n\ncomment -->\n\nand text\n")
    line = edit(project, V2_ROW, V2_ROW.replace("**gradient accumulation + AMP**", "–"))
    (problem,) = problems(project)
    assert problem.startswith(f"experiment.md:{line}: Training of V2_training says '–' (inherits)")
    assert "variants/V2_training/config.yaml:2 changes training" in problem


FOLDER_PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config.yaml": (
        lambda f: (f / "config.yaml").unlink(),
        "V2_training/config.yaml is missing, so the folder is",
    ),
    "config.yaml wrong": (
        lambda f: (f / "config.yaml").write_text("a: 1"),
        "V2_training/config.yaml:1: there is no st",
    ),
    "no folder": (
        shutil.rmtree,
        "V2_training has no folder; make variants/V2_training, or remove the row",
    ),
    "folder without a row": (
        lambda f: shutil.copytree(f, f.parent / "V8_x"),
        "variants/V8_x has no row in this table",
    ),
}


@pytest.mark.parametrize(
    ("spoil", "sentence"), FOLDER_PROBLEMS.values(), ids=FOLDER_PROBLEMS.keys()
)
def test_a_folder_that_differs_from_its_row_is_named(
    project: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    """A folder that lacks something, or has no row, is among the problems."""
    spoil(project / "variants" / "V2_training")
    found = problems(project)
    assert any(sentence in p for p in found), found


def test_a_checklist_that_promises_a_missing_file_is_named(project: Path) -> None:
    """A missing file is a problem of the checklist and of the folder."""
    (project / "variants" / "V2_training" / "run.sh").unlink()
    found = problems(project)
    line = line_of(project, V2_CHECKS)
    claim = f"experiment.md:{line}: run.sh of V2_training says '✓'"
    assert found[0].startswith(f"{claim}, but variants/V2_training/run.sh does not exist")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (
            b"",
            (
                "experiment.md:1: the file is empty; it needs the tables Tasks, Models, Variants, "
                "Directory checklist"
            ),
        ),
        (b" \n\n", "experiment.md:1: the file is empty"),
        (b"# One\n\n\xff\n", "experiment.md:3: byte 0xff is not UTF-8"),
    ],
)
def test_an_unreadable_experiment_is_one_problem(project: Path, raw: bytes, sentence: str) -> None:
    """A file that cannot be read has no other problems."""
    (project / "experiment.md").write_bytes(raw)
    (problem,) = problems(project)
    assert problem.startswith(sentence)


def test_a_missing_experiment_is_one_problem(project: Path) -> None:
    """A missing file, or folder of it, is one sentence with the whole path."""
    (project / "experiment.md").unlink()
    for folder in (project, project / "nowhere"):
        file = folder / "experiment.md"
        sentence = f"{file}: there is no such file; give the folder that the suite's experiment.md"
        assert problems(folder) == (f"{sentence} is in",)


@pytest.mark.parametrize("file", ["experiment.md", "variants/V1_data/config.yaml"])
def test_a_pipe_in_place_of_a_file_is_named_and_not_waited_for(project: Path, file: str) -> None:
    """Reading a pipe that nobody writes to would never end."""
    (project / file).unlink()
    os.mkfifo(project / file)
    assert f"{file}:1: cannot be read (it is not an ordinary file); it must be a text file" in (
        problems(project)
    )


def test_everything_wrong_is_listed_together(project: Path) -> None:
    """One error lists the problems of the file, of the folders and between them."""
    edit(project, V2_ROW, V2_ROW.replace("**gradient accumulation + AMP**", "-"))
    edit(project, "| T2 | encoder", "| | encoder")
    (project / "variants" / "V3_inference" / "config.yaml").write_text(
        "inference:\n  skip_layer: 0.3\n  x: 1\n"
    )
    (project / "variants" / "V4_architecture" / "run.sh").unlink()
    shutil.copytree(project / "variants" / "V5_data_training", project / "variants" / "V9_x")
    found = problems(project)
    assert [p.split(": ")[0] for p in found] == [
        f"experiment.md:{line_of(project, '| **T2**')}",
        f"experiment.md:{line_of(project, '| Variant |')}",
        f"experiment.md:{line_of(project, '| Training-only')}",
        f"experiment.md:{line_of(project, '| `V4_architecture`')}",
        "variants/V4_architecture/run.sh",
        "variants/V3_inference/config.yaml:2",
        "variants/V3_inference/config.yaml:3",
    ]


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """Write the variants table in some layout, with the same meaning."""
    columns = draw(st.permutations([*COLUMNS["Variants"], "Remark"]))
    changed = {
        "V0_baseline": (),
        "V2_training": ("Training",),
        "V4_architecture": ("Architecture",),
    }
    space = st.sampled_from(["", " ", "   "])
    headings = {
        c: draw(st.sampled_from([c, c.upper(), f"**{c}**", f"`{c.lower()}`"])) for c in columns
    }
    headings["Folder"] = draw(st.sampled_from(["Folder", "Dir", "dir", "DIRECTORY", "`Dir`"]))
    rows = [
        [headings[c] for c in columns],
        [draw(st.sampled_from(["---", ":--", ":-:", "--:"])) for _ in columns],
    ]
    for name, stages in draw(st.permutations(list(changed.items()))):
        texts = {s.capitalize(): draw(st.sampled_from(DASHES)) for s in STAGES}
        texts |= {
            s: draw(st.sampled_from(["✓", "✔", "✅", "**bold** words", "a \\| b", "[link](x)"]))
            for s in stages
        }
        texts |= {
            "Variant": "Baseline" if not stages else name[3:],
            "Remark": draw(st.sampled_from(["", "-", "so"])),
        }
        texts["Folder"] = draw(
            st.sampled_from([name, f"`{name}`", f"**{name}**", f"[{name}](variants/{name})"])
        )
        rows.append([texts[c] for c in columns])
    return "\n".join(
        "|" + "|".join(f"{draw(space)}{t}{draw(space)}" for t in row) + "|" for row in rows
    )


SHIPPED = ("V0_baseline", "V2_training", "V4_architecture")


@pytest.fixture(scope="module")
def three_shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Options]]:
    """Copy three variants of this repository; return the folder, and the options of each."""
    root = tmp_path_factory.mktemp("project")
    for name in SHIPPED:
        shutil.copytree(REPO / "variants" / name, root / "variants" / name)
    every = {variant.name: variant.options for variant in loaded(REPO).variants}
    return root, {name: every[name] for name in SHIPPED}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=layouts(), newline=st.sampled_from(["\n", "\r\n"]))
def test_the_layout_of_a_table_is_free(
    three_shipped: tuple[Path, dict[str, Options]], table: str, newline: str
) -> None:
    """Order of columns and rows, spacing, emphasis and kind of dash do not matter."""
    root, shipped = three_shipped
    checklist = f"## Directory checklist\n\n| Dir | {' | '.join(VARIANT_FILES)} |\n|-|-|-|-|\n"
    text = f"{section('Tasks and data sets')}\n{section('Models')}\n"
    text += f"## 3. Variants (map)\n\n{table}\n\n{checklist}"
    (root / "experiment.md").write_bytes(text.replace("\n", newline).encode())
    assert {v.name: v.options for v in loaded(root).variants} == shipped


def test_ambiguous_keywords_get_a_hint() -> None:
    """The hint for ``-k V1``, which selects V10 too, is ``-k V1_``."""
    names = ["V1_data", "V2_training", "V10_more", "V21_other"]
    hint = "-k V1 also selects V10_more; use -k V1_ for V1_data alone"
    assert ambiguous_keyword("V1", names) == hint
    assert ambiguous_keyword("v2 and not T1", names) == (
        '-k v2 and not T1 also selects V21_other; use -k "v2_ and not T1" for V2_training alone'
    )
    assert ambiguous_keyword("V1", ["T2-V1_data-b16", "T2-V10_more"]) is not None


@pytest.mark.parametrize("expression", ["", "V1_", "V1_data", "V10", "V3", "T2", "V2 and T2"])
def test_unambiguous_keywords_get_none(expression: str) -> None:
    """A keyword that selects one variant gets no hint."""
    assert ambiguous_keyword(expression, ["V1_data", "V2_training", "V10_more"]) is None


def test_the_matrix_is_light() -> None:
    """Reading the matrix imports none of the heavy libraries."""
    code = "import sys, greenbench.experiment.matrix; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert not {"torch", "transformers", "numpy", "pandas", "pyarrow", "sklearn", "zeus"} & set(
        modules
    )
