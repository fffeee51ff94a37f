"""Sends wheels to a host over SSH and has an environment made of them: packages are shipped too.

Every package of the wheels is installed, within the checkout's ``constraints.txt``, and in the
version of the submitting machine where a run's machines are compared by it. The host asks no index.
Its Python is its own, and is compared as ever.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.cluster.plan import RunPlan

PART_BYTES = 1 << 24
"""Of a wheel that are sent at once: a wheel of torch is a gigabyte."""
SHOWN = 12
"""Characters of a hash."""
CONSTRAINTS = "constraints.txt"


def wheels_of(folder: Path) -> list[Path]:
    """Return the wheels in a folder, by name; raises UsageError if there is none."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise UsageError(
            f"greenbench submit ssh: --wheels: {folder} holds no wheels; `pip wheel --wheel-dir "
            f"{folder}` with the arguments that pip installed this environment by puts them there"
        )
    return wheels


def requirements(wheels: Sequence[Path], versions: Mapping[str, str]) -> list[str]:
    """Return what pip is to install: the packages of ``wheels``, in their ``versions`` if given.

    Among wheels of one package pip chooses by platform and version. Raises UsageError for a file
    that is not named as a wheel is.
    """
    wanted: dict[str, str] = {}
    for path in wheels:
        try:
            wanted[str(parse_wheel_filename(path.name)[0])] = ""
        except InvalidWheelFilename as error:
            raise UsageError(f"greenbench submit ssh: --wheels: {path}: {error}") from error
    for name, version in versions.items():
        wanted[str(canonicalize_name(name))] = f"=={version}"
    return [f"{name}{version}" for name, version in sorted(wanted.items())]


def shipped_python(plan: RunPlan, host: str, top: Path, ask: Callable[..., object]) -> str:
    """Send the wheels that a host lacks, and return the interpreter of its environment.

    ``top`` is the checkout here, and ``ask`` calls a function of ``remote`` there. Raises
    UnavailableError where a wheel does not arrive, or where pip refuses, and UsageError where the
    wheels are gone.
    """
    base = str(plan.settings["folder"])
    paths = wheels_of(Path(plan.settings["wheels"]))
    wanted = "\n".join(requirements(paths, plan.software.packages))
    digests = {}
    for path in paths:
        with path.open("rb") as data:
            digests[path.name] = hashlib.file_digest(data, "sha256").hexdigest()
    lacking = cast("list[str]", ask("lacking_wheels", base=base, wheels=digests))
    for path in paths:
        if path.name in lacking:
            _send(path, base, host, ask)
    file = top / CONSTRAINTS
    constraints = file.read_text("utf-8") if file.is_file() else ""
    key = _key([plan.software.python, wanted, constraints, *digests.values()])
    python = ask("environment", base=base, key=key, requirements=wanted, constraints=constraints)
    return str(python)


def _send(path: Path, base: str, host: str, ask: Callable[..., object]) -> None:
    size = 0
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            arrived = ask("put", base=base, name=path.name, offset=size, data=part)
            size += len(part)
            if arrived != size:
                raise UnavailableError(
                    f"{host}: {path.name} arrived as {arrived} bytes of {size}; submit again"
                )


def _key(texts: Sequence[str]) -> str:
    """Return what tells one environment from another."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:SHOWN]
