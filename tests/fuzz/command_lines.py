"""Readers of the command lines: of pytest with the plugin, and of ``greenbench``."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from fuzz.contract import Reader, greenbench, variables
from fuzz.experiment_files import TABLES, VALID, as_markdown, resolve, write_variants
from fuzz.mutations import NUMBERS, TEXTS, Decisions, decided
from fuzz.run_files import SAVED_RUN, write_json

from greenbench.experiment.settings import OPTIONS
from greenbench.plugin import hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


def argument(text: str) -> str:
    """Return ``text`` as the kernel passes it on: without NUL, and with bytes that are no UTF-8."""
    return os.fsdecode(text.replace("\x00", "?").encode("utf-8", "surrogatepass"))


ODD = tuple(map(argument, (*TEXTS, *map(str, NUMBERS))))


def edited(decisions: Decisions, word: str) -> str:
    """Return ``word`` with a part of it replaced."""
    place = decisions.below(len(word) + 1)
    odd = decisions.one_of((*ODD, argument(decisions.character())))
    return word[:place] + odd + word[place + decisions.below(4) :]


def option_arguments(decisions: Decisions) -> list[str]:
    """Return options with a value that is valid, or was."""
    arguments: list[str] = []
    for _ in range(1 + decisions.below(3)):
        option = decisions.one_of(OPTIONS)
        value = str(decisions.one_of(VALID.get(option.name, TEXTS)))
        for _ in range(decisions.below(3)):
            value = edited(decisions, value)
        forms = ([option.flag], [option.flag, value], [f"{option.flag}={value}"])
        arguments += decisions.one_of(forms)
    return arguments


@contextlib.contextmanager
def open_options(folder: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    """Parse pytest's command line with the options of the plugin, and resolve them."""
    parser = pytest.Parser(processopt=None, _ispytest=True)
    hooks.pytest_addoption(parser)

    def read(arguments: Sequence[str]) -> None:
        try:
            given = vars(parser.parse(arguments))
        except pytest.UsageError:
            return  # pytest's own sentence
        resolve(folder, {f"--{name.replace('_', '-')}": value for name, value in given.items()})

    yield read


PYTEST = Reader(name="options of pytest", inputs=decided(option_arguments), open=open_options)

CALLS: tuple[tuple[str, ...], ...] = (
    ("list",),
    ("check", "."),
    ("new", "V12_y", "--in", ".", "--from", "V1", "--set", "data.batch_size=[8, 16]"),
    ("new", "V11_x", "--set", "system.cpu_threads=1", "--title", "Eleven"),
    ("compare", "run.json", "run.json", "--gate", "energy <= 1.05*saved", "--json"),
    ("compare", "run.json", "--allow", "host,new", "--strict", "--markdown"),
    ("analyse", "run.json", "--task", "T2", "--keep", "0.02", "--markdown"),
    ("restore",),
    ("sweep-power", "T2-V9_none", "--knobs", "gpu_power_fraction", "--fractions", "0.9,0.5"),
    ("sweep-power", "T2-V9_none", "--green-size", "T2=train:24", "--green-gpus", "none"),
)
WORDS = (*ODD, *sorted({word for call in CALLS for word in call[1:]}), "--help", "--green-plan")


def call(decisions: Decisions) -> list[str]:
    """Return a valid call with up to three arguments changed, added or left out."""
    words = list(decisions.one_of(CALLS))
    for _ in range(decisions.below(4)):
        place = 1 + decisions.below(len(words))
        change = decisions.below(4)
        if change == 0 or place == len(words):
            words.insert(place, decisions.one_of(WORDS))
        elif change == 1:
            words[place] = decisions.one_of(WORDS)
        elif change == 2:
            del words[place]
        else:
            words[place] = edited(decisions, words[place])
    return words


@contextlib.contextmanager
def open_calls(folder: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    """Call the command line in a folder with an experiment and a saved run."""
    write_variants(folder)
    experiment = as_markdown(TABLES)
    (folder / "experiment.md").write_text(experiment)
    write_json(folder / "run.json", SAVED_RUN)
    known = set(folder.rglob("*"))
    state = str(folder / "state")

    def read(words: Sequence[str]) -> None:
        with contextlib.chdir(folder), variables(GREENBENCH_STATE=state, LANGUAGE="C"):
            answer = greenbench(*words)
        assert answer.code in {0, 1, 2}
        if words[0] != "new":
            return
        made = sorted(set(folder.rglob("*")) - known, reverse=True)
        if not made:
            return
        assert answer.code == 0, f"{made} are left of a refused call"
        assert greenbench("check", str(folder)).code == 0
        (folder / "experiment.md").write_text(experiment)
        for path in made:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    yield read


GREENBENCH = Reader(
    name="command line of greenbench", inputs=decided(call), open=open_calls, dear=True
)
