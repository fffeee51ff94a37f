"""Results folders on file systems that lack something: worked around, or refused before a run."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import stub_suite
from results.test_files import HEADER, record

from greenbench.errors import UsageError
from greenbench.options import Options
from greenbench.results import files, loading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STARTED = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def recorder(folder: Path) -> files.Recorder:
    """Return the recorder of a session; all of them started in the same second."""
    return files.Recorder(folder, STARTED, HEADER)


def failing(number: int) -> Callable[..., NoReturn]:
    """Return a function that fails as a call to the kernel does."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a file system in memory; skips the test where that needs more rights."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a file system")
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until nothing more fits."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return path


# --- what is worked around ------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(files.WITHOUT_LINKS), ids=errno.errorcode.get)
def test_without_hard_links_results_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Sessions of one second do not meet, and only results files are left."""
    monkeypatch.setattr(os, "link", failing(number))
    files.check_folder(tmp_path, ["V0_baseline"])
    paths = []
    for one in (recorder(tmp_path), recorder(tmp_path)):
        one.append(record(), Options())
        paths.append(one.append(record("T1-V0_baseline"), Options()))
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert [len(loading.load(path).cells) for path in paths] == [2, 2]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_permissions_results_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """File systems of Windows and object stores decide themselves who may read a file."""
    monkeypatch.setattr(os, "chmod", failing(number))
    files.check_folder(tmp_path)
    assert loading.load(recorder(tmp_path).append(record(), Options())).cells


@pytest.mark.parametrize("number", sorted(files.WITHOUT_SYNC))
def test_without_synchronisation_results_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A file system that knows no fsync is none that failed."""
    monkeypatch.setattr(os, "fsync", failing(number))
    files.check_folder(tmp_path)
    assert loading.load(recorder(tmp_path).append(record(), Options())).cells


# --- what is found before the first cell ----------------------------------------------------------


@pytest.mark.parametrize("call", ["fsync", "replace", "rename", "unlink"])
def test_a_folder_that_lacks_what_results_need_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The check does what the cells will do: write to disk, replace a file, remove one."""
    if call in {"replace", "rename"}:
        monkeypatch.setattr(Path, "replace", failing(errno.EIO))
    else:
        monkeypatch.setattr(os, call, failing(errno.EIO))
    with pytest.raises(UsageError, match=r"results cannot be written here \(Input/output error\)"):
        files.check_folder(tmp_path)
    if call != "unlink":
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [("size=64k", "No space left on device"), ("ro", "Read-only file system")],
)
def test_a_small_or_read_only_file_system_is_refused(
    tmp_path: Path, options: str, reason: str
) -> None:
    """Nothing runs that could not be kept."""
    with mounted(tmp_path / "results", options):
        with pytest.raises(UsageError, match=rf"results cannot be written here \({reason}\)"):
            files.check_folder(tmp_path / "results")
        assert list((tmp_path / "results").iterdir()) == []


def test_a_variant_whose_file_cannot_be_named_is_refused(tmp_path: Path) -> None:
    """Its folder's name can be as long as names may be, and its file's is longer."""
    longest = "V1_" + "x" * (255 - len("V1__20261123T120000Z.json"))
    files.check_folder(tmp_path, [longest])
    path = recorder(tmp_path).append(record("T2-V1", longest), Options())
    assert len(path.name) == 255
    with pytest.raises(UsageError) as caught:
        files.check_folder(tmp_path, [f"{longest}x"])
    assert f"the results file of {longest}x cannot be named here (File name too long)" in str(
        caught.value
    )


@pytest.mark.parametrize("name", ["x" * 256, "/".join(["x" * 200] * 25)], ids=["name", "path"])
def test_a_folder_whose_name_is_too_long_is_refused(suite: pytest.Pytester, name: str) -> None:
    """The plan, which writes nothing, says that no earlier results can be found there."""
    done = stub_suite.run_here(suite, "-k", "V0", "--green-results", name)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "results cannot be written here (File name too long)" in done.stderr.str()
    plan = stub_suite.run_here(suite, "-k", "V0", "--green-results", name, "--green-plan")
    assert plan.ret == 0
    assert "its results files cannot be listed (File name too long)" in plan.stdout.str()


# --- what happens meanwhile -----------------------------------------------------------------------


def test_a_disk_that_fills_up_loses_no_cell(tmp_path: Path) -> None:
    """The file keeps the cells before; a copy has all; with space again the file has all, too."""
    folder = tmp_path / "results"
    with mounted(folder, "size=4m"):
        files.check_folder(folder)
        session = recorder(folder)
        path = session.append(record(), Options())
        filling = fill(folder)
        with pytest.raises(OSError, match="No space left on device"):
            session.append(record("T1-V0_baseline"), Options())
        assert len(loading.load(path).cells) == 1
        copy = session.copy_elsewhere("V0_baseline")
        assert len(loading.load(copy).cells) == 2
        assert sorted(folder.iterdir()) == sorted([path, filling])
        filling.unlink()
        session.conclude(gates={"failed": False})
        assert len(loading.load(path).cells) == 2
        shutil.rmtree(copy.parent)


def test_a_first_cell_that_is_not_written_is_kept_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variant's file appears with all of its cells once the folder takes it."""
    session = recorder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            session.append(record(), Options())
        assert session.paths == ()
    path = session.append(record("T1-V0_baseline"), Options())
    assert len(loading.load(path).cells) == 2


def test_one_file_that_cannot_be_written_at_the_end_keeps_no_other_back(tmp_path: Path) -> None:
    """Verdicts stand in all other files, and the error is raised."""
    session = recorder(tmp_path)
    for variant in ("V0_baseline", "V1_fast", "V2_x"):
        session.append(record(f"T2-{variant}", variant), Options())
    lost = session.paths[1]
    lost.unlink()
    lost.mkdir()
    (lost / "in the way").touch()
    with pytest.raises(OSError, match="Is a directory"):
        session.conclude(gates={"failed": True})
    for path in (session.paths[0], session.paths[2]):
        assert json.loads(path.read_text())["gates"] == {"failed": True}


def test_copies_go_into_memory_if_the_folder_for_temporary_files_takes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is often on the disk that is full. A further cell goes into the same copy."""
    if not files.MEMORY.is_dir():
        pytest.skip(f"there is no {files.MEMORY}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    session = recorder(tmp_path / "gone")
    for cell in ("T1-V0_baseline", "T2-V0_baseline"):
        with pytest.raises(FileNotFoundError):
            session.append(record(cell), Options())
        copy = session.copy_elsewhere("V0_baseline")
    with pytest.raises(FileNotFoundError):
        session.append(record("T2-V1_fast", "V1_fast"), Options())
    assert session.copy_elsewhere("V1_fast").parent == copy.parent
    assert copy.is_relative_to(files.MEMORY)
    assert [len(run.cells) for run in loading.load_folder(copy.parent)[0]] == [2, 1]
    shutil.rmtree(copy.parent)


def test_a_session_says_where_the_cells_are_that_its_folder_did_not_take(
    suite: pytest.Pytester,
) -> None:
    """A results folder that vanishes in mid-session fails it, and no measured cell is lost.

    What holds after each round of a cell is said once.
    """
    with (suite.path / "conftest.py").open("a") as file:
        file.write(
            "\nimport shutil\n"
            "def pytest_runtest_setup(item):\n"
            "    shutil.rmtree('results', ignore_errors=True) if 'V1' in item.name else None\n"
        )
    elsewhere = suite.path / "temporary"
    elsewhere.mkdir()
    selected = ("-k", "V0 or V1_", "--green-rounds", "2")
    done = stub_suite.run(suite.path, *selected, TMPDIR=str(elsewhere))
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    (copy,) = elsewhere.glob("greenbench-*/V1_fast_*Z.json")
    assert [cell.id for cell in loading.load(copy).cells] == ["T2-V1_fast"]
    done.stdout.fnmatch_lines(
        [
            "! T2-V1_fast: its results could not be written into *results (No such file or dir*",
            f"*{copy}*",
        ]
    )
    assert done.stdout.str().count("! T2-V1_fast:") == 1


def test_a_path_that_is_not_utf8_is_like_another(suite: pytest.Pytester) -> None:
    """Linux has file names of any bytes: cells are measured, written, planned and compared."""
    odd = os.fsdecode(b"caf\xe9")
    root = suite.path / odd
    root.mkdir()
    stub_suite.write(root)
    chosen = ("pytest", "bench", "--green-results", odd, "-k", "V0 or V1_")
    assert b"wrote " in shown(root, 0, *chosen, "--green-gate", "energy <= 9*V0")
    shown(root, 0, *chosen, "--green-plan")
    assert len(loading.load_folder(root / odd)[0]) == 2
    shown(root, 0, "greenbench", "compare", odd, "--gate", "energy <= 9*V0", "--markdown")


def shown(folder: Path, code: int, module: str, *arguments: str) -> bytes:
    """Return what a program prints that ends with ``code``, as on a terminal of UTF-8."""
    command = [sys.executable, "-m", module, *arguments]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, cwd=folder, env=strict, capture_output=True, check=False)
    assert b"Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
