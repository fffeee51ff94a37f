"""The folder of leases, shared by all users of a machine, and each user's folder of journals.

Nobody need make it: the first session does, whoever runs it. In a folder with the sticky bit only a
file's owner, the folder's and root can remove a file; so root takes the default folder over from an
ordinary user who was first.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

FOLDER = Path("/", "var", "tmp", "greenbench")
"""Shared by all users, and kept over a restart (Filesystem Hierarchy Standard 3.0, 5.15)."""
USER_PREFIX = "user-"
"""Beginning of the name of the folder that holds one user's journals."""
OPEN_TO_ALL = 0o1777
WITHOUT_JOURNAL = "no device is set without a journal"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def shared_path() -> Path:
    """Return where the shared folder is, or will be: ``GREENBENCH_STATE``, or ``FOLDER``."""
    return Path(os.environ.get("GREENBENCH_STATE") or FOLDER).absolute()


def shared_folder() -> Path:
    """Return the folder of leases, made if needed.

    Raises UnavailableError unless it belongs to root or this user, or is open to all; one that is
    open to all must have the sticky bit, with which nobody can remove the files of others.
    """
    path = shared_path()
    try:
        if not os.path.lexists(path):
            _make(path)
        _refuse_planted_link(path)
        if path == FOLDER:
            _take_over(path)
        status = path.stat()
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be created ({error.strerror}); {WITHOUT_JOURNAL}"
        ) from error
    _refuse_unfit(path, status)
    return path


def _make(path: Path) -> None:
    """Make the folder as a whole: no other user meets one that is not yet open to all."""
    if not os.path.lexists(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        fresh.chmod(OPEN_TO_ALL)
        fresh.rename(path)
    except OSError:
        fresh.rmdir()
        if not path.is_dir():  # else another user was faster
            raise


def _refuse_planted_link(path: Path) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) and status.st_uid not in {0, os.getuid()}:
        raise UnavailableError(f"{path} is a link that another user made; {WITHOUT_JOURNAL}")


def _take_over(path: Path) -> None:
    """Open a folder of this user to all; as root make another user's root's own first."""
    status = path.lstat()
    is_root = os.geteuid() == 0
    if not stat.S_ISDIR(status.st_mode) or status.st_uid == 0:
        return  # an administrator's folder is as the administrator wants it
    if not is_root and (status.st_uid != os.getuid() or _is_open(status)):
        return
    folder = os.open(path, DIRECTORY)
    try:
        if is_root:
            os.fchown(folder, 0, 0)
        os.fchmod(folder, OPEN_TO_ALL)
    except PermissionError:
        return  # the root of a container does not own the machine's: the folder is judged as it is
    finally:
        os.close(folder)


def _is_open(status: os.stat_result) -> bool:
    return stat.S_IMODE(status.st_mode) & OPEN_TO_ALL == OPEN_TO_ALL


def _refuse_unfit(path: Path, status: os.stat_result) -> None:
    """Raise UnavailableError for a folder whose leases not everybody can take, or can remove."""
    is_foreign = status.st_uid not in {0, os.getuid()}
    if is_foreign and not _is_open(status):
        raise UnavailableError(
            f"{path} belongs to user {status.st_uid} and is not open to all; {WITHOUT_JOURNAL}: "
            f"that user or root can run: chmod 1777 {path}"
        )
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise UnavailableError(
            f"{path} lets everybody remove files; {WITHOUT_JOURNAL}: its owner or root can run: "
            f"chmod 1777 {path}"
        )


def own_folder() -> Path:
    """Return the folder of this user's journals, made if needed; raises UnavailableError.

    Others can read it, whatever the umask: they report what this user left changed.
    """
    path = shared_folder() / f"{USER_PREFIX}{os.getuid()}"
    try:
        if not os.path.lexists(path):
            path.mkdir(mode=0o755, exist_ok=True)
            path.chmod(0o755)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be created ({error.strerror}); {WITHOUT_JOURNAL}"
        ) from error
    if not _is_private(path, {os.getuid()}):
        raise UnavailableError(
            f"{path} can be written by other users; {WITHOUT_JOURNAL}: remove the folder"
        )
    return path


def user_folders() -> Iterator[Path]:
    """Yield each user's folder of journals; links and other names are passed over."""
    for path in sorted(shared_path().glob(f"{USER_PREFIX}*")):
        user = path.name.removeprefix(USER_PREFIX)
        if user.isascii() and user.isdigit() and path.is_dir() and not path.is_symlink():
            yield path


def is_trusted(path: Path) -> bool:
    """Whether a folder belongs to this user or root, and nobody else can write to it."""
    return _is_private(path, {0, os.getuid()})


def _is_private(path: Path, owners: Collection[int]) -> bool:
    """Whether a folder, no link, belongs to one of ``owners`` and nobody else can write to it."""
    try:
        status = path.lstat()
    except OSError:
        return False
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(status.st_mode) or writable_by_others:
        return False
    return status.st_uid in owners
