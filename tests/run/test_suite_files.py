"""What a session must find unchanged to go on: files of the suite's tasks, modules, data."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import stub_suite

from greenbench.errors import UsageError
from greenbench.run.resume import _refuse_changed_inputs
from greenbench.run.suite_files import suite_files
from greenbench.tasks.functions.task import function_task
from tests.run.test_session import session
from tests.tasks.functions import nearest

if TYPE_CHECKING:
    from pathlib import Path


def test_files_of_tasks_and_loaded_modules_of_the_suite_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither caches, nor modules that nothing names, nor what is installed beside it."""
    installed = tmp_path / "env" / "site-packages"
    for folder in (tmp_path / "tasks" / "__pycache__", tmp_path / "tasks" / "words", installed):
        folder.mkdir(parents=True)
    (tmp_path / "tasks" / "__pycache__" / "T3.pyc").write_bytes(b"")
    (tmp_path / "tasks" / "words" / "cache.npy").write_bytes(b"")
    task, words = tmp_path / "tasks" / "T3.py", tmp_path / "tasks" / "words" / "T4.yaml"
    helper, library = tmp_path / "helper_of_suite.py", installed / "library_of_suite.py"
    for path in (task, words, helper, library, tmp_path / "never_imported.py"):
        path.write_text("")
    for path in (helper, library):
        monkeypatch.syspath_prepend(path.parent)
        monkeypatch.setitem(sys.modules, path.stem, importlib.import_module(path.stem))
    made_up = SimpleNamespace(__file__="_classes.py")  # as torch has one
    monkeypatch.setitem(sys.modules, "made_up_by_torch", made_up)
    monkeypatch.chdir(tmp_path)
    assert suite_files(tmp_path) == sorted([task, words, helper])


def test_modules_that_a_function_imports_first_when_it_is_called_are_found(tmp_path: Path) -> None:
    """And what these import in turn, relatively too; greenbench's own files are not the suite's."""
    texts = {
        "tasks/T3.py": "def train(options, data, seed):\n    from lazily.net import Net, layers\n",
        "lazily/__init__.py": "",
        "lazily/net.py": "from . import layers as chosen\nimport greenbench.plugin, numpy\n",
        "lazily/layers.py": "from ..known_words import WORDS\nimport one.two\n",
        "lazily/broken.py": "def\n",
        "known_words.py": "",
        "one/two.py": "import lazily.broken",
        "greenbench/plugin.py": "",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = [path.relative_to(tmp_path).as_posix() for path in suite_files(tmp_path)]
    assert found == sorted(texts.keys() - {"greenbench/plugin.py"})


def test_a_changed_file_of_a_task_is_another_condition(tmp_path: Path) -> None:
    """The session states the hash of all of them."""
    stub_suite.write(tmp_path)
    (tmp_path / "tasks").mkdir(exist_ok=True)
    words = tmp_path / "tasks" / "words.py"
    stated = []
    for text in ("one = 1", "two = 2", "one = 1"):
        words.write_text(text)
        one = session(tmp_path, matrix="experiment.md", results=str(tmp_path / "results"))
        one.check(one.cells("T2"))
        stated.append(one.results.conditions["code"]["files_sha256"])
    assert stated[0] != stated[1]
    assert stated[0] == stated[2]


def test_data_that_a_task_loads_anew_must_be_the_same() -> None:
    """No option named them: the functions of the suite gave them."""
    task = function_task("T3", nearest, "tasks/T3.py")
    inputs = SimpleNamespace(
        dataset=SimpleNamespace(facts={"sha256": "now"}),
        model=SimpleNamespace(facts={"sha256": "code", "revision": None}),
    )
    matrix = SimpleNamespace(definitions={"T3": task}, model_of=lambda _task: "")
    settings = SimpleNamespace(data={}, model={})
    resumed: Any = SimpleNamespace(settings=settings, matrix=matrix, inputs=lambda _task: inputs)
    record = recorded(data="then", code="code")
    with pytest.raises(UsageError, match=r"the data of T3 changed .*sha256 was then and is now"):
        _refuse_changed_inputs(resumed, [record])
    with pytest.raises(UsageError, match=r"the model of T3 changed .*sha256 was other and is code"):
        _refuse_changed_inputs(resumed, [recorded(data="now", code="other")])
    _refuse_changed_inputs(resumed, [recorded(data="now", code="code")])


def recorded(data: str, code: str) -> dict[str, Any]:
    """Return the record of a cell of one round, as far as its inputs are told."""
    return {
        "id": "T3-V0_baseline",
        "task": "T3",
        "variant": "V0_baseline",
        "model": "tasks/T3.py",
        "status": "ok",
        "data": {"sha256": data},
        "checkpoint": {"sha256": code, "revision": None},
        "rounds": [{"seed": 0, "seconds": 1.0}],
    }
