"""The filter of system calls refuses what is listed, by the right numbers, and nothing else."""

from __future__ import annotations

import errno
import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.sandbox import seccomp
from greenbench.sandbox.seccomp import ARGUMENT_RULES, NEWEST, REFUSED, assembled

MACHINES = ("x86_64", "aarch64")
ALLOWED = 0
HEADERS = {
    "x86_64": (
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "/usr/include/asm/unistd_64.h",
    ),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}

NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
"""Flags of ``clone``."""


def verdict(machine: str, number: int, arguments: tuple[int, ...] = (), *, foreign=False) -> int:
    """Return the error that the filter gives a system call, 0 if it allows it.

    The filter is executed as the kernel does: a classic BPF program over ``struct seccomp_data``.
    """
    architecture = 0x40000003 if foreign else seccomp._AUDIT_ARCHITECTURES[machine]
    words = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, architecture, 0, *words)
    program = list(struct.iter_unpack("=HBBI", assembled(machine)))
    value, at = 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == seccomp._LOAD:
            (value,) = struct.unpack_from("<I", data, operand)
        elif code == seccomp._RETURN:
            return operand & 0xFFFF if operand & 0xFFFF0000 == seccomp._ERROR else ALLOWED
        else:
            holds = {
                seccomp._IF_EQUAL: value == operand,
                seccomp._IF_ABOVE: value > operand,
                seccomp._IF_ANY_BIT: bool(value & operand),
            }[code]
            at += if_true if holds else if_false


def numbers(machine: str) -> dict[str, int]:
    """Return all calls of the list with their numbers on a machine."""
    found = {}
    for group in (*REFUSED, *ARGUMENT_RULES):
        for name, pair in group.calls.items():
            number = pair[MACHINES.index(machine)]
            if number is not None:
                found[name] = number
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_every_listed_call_is_refused(machine: str) -> None:
    """With EPERM, whatever its arguments."""
    for group in REFUSED:
        for name in group.calls:
            if name in numbers(machine):
                assert verdict(machine, numbers(machine)[name], (1, 2, 3)) == errno.EPERM, name


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, NEWEST), argument=st.integers(0, (1 << 64) - 1))
def test_no_other_call_is_refused(machine: str, number: int, argument: int) -> None:
    """Whatever is not listed is allowed, with any argument."""
    if number not in numbers(machine).values():
        assert verdict(machine, number, (argument, argument)) == ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(NEWEST + 1, (1 << 32) - 1))
def test_calls_of_later_kernels_are_not_there(machine: str, number: int) -> None:
    """Nor are those of the x32 convention, whose numbers have a high bit."""
    assert verdict(machine, number) == errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, NEWEST))
def test_another_calling_convention_is_not_there(machine: str, number: int) -> None:
    """The numbers hold for one convention only; programs of 32 bits have others."""
    assert verdict(machine, number, foreign=True) == errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@given(family=st.integers(0, (1 << 32) - 1), above=st.integers(0, (1 << 32) - 1))
def test_sockets_are_of_three_families(machine: str, family: int, above: int) -> None:
    """The kernel reads the family from the lower half of its register, and so does the filter."""
    for name in ("socket", "socketpair"):
        error = verdict(machine, numbers(machine)[name], (above << 32 | family,))
        assert error == (ALLOWED if family in {1, 2, 10} else errno.EAFNOSUPPORT)


@pytest.mark.parametrize("machine", MACHINES)
@given(flags=st.integers(0, (1 << 32) - 1))
def test_a_new_process_gets_no_namespace(machine: str, flags: int) -> None:
    """Threads and processes are allowed; with clone3 the flags are out of sight."""
    namespaces = sum(NAMESPACES.values())
    error = verdict(machine, numbers(machine)["clone"], (flags,))
    assert error == (errno.EPERM if flags & namespaces else ALLOWED)
    assert verdict(machine, numbers(machine)["clone3"], (flags,)) == errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    """Each name of the list that the installed headers know has the number that they give."""
    headers = [Path(name) for name in HEADERS[machine] if Path(name).exists()]
    if not headers:
        pytest.skip("the kernel's headers are not installed")
    text = headers[0].read_text("utf-8")
    known = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}
    listed = numbers(machine)
    assert len(listed.keys() & known.keys()) > 40
    assert {
        name: number for name, number in listed.items() if known.get(name, number) != number
    } == {}


def test_every_group_says_why() -> None:
    """A refusal without a reason could not be reviewed."""
    assert all(len(group.reason) > 10 for group in (*REFUSED, *ARGUMENT_RULES))


def test_the_list_stands_in_the_documents() -> None:
    """docs/safety.md names every call that is refused, and why."""
    page = (Path(__file__).parents[2] / "docs/safety.md").read_text("utf-8")
    _, _, section = page.partition("## Refused system calls")
    for group in REFUSED:
        assert f"| {group.reason} |" in section
        assert all(f"`{name}`" in section for name in group.calls)
    assert all(f"`{name}`" in section for rule in ARGUMENT_RULES for name in rule.calls)


def test_a_machine_without_a_list_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says so, and ends in the record of a run."""
    seccomp.missing.cache_clear()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "", "6.1", "", "riscv64")))
    try:
        assert seccomp.missing() == "the numbers of system calls are unknown for riscv64"
        assert seccomp.kernel_filter() == b""
    finally:
        seccomp.missing.cache_clear()
