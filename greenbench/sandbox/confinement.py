"""What is done inside a sandbox before a program starts: its folders, its keys, its system calls.

It runs inside the sandbox from its text alone, so it imports the standard library only: as a script
before a program in a sandbox of its own, and as a module of the ``supervisor``. As a script it
needs CAP_SYS_ADMIN, and executes the rest of its command line, which gives all powers up.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND = 2, 4, 8, 4096
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_INSTRUCTION_BYTES = 8
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
_KEYCTL_JOIN_SESSION_KEYRING = 1
_LISTS_OF_KEYS = ("/proc/keys", "/proc/key-users")

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
libc.mount.argtypes = [*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p]
libc.syscall.argtypes = [ctypes.c_long] * 3


def main() -> None:
    """Confine this process, and execute the command that follows three words.

    These are the filter of system calls in hexadecimal, the scratch folder, and its mount options.
    """
    calls, home, options = sys.argv[1:4]
    check(libc.unshare(_CLONE_NEWNS))
    mount_scratch(home, options)
    hide_keys()
    filter_system_calls(calls)
    os.execvp(sys.argv[4], sys.argv[4:])  # noqa: S606


def mount_scratch(home: str, options: str) -> None:
    """Mount a scratch folder, whose ``options`` limit its size and the number of its files."""
    mount(b"tmpfs", home.encode(), _MS_NOSUID | _MS_NODEV, options.encode())


def mount_processes() -> None:
    """Show the processes of this namespace, and no others."""
    mount(b"proc", b"/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)


def hide_keys() -> None:
    """Leave the caller's session keyring for an empty one, and cover the kernel's lists of keys.

    On machines that are not listed the keyring stays: there is no filter either, and the record of
    a run says so.
    """
    number = _KEYCTL.get(os.uname().machine)
    if number is not None:
        libc.syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, 0)  # fails if the kernel has no keyrings
    for path in _LISTS_OF_KEYS:
        if os.path.exists(path):  # noqa: PTH110 - pathlib would double the time of a start
            check(libc.mount(b"/dev/null", path.encode(), None, _MS_BIND, None))


def filter_system_calls(calls: str) -> None:
    """Install a filter of system calls, given in hexadecimal, for good; nothing if it is empty."""
    if not calls:
        return
    instructions = bytes.fromhex(calls)
    program = _Filter(len(instructions) // _INSTRUCTION_BYTES, instructions)
    address = ctypes.addressof(program)
    check(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address, 0, 0))


class _Filter(ctypes.Structure):
    """``struct sock_fprog``: how many instructions, and where they are."""

    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def mount(kind: bytes, folder: bytes, flags: int, options: bytes | None) -> None:
    """Mount a file system; raises OSError if that fails."""
    check(libc.mount(kind, folder, kind, flags, options))


def check(result: int) -> None:
    """Raise OSError if a call of the C library has failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
