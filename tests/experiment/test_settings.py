"""Options come from the command line, pyproject.toml or a default; errors are sentences."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment.resolving import resolve_settings
from greenbench.experiment.settings import OPTIONS, Option

if TYPE_CHECKING:
    from collections.abc import Sequence


def resolve(root: Path, places: Sequence[Path] = (), **given: object):
    """Resolve settings as the command line ``given`` has them."""
    return resolve_settings(
        lambda flag: given.get(flag.removeprefix("--green-").replace("-", "_")),
        root,
        tasks=["T2"],
        models=["M2"],
        places=places,
    )


def test_defaults(tmp_path: Path) -> None:
    """Without options the tiny profile runs on the devices that there are."""
    found = resolve(tmp_path)
    assert (found.profile, found.rounds, found.seed, found.device, found.gpus, found.cpu_watts) == (
        "tiny",
        None,
        0,
        "auto",
        "auto",
        None,
    )
    assert found.results == tmp_path / "results"


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    """pyproject.toml counts for the options that the command line does not give."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.greenbench]\nrounds = 4\nseed = 9\ndata = ["T2=a.csv"]\ncpu-watts = 7.5\n'
    )
    found = resolve(tmp_path, rounds="2")
    assert (found.rounds, found.seed, found.data, found.cpu_watts) == (2, 9, {"T2": "a.csv"}, 7.5)


@pytest.mark.parametrize(
    ("typed", "held"),
    [
        (["time <= 2"], ["energy <= 3*saved", "time <= 2"]),
        (["energy  <= 3*saved"], ["energy <= 3*saved"]),
        (["none"], []),
        (["time <= 2", "none"], ["time <= 2"]),
    ],
)
def test_gates_of_the_command_line_add_to_the_file(
    tmp_path: Path, typed: list[str], held: list[str]
) -> None:
    """A gate of pyproject.toml holds beside others, once, unless the command line says ``none``."""
    for written in ('"energy <= 3*saved"', '["energy <= 3*saved"]'):
        (tmp_path / "pyproject.toml").write_text(f"[tool.greenbench]\ngate = {written}\n")
        assert [gate.text for gate in resolve(tmp_path, gate=typed).gate] == held
        assert [gate.text for gate in resolve(tmp_path).gate] == ["energy <= 3*saved"]


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.metavar], ids=lambda o: o.name)
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_value_is_a_usage_error(tmp_path: Path, option: Option, empty: str) -> None:
    """A variable that is not set must not switch a demand off."""
    typed = [empty] if option.repeatable else empty
    with pytest.raises(Disagreements, match=f"{option.flag}: found .*; give a value, or leave"):
        resolve(tmp_path, **{option.field: typed})


def test_an_empty_gate_is_named_without_those_of_pyproject(tmp_path: Path) -> None:
    """The message shows what was typed."""
    (tmp_path / "pyproject.toml").write_text('[tool.greenbench]\ngate = ["time <= 1"]\n')
    with pytest.raises(Disagreements, match=re.escape("--green-gate: found [''];")):
        resolve(tmp_path, gate=[""])


def test_settings_are_those_of_the_nearest_file_that_has_some(tmp_path: Path) -> None:
    """Packages within a project, and folders without any, have the project's settings."""
    (tmp_path / "pyproject.toml").write_text("[tool.greenbench]\nrounds = 4\n")
    package = tmp_path / "package"
    (package / "tests").mkdir(parents=True)
    (package / "pyproject.toml").write_text("[project]\nname = 'package'\n")
    elsewhere = tmp_path.parent / "elsewhere"
    assert resolve(package / "tests").rounds == 4
    assert resolve(elsewhere, places=[elsewhere, package / "tests"]).rounds == 4
    assert resolve(elsewhere).rounds is None


def test_seed_zero_on_the_command_line_is_a_value(tmp_path: Path) -> None:
    """``--green-seed 0`` overrides the file."""
    (tmp_path / "pyproject.toml").write_text("[tool.greenbench]\nseed = 9\n")
    assert resolve(tmp_path, seed="0").seed == 0


@pytest.mark.parametrize(
    ("given_options", "sentence"),
    [
        ({"profile": "huge"}, "--green-profile: found 'huge'; it is one of tiny, small, full"),
        ({"rounds": "0"}, "--green-rounds: found '0'; give a whole number from 1 to 1000000000"),
        ({"rounds": "two"}, "--green-rounds: found 'two'"),
        ({"seed": "-1"}, "--green-seed: found '-1'"),
        ({"data": ["T9=x"]}, "--green-data: there is no task 'T9'; experiment.md has T2"),
        ({"data": ["x.csv"]}, "--green-data: found 'x.csv'; write TASK=VALUE"),
        ({"model": ["M1=x"]}, "--green-model: there is no model 'M1'; experiment.md has M2"),
        ({"columns": ["T2=func"]}, "--green-columns: found 'func'; write ROLE:COLUMN"),
        (
            {"device": "gpu"},
            "--green-device: found 'gpu'; it is auto, cpu, cuda or cuda:N, or several",
        ),
        ({"device": "cpu:0"}, "--green-device: found 'cpu:0'"),
        ({"device": "cpu:1"}, "--green-device: found 'cpu:1'"),
        ({"device": "cuda:0,0"}, "--green-device: found 'cuda:0,0'"),
        ({"device": "cuda:0,cpu"}, "--green-device: found 'cuda:0,cpu'"),
        ({"device": "cuda:x"}, "--green-device: found 'cuda:x'"),
        ({"device": "cuda:01"}, "--green-device: found 'cuda:01'"),
        (
            {"seed": "5000000000"},
            "--green-seed: found '5000000000'; give a whole number from 0 to 1000000000",
        ),
        ({"direction": "java"}, "--green-direction: found 'java'; write SRC:DST in small letters"),
        ({"direction": "Java:Python"}, "--green-direction: found 'Java:Python'"),
        ({"direction": "java:python:go"}, "--green-direction: found 'java:python:go'"),
        ({"direction": "java:"}, "--green-direction: found 'java:'"),
        (
            {"split": ["T2=date"]},
            "--green-split: found 'date'; it is one of authors, random, project, time",
        ),
        ({"split": ["T2=Random"]}, "--green-split: found 'Random'"),
        ({"split": ["project"]}, "--green-split: found 'project'; write TASK=VALUE"),
        ({"split": ["T2="]}, "--green-split: found 'T2'; write TASK=VALUE"),
        ({"split": ["T9=time"]}, "--green-split: there is no task 'T9'; experiment.md has T2"),
        (
            {"balance": ["T2=oversample"]},
            "--green-balance: found 'oversample'; it is one of none, weights, undersample",
        ),
        ({"balance": ["T9=none"]}, "--green-balance: there is no task 'T9'; experiment.md has T2"),
        (
            {"prevalence": ["T2=5%"]},
            "--green-prevalence: found '5%'; give a share between 0 and 1, e.g. 0.056",
        ),
        ({"prevalence": ["T2=0"]}, "--green-prevalence: found '0'"),
        ({"prevalence": ["T2=1"]}, "--green-prevalence: found '1'"),
        ({"prevalence": ["T2=-0.1"]}, "--green-prevalence: found '-0.1'"),
        ({"prevalence": ["T2=nan"]}, "--green-prevalence: found 'nan'"),
        ({"prevalence": ["T2=inf"]}, "--green-prevalence: found 'inf'"),
        ({"prevalence": ["0.05"]}, "--green-prevalence: found '0.05'; write TASK=VALUE"),
        (
            {"prevalence": ["T9=0.05"]},
            "--green-prevalence: there is no task 'T9'; experiment.md has T2",
        ),
        ({"cpu_watts": "inf"}, "--green-cpu-watts: found 'inf'; give a number from 0.01"),
        ({"plan": "yes"}, "--green-plan: found 'yes'; it takes no value"),
        ({"cpu_watts": "nan"}, "--green-cpu-watts: found 'nan'"),
        ({"cpu_watts": "0"}, "--green-cpu-watts: found '0'"),
        (
            {"size": ["T2=rows:5"]},
            "--green-size: found 'rows:5'; write KEY:N,... with keys of train, valid, test, epochs",
        ),
        ({"size": ["T2=train"]}, "--green-size: found 'train'; write KEY:N"),
        ({"size": ["T2=train:0"]}, "--green-size train: found '0'; give a whole number from 1"),
        (
            {"size": ["T2=learning_rate:fast"]},
            "--green-size learning_rate: found 'fast'; give a number",
        ),
        ({"unsafe_exec": "yes"}, "--green-unsafe-exec: found 'yes'; it takes no value"),
        (
            {"gate": ["energy < "]},
            "--green-gate: write a number, a variant or 'saved', at character 10:",
        ),
        ({"gate": ["T9.energy < 1"]}, "--green-gate: 'T9' is neither a task (T2) nor a stage"),
        (
            {"allow": ["host,weather"]},
            "--green-allow: found 'weather'; it takes host, device, driver, power_limit",
        ),
        ({"strict": "all"}, "--green-strict: found 'all'; it takes partial and inconclusive"),
    ],
)
def test_a_wrong_value_is_one_sentence(tmp_path: Path, given_options: dict, sentence: str) -> None:
    """The sentence names the option, what was found and what is allowed."""
    with pytest.raises(Disagreements) as caught:
        resolve(tmp_path, **given_options)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(sentence)


def test_sizes_gates_and_allowed_differences(tmp_path: Path) -> None:
    """Sizes keep their kind of number, gates are parsed, and lists may be one text or several."""
    found = resolve(
        tmp_path,
        size=["T2=train:24,learning_rate:1e-3"],
        gate=["energy <= 5"],
        allow=["host,data", "new"],
    )
    assert found.size == {"T2": {"train": 24, "learning_rate": 0.001}}
    assert [gate.text for gate in found.gate] == ["energy <= 5"]
    assert (found.allow, found.strict) == (("host", "data", "new"), ())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", ("partial", "inconclusive")),
        ('"inconclusive"', ("inconclusive",)),
        ('"partial,inconclusive"', ("partial", "inconclusive")),
    ],
)
def test_strict_in_the_file(tmp_path: Path, written: str, meant: tuple[str, ...]) -> None:
    """``true`` in pyproject.toml makes all strict that can be."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.greenbench]\nstrict = {written}\n")
    assert resolve(tmp_path).strict == meant


def test_all_wrong_values_are_listed_together(tmp_path: Path) -> None:
    """All options are checked before the error is raised."""
    with pytest.raises(Disagreements) as caught:
        resolve(tmp_path, rounds="0", device="gpu", profile="huge")
    assert len(caught.value.problems) == 3


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    """A misspelt key is an error, because it would have no effect."""
    (tmp_path / "pyproject.toml").write_text("[tool.greenbench]\nround = 4\n")
    with pytest.raises(UsageError, match=r"has no 'round'; it has: profile, rounds"):
        resolve(tmp_path)


def test_columns_become_roles(tmp_path: Path) -> None:
    """``T2=text:func,label:vul`` names a column for each role."""
    assert resolve(tmp_path, columns=["T2=text:func,label:vul"]).columns == {
        "T2": {"text": "func", "label": "vul"}
    }


@pytest.mark.parametrize("name", ["rounds", "seed", "cpu-watts"])
@pytest.mark.parametrize("value", ["inf", "nan", "[2]", "2000-01-01"])
def test_a_number_in_the_file_is_a_usual_one(tmp_path: Path, name: str, value: str) -> None:
    """Infinity, which TOML has, a list and a date are refused in a sentence."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.greenbench]\n{name} = {value}\n")
    with pytest.raises(Disagreements, match=f"--green-{name}: found"):
        resolve(tmp_path)


@given(
    st.sampled_from([o.name.replace("-", "_") for o in OPTIONS if not o.repeatable]),
    st.text(max_size=8),
)
def test_any_text_is_a_value_or_a_usage_error(name: str, text: str) -> None:
    """No text raises anything but a UsageError."""
    with contextlib.suppress(UsageError):
        assert resolve(Path("/nonexistent"), **{name: text}).profile


def test_direction_and_plan_are_off_by_default(tmp_path: Path) -> None:
    """By default the direction is the data's own, and the cells run."""
    found = resolve(tmp_path)
    assert (found.direction, found.plan) == (None, False)
    changed = resolve(tmp_path, direction="java:python", plan=True)
    assert (changed.direction, changed.plan) == ("java:python", True)


def test_direction_and_plan_can_stand_in_the_file(tmp_path: Path) -> None:
    """A switch is true or false in the file, and the command line overrides it."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.greenbench]\ndirection = "java:cs"\nplan = true\n'
    )
    found = resolve(tmp_path)
    assert (found.direction, found.plan) == ("java:cs", True)
    assert resolve(tmp_path, direction="java:python").direction == "java:python"


@pytest.mark.parametrize("value", ['"true"', "1", '"no"', "[true]"])
def test_a_switch_in_the_file_is_true_or_false(tmp_path: Path, value: str) -> None:
    """Texts and numbers are refused for a switch."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.greenbench]\nplan = {value}\n")
    with pytest.raises(UsageError, match=r"--green-plan: found .* in pyproject.toml true or false"):
        resolve(tmp_path)


@given(st.from_regex(r"[a-z]+", fullmatch=True), st.from_regex(r"[a-z]+", fullmatch=True))
def test_a_direction_is_two_names(source: str, target: str) -> None:
    """Any two names are a direction; the task knows which languages there are."""
    assert (
        resolve(Path("/nonexistent"), direction=f"{source}:{target}").direction
        == f"{source}:{target}"
    )


def test_split_balance_and_prevalence_are_empty_by_default(tmp_path: Path) -> None:
    """The settings hold no defaults of tasks."""
    found = resolve(tmp_path)
    assert (found.split, found.balance, found.prevalence) == ({}, {}, {})


@pytest.mark.parametrize("rule", ["random", "project", "time"])
@pytest.mark.parametrize("how", ["none", "weights", "undersample"])
def test_split_and_balance_are_named_for_each_task(tmp_path: Path, rule: str, how: str) -> None:
    """Every rule and every kind of class-imbalance handling in the help is valid."""
    found = resolve(tmp_path, split=[f"T2={rule}"], balance=[f"T2={how}"])
    assert (found.split, found.balance) == ({"T2": rule}, {"T2": how})


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_prevalence_is_a_share(share: float) -> None:
    """A share is any number between 0 and 1, with all its digits."""
    assert resolve(Path("/nonexistent"), prevalence=[f"T2={share!r}"]).prevalence == {"T2": share}


def test_split_balance_and_prevalence_can_stand_in_the_file(tmp_path: Path) -> None:
    """The file holds a list or a single text, and the command line overrides it."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.greenbench]\nsplit = ["T2=time"]\nbalance = "T2=weights"\n'
        'prevalence = ["T2=0.056"]\n'
    )
    found = resolve(tmp_path)
    assert (found.split, found.balance, found.prevalence) == (
        {"T2": "time"},
        {"T2": "weights"},
        {"T2": 0.056},
    )
    assert resolve(tmp_path, split=["T2=project"]).split == {"T2": "project"}


@given(st.sampled_from(["split", "balance", "prevalence"]), st.text(max_size=8))
def test_any_entry_is_a_value_or_a_usage_error(name: str, text: str) -> None:
    """No entry of a repeatable option raises anything but a UsageError."""
    with contextlib.suppress(UsageError):
        assert set(getattr(resolve(Path("/nonexistent"), **{name: [f"T2={text}"]}), name)) == {"T2"}


@pytest.mark.parametrize("value", ["true", "5", "[[1]]", "{ T2 = 0.1 }"])
@pytest.mark.parametrize("name", ["split", "balance", "prevalence"])
def test_a_value_of_another_type_in_the_file_is_refused(
    tmp_path: Path, name: str, value: str
) -> None:
    """TOML has more types than the command line, and they are refused too."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.greenbench]\n{name} = {value}\n")
    with pytest.raises(Disagreements, match=f"--green-{name}: "):
        resolve(tmp_path)
