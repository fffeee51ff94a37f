"""The system calls that a program is refused: a filter for the kernel (``seccomp``).

The list names calls that no translation needs and that namespaces do not confine, or through which
faults of the kernel have been reached. All others are allowed, as compilers and virtual machines
need most of them. The numbers are those of Linux's tables for x86_64 and aarch64; on other
machines, or a kernel without filters, there is none, and ``missing`` says so. What the filter looks
like is described in the kernel's ``Documentation/userspace-api/seccomp_filter.rst``.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from dataclasses import dataclass
from typing import Literal

_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""How the kernel names the calling conventions of which the numbers below hold."""
NEWEST = 469
"""The highest number when the list was written (Linux 6.18); calls of later kernels are unknown."""

Numbers = dict[str, tuple[int | None, int | None]]
"""System calls and their numbers on x86_64 and aarch64; None where there is no such call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCalls:
    """System calls that fail with EPERM, and what they would be misused for."""

    reason: str
    calls: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentRule:
    """System calls that are allowed with some arguments only."""

    reason: str
    calls: Numbers
    argument: int
    """Which argument counts, from 0; its lower 32 bits."""
    test: Literal["one of", "none of", "without"]
    """What the argument has to be to be allowed; ``without`` the bits of the only value."""
    values: tuple[int, ...]
    error: int = errno.EPERM


REFUSED: tuple[RefusedCalls, ...] = (
    RefusedCalls(
        reason="keys: no namespace confines them, so that the caller's could be read, and others "
        "left for the next program",
        calls={"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    ),
    RefusedCalls(
        reason="work that the kernel does for a program, past this filter",
        calls={
            "io_uring_setup": (425, 425),
            "io_uring_enter": (426, 426),
            "io_uring_register": (427, 427),
        },
    ),
    RefusedCalls(
        reason="programs and events inside the kernel; a way to halt it in the midst of a copy",
        calls={
            "bpf": (321, 280),
            "perf_event_open": (298, 241),
            "userfaultfd": (323, 282),
            "lookup_dcookie": (212, 18),
            "fanotify_init": (300, 262),
        },
    ),
    RefusedCalls(
        reason="tracing, reading, writing and comparing other processes",
        calls={
            "ptrace": (101, 117),
            "process_vm_readv": (310, 270),
            "process_vm_writev": (311, 271),
            "kcmp": (312, 272),
            "pidfd_getfd": (438, 438),
        },
    ),
    RefusedCalls(
        reason="namespaces and mounts, which lead to powers over new ones",
        calls={
            "unshare": (272, 97),
            "setns": (308, 268),
            "mount": (165, 40),
            "umount2": (166, 39),
            "pivot_root": (155, 41),
            "chroot": (161, 51),
            "open_tree": (428, 428),
            "move_mount": (429, 429),
            "fsopen": (430, 430),
            "fsconfig": (431, 431),
            "fsmount": (432, 432),
            "fspick": (433, 433),
            "mount_setattr": (442, 442),
            "open_tree_attr": (467, 467),
            "open_by_handle_at": (304, 265),
        },
    ),
    RefusedCalls(
        reason="the machine itself: its kernel, modules, clock, name, swap and accounts",
        calls={
            "kexec_load": (246, 104),
            "kexec_file_load": (320, 294),
            "init_module": (175, 105),
            "finit_module": (313, 273),
            "delete_module": (176, 106),
            "reboot": (169, 142),
            "swapon": (167, 224),
            "swapoff": (168, 225),
            "acct": (163, 89),
            "quotactl": (179, 60),
            "quotactl_fd": (443, 443),
            "syslog": (103, 116),
            "settimeofday": (164, 170),
            "clock_settime": (227, 112),
            "sethostname": (170, 161),
            "setdomainname": (171, 162),
            "vhangup": (153, 58),
            "iopl": (172, None),
            "ioperm": (173, None),
            "modify_ldt": (154, None),
        },
    ),
)
ARGUMENT_RULES: tuple[ArgumentRule, ...] = (
    ArgumentRule(
        reason="sockets of other families than AF_UNIX, AF_INET and AF_INET6: those of virtual "
        "machines (AF_VSOCK) leave the network namespace, others are entrances to the kernel",
        calls={"socket": (41, 198), "socketpair": (53, 199)},
        argument=0,
        test="one of",
        values=(1, 2, 10),
        error=errno.EAFNOSUPPORT,
    ),
    ArgumentRule(
        reason="new namespaces (CLONE_NEW...)",
        calls={"clone": (56, 220)},
        argument=0,
        test="without",
        values=(0x7E020000,),
    ),
    ArgumentRule(
        reason="clone3, whose flags lie in memory that a filter cannot read: as on kernels before "
        "5.3, so that libraries take clone",
        calls={"clone3": (435, 435)},
        argument=0,
        test="one of",
        values=(),
        error=errno.ENOSYS,
    ),
    ArgumentRule(
        reason="text put into a terminal as if it were typed (TIOCSTI, TIOCLINUX)",
        calls={"ioctl": (16, 29)},
        argument=1,
        test="none of",
        values=(0x5412, 0x541C),
    ),
    ArgumentRule(
        reason="other personalities than Linux's own, which switch protections of memory off",
        calls={"personality": (135, 92)},
        argument=0,
        test="one of",
        values=(0, 0xFFFFFFFF),
    ),
)

_LOAD, _IF_EQUAL, _IF_ABOVE, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS, _ARGUMENT_BYTES = 0, 4, 16, 8
"""Where the kernel puts what a filter may read; of arguments the lower half comes first."""
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, value: one instruction of a classic BPF program."""


def kernel_filter() -> bytes:
    """Return the filter of this machine as the kernel takes it; empty if there can be none."""
    return b"" if missing() else assembled(os.uname().machine)


@functools.cache
def missing() -> str:
    """Say why there is no filter here; empty if there is one."""
    machine = os.uname().machine
    if machine not in _AUDIT_ARCHITECTURES:
        return f"the numbers of system calls are unknown for {machine}"
    # A kernel with filters first looks at the filter, and there is none at address 0.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, 0, 0, 0)
    if ctypes.get_errno() != errno.EFAULT:
        return "this kernel has no filters of system calls (seccomp)"
    return ""


def assembled(machine: str) -> bytes:
    """Return the filter for ``x86_64`` or ``aarch64``.

    Calls by another convention (32 bits, x32) and calls of later kernels fail with ENOSYS.
    """
    instructions: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, _AUDIT_ARCHITECTURES[machine]),
        _fail(errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_ABOVE, 0, 1, NEWEST),
        _fail(errno.ENOSYS),
    ]
    for group in REFUSED:
        for number in _numbers(group.calls, machine):
            instructions += [(_IF_EQUAL, 0, 1, number), _fail(errno.EPERM)]
    for rule in ARGUMENT_RULES:
        for number in _numbers(rule.calls, machine):
            decision = _decision(rule)
            instructions += [(_IF_EQUAL, 0, len(decision), number), *decision]
    instructions.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(_packed(instruction) for instruction in instructions)


def _numbers(calls: Numbers, machine: str) -> list[int]:
    column = list(_AUDIT_ARCHITECTURES).index(machine)
    numbers = [numbers[column] for numbers in calls.values()]
    return [number for number in numbers if number is not None]


def _decision(rule: ArgumentRule) -> list[_Instruction]:
    """Return the instructions that look at an argument and decide; they always return."""
    ends = [_fail(rule.error), (_RETURN, 0, 0, _ALLOW)]
    if rule.test != "one of":
        ends.reverse()
    compare = _IF_ANY_BIT if rule.test == "without" else _IF_EQUAL
    instructions = [(_LOAD, 0, 0, _ARGUMENTS + _ARGUMENT_BYTES * rule.argument)]
    for index, value in enumerate(rule.values):
        to_last = len(rule.values) - index
        instructions.append((compare, to_last, 0, value))
    return [*instructions, *ends]


def _fail(error: int) -> _Instruction:
    return (_RETURN, 0, 0, _ERROR | error)


def _packed(instruction: _Instruction) -> bytes:
    code, if_true, if_false, value = instruction
    return struct.pack("=HBBI", code, if_true, if_false, value)
