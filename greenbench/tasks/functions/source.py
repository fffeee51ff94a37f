"""Finds a suite's functions: in a file beside its experiment.md, or in a module by its name."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError, UsageError
from greenbench.tasks.functions.functions import OPTIONAL, REQUIRED, WHOLE

if TYPE_CHECKING:
    from types import ModuleType

FORM = "module or module:object, like mypackage.digits:TASK"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionModel:
    """What stands for the model of a suite's functions, which make it when they train."""

    source: str
    """The file or the object that trains it."""
    folder: Path
    sha256: str | None
    """Of the files that the functions stand in; None if they stand in none."""

    @property
    def facts(self) -> dict[str, object]:
        """Return where the training code is from, as the results file has it."""
        return {"source": self.source, "revision": None, "sha256": self.sha256}


def from_file(path: Path, where: str) -> ModuleType:
    """Run the file ``path`` as a module, once; raises UsageError, which begins with ``where``.

    The suite's folder, two above the file, is added to Python's path, so that it can import what
    stands there.
    """
    path = path.resolve()
    _add_to_path(path.parent.parent)
    return _module(path, path.stat().st_mtime_ns, where)


@functools.cache
def _module(path: Path, _changed_ns: int, where: str) -> ModuleType:
    name = f"greenbench_task_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{where}: Python cannot read it; a task's file is called NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations of its classes are looked up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failed(error, path, where) from error
    return module


def _failed(error: BaseException, path: Path, where: str) -> UsageError:
    """Return the sentence for a file that cannot be run, with the last of its own lines."""
    line = getattr(error, "lineno", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            line = frame.lineno
    place = f"{where}:{line}" if line else where
    return UsageError(f"{place}: {told(error)}; mend it, or remove the task")


def told(error: BaseException) -> str:
    """Return what an import raised, and what it means if that would have ended Python.

    A sentence of greenbench's own errors, such as a refused knob, stands without their class.
    """
    if isinstance(error, GreenbenchError):
        return str(error)
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, SystemExit):
        return f'{text}, which ends Python; put that under if __name__ == "__main__"'
    return text


def from_name(name: str, where: str, root: Path) -> object:
    """Return the object that ``module`` or ``module:object`` names; raises UsageError.

    ``root`` is the suite's folder, which is added to Python's path.
    """
    module_name, colon, attributes = name.partition(":")
    if not module_name or (colon and not attributes):
        raise UsageError(f"{where}: found {name!r}; write {FORM}")
    _add_to_path(root.resolve())
    try:
        found: object = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{where}: {module_name} cannot be imported ({told(error)}); write "
            f"{FORM}, and install the package or put the file beside experiment.md"
        ) from error
    for attribute in filter(None, attributes.split(".")):
        if not hasattr(found, attribute):
            raise UsageError(f"{where}: {module_name} has no {attributes}; write {FORM}")
        found = getattr(found, attribute)
    return found


def _add_to_path(folder: Path) -> None:
    """Let what stands in ``folder`` be imported, after what is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def model_of(functions: object, where: str) -> FunctionModel:
    """Return the handle of what ``functions`` train.

    Its checksum is of the file that has them as attributes, and of those that define them: an
    adapter's ``load`` and ``score`` are the suite's.
    """
    files = sorted(_files_of(functions))
    if not files:
        return FunctionModel(source=where, folder=Path(), sha256=None)
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return FunctionModel(source=where, folder=files[0].parent, sha256=digest.hexdigest())


def _files_of(functions: object) -> set[Path]:
    """Return the files of a task's functions, and the one of the object that has them."""
    whole = getattr(functions, WHOLE, functions)
    holders = [functions, whole]
    for name in (*REQUIRED, *OPTIONAL):
        holders.append(getattr(whole, name, None))
    files = set()
    for holder in holders:
        module = sys.modules.get(getattr(holder, "__module__", ""), holder)
        file = getattr(module, "__file__", None)
        if file is not None:
            files.add(Path(file))
    return files
