"""Hostile programs do no harm, whatever isolates them, alone or in a worker.

They are started by root and by an ordinary user. Each test looks for the harm itself from outside:
a secret in the output, a canary that changed, a process that lives.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandbox.attackers import NOBODY, SECRET, alive

from greenbench.sandbox import seccomp

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the sandbox is made of Linux's tools"
)


def test_endless_loops_and_sleeps_are_ended(attack) -> None:
    """One that works runs out of processor time, one that waits out of wall clock."""
    assert attack("while True: pass", cpu_seconds=1).end == "timeout"
    assert attack("import time; time.sleep(99)", wall_seconds=0.5).end == "timeout"


def test_a_fork_bomb_fills_its_own_place(attack) -> None:
    """Forks fail soon, and none is left."""
    token = secrets.token_hex(8)
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert attack(code, token, wall_seconds=1).end == "timeout"
    assert not alive(token)


def test_ten_gigabytes_are_not_to_be_had(attack) -> None:
    """Not at once, and not by many processes together where a control group can be made."""
    assert attack("x = bytearray(10 << 30)").end == "memory"
    code = """
import os, time
for _ in range(9):
    if os.fork() == 0: break
x = bytearray(os.urandom(1 << 20)) * 200
time.sleep(1)
print("held")
"""
    together = attack(code, total_bytes=256 << 20, wall_seconds=8, cpu_seconds=8)
    if together.isolation["sums"] == "control group":
        assert together.stdout.count("held") <= 1
    else:
        assert together.isolation["sums"].startswith("not limited")


def test_ten_gigabytes_are_not_to_be_written(attack) -> None:
    """Neither in one file nor in many: both end at the limit, and the disk stays as it is."""
    one = "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 20)); f.flush()"
    assert "File too large" in attack(one).stderr
    many = """
written = 0
try:
    for n in range(20000):
        with open(f"f{n}", "wb") as f: written += f.write(bytes(1 << 20))
except OSError as error: print(written >> 20, error.strerror)
"""
    megabytes, why = attack(many, scratch_bytes=8 << 20).stdout.split(maxsplit=1)
    assert int(megabytes) <= 8
    assert why.strip() == "No space left on device"


def test_endless_output_is_cut(attack) -> None:
    """What it says ends at the limit."""
    ran = attack("while True: print('x' * 1000)", output_bytes=10_000)
    assert (ran.end, len(ran.stdout)) == ("output", 10_000)


def test_homes_and_environments_are_out_of_sight(attack, site: Path) -> None:
    """A secret in the caller's home and environment, which all may read, is nowhere.

    Nor are other homes, or accounts.
    """
    code = f"""
import os, pathlib
processes = [p for p in os.listdir("/proc") if p.isdecimal()]
tried = [{str(site / "home/key")!r}, "/etc/passwd", "/etc/shadow"]
tried += [f"/proc/{{p}}/environ" for p in processes]
for path in tried:
    try: print(path, open(path).read())
    except OSError: pass
folders = ["/home", "/root", {str(site)!r}, "/sys", "/run", "/var/lib", "/mnt"]
for folder in (*folders, "/proc/1/root", "/proc/1/cwd"):
    try: print(folder, os.listdir(folder))
    except OSError: pass
print(dict(os.environ))
"""
    output = attack(code).stdout
    assert SECRET not in output
    assert "HOME" in output
    assert "root:" not in output
    assert not [
        line
        for line in output.splitlines()
        if line.startswith(("/home", "/root", "/sys", "/run", "/mnt", str(site)))
    ]


def test_no_socket_leads_out(attack, site: Path) -> None:
    """Listeners on loopback, an abstract name and a path wait in vain, and no datagram leaves."""
    name = f"greenbench-{secrets.token_hex(4)}"
    listeners = [
        socket.create_server(("127.0.0.1", 0)),
        socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_UNIX),
    ]
    listeners[1].bind(f"\0{name}")
    listeners[2].bind(str(site / name))
    (site / name).chmod(0o777)
    for listener in listeners:
        listener.listen()
        listener.settimeout(0.2)
    code = f"""
import socket
tried = [(socket.AF_INET, ("127.0.0.1", {listeners[0].getsockname()[1]})),
         (socket.AF_UNIX, chr(0) + {name!r}), (socket.AF_UNIX, {str(site / name)!r}),
         (socket.AF_INET, ("192.0.2.1", 9))]
for family, address in tried:
    try:
        with socket.socket(family) as s:
            s.settimeout(0.5); s.connect(address); print("reached", address)
    except OSError as error: print(type(error).__name__)
"""
    ran = attack(code)
    assert "reached" not in ran.stdout
    assert len(ran.stdout.split()) == 4
    for listener in listeners:
        with pytest.raises(TimeoutError):
            listener.accept()
        listener.close()


def test_other_processes_can_be_neither_killed_nor_traced(attack) -> None:
    """A bystander of the same user and the caller live on, and neither can be attached to.

    They are not even in sight.
    """
    drop = (
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if os.geteuid() == 0
        else []
    )
    with subprocess.Popen([*drop, "sleep", "60"]) as bystander:
        code = f"""
import ctypes, os, signal
libc = ctypes.CDLL(None)
print("traced", [p for p in ({bystander.pid}, {os.getpid()}) if libc.ptrace(16, p, 0, 0) == 0])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for pid in (-1, {bystander.pid}, {os.getpid()}, os.getppid(), 1):
    try: os.kill(pid, signal.SIGTERM)
    except OSError: pass
print("here")
"""
        ran = attack(code)
        assert ran.stdout == "traced []\nhere\n"
        assert bystander.poll() is None
        bystander.kill()


def test_nothing_is_written_outside_the_scratch(attack, site: Path) -> None:
    """Folders that all may write stay as they are, and links out of the scratch lead nowhere."""
    canary, name = site / "home/canary", secrets.token_hex(8)
    canary.write_text("sings")
    canary.chmod(0o666)
    code = f"""
import os
os.symlink({str(canary)!r}, "link"); os.symlink("/etc", "folder"); os.symlink("/", "root")
places = ["/", "/usr", "/usr/bin", "/etc", "/dev", "/dev/shm", "/proc", "/given", "/tmp"]
places += ["/var/tmp", "/home", "/root", {str(site)!r}, "folder", "root"]
for path in ("link", {str(canary)!r}, *(f"{{p}}/{name}" for p in places)):
    try:
        open(path, "w").write("taken")
        print(os.path.realpath(path))
    except OSError: pass
"""
    output = attack(code).stdout.split()
    assert all(path.startswith("/scratch/") for path in output), output
    assert canary.read_text() == "sings"
    for place in (
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/dev",
        "/dev/shm",
        "/tmp",
        "/var/tmp",
        str(site),
    ):
        assert not Path(place, name).exists()


def test_a_daemon_does_not_outlive_its_program(attack) -> None:
    """Whoever leaves its session, its folder and its output is dead all the same."""
    token = secrets.token_hex(8)
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 99)
        time.sleep(99)
    os._exit(0)
os.wait()
time.sleep(0.2)
print("left")
"""
    started = time.monotonic()
    assert attack(code, token).stdout == "left\n"
    assert time.monotonic() - started < 60
    assert not alive(token)


def test_a_program_that_stops_others_does_not_hold_its_caller(attack) -> None:
    """Whomever it stops, with whichever signal, it is ended in time and nothing of it is left."""
    token = secrets.token_hex(8)
    code = """
import os, signal, time
for name in ("SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGSTOP"):
    for target in (os.getppid(), 1, -1, 0):
        try: os.kill(target, getattr(signal, name))
        except OSError: pass
time.sleep(99)
"""
    ran = attack(code, token, wall_seconds=0.5)
    assert (ran.end, ran.signal) == ("timeout", None)
    assert not alive(token)


def test_no_new_powers_are_to_be_had(attack) -> None:
    """No capability, no user namespace to get some in, no mount, no device, and no root."""
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
mounted = libc.mount(b"none", b"/scratch", b"tmpfs", 0, 0)
print(libc.unshare(0x10000000), libc.unshare(0x00020000), mounted, libc.chroot(b"/scratch"))
try: os.mknod("disk", 0o60666, os.makedev(254, 0)); print("device")
except OSError: pass
names = ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs")
print([line.split()[1] for line in open("/proc/self/status") if line.startswith(names)])
"""
    powers, lists = attack(code).stdout.strip().split("\n")
    assert powers == "-1 -1 -1 -1"
    effective, permitted = (word.strip("[]', ") for word in lists.split()[:2])
    assert {effective, permitted} == {"0" * 16}
    assert "'1'" in lists


LISTED = {
    name: numbers[os.uname().machine == "aarch64"]
    for group in (*seccomp.REFUSED, *seccomp.ARGUMENT_RULES)
    for name, numbers in group.calls.items()
}
"""System calls of the filter's list and their numbers here."""
needs_filter = pytest.mark.skipif(bool(seccomp.missing()), reason=seccomp.missing())


@needs_filter
def test_listed_system_calls_are_refused(attack) -> None:
    """In the sandbox itself, by the kernel; the record says that they are filtered."""
    names = [name for group in seccomp.REFUSED for name in group.calls if LISTED[name] is not None]
    code = f"""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {[(name, LISTED[name]) for name in names]}:
    result = libc.syscall(number, 0, 0, 0, 0, 0, 0)
    if (result, ctypes.get_errno()) != (-1, errno.EPERM): print(name, result)
print("done")
"""
    ran = attack(code)
    assert ran.stdout == "done\n", ran.stderr
    assert ran.isolation["system_calls"] == "filtered"


@needs_filter
def test_system_calls_are_refused_by_their_arguments(attack) -> None:
    """Sockets of virtual machines and of the kernel, new namespaces, typing into a terminal.

    What programs need goes on to work.
    """
    code = f"""
import ctypes, errno, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def error(name, *arguments):
    result = libc.syscall({LISTED}.get(name, name), *arguments)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else "allowed"
print(*(error("socket", family, 1, 0) for family in (40, 38, 16, 17)))
print(error("clone", 0x10000011, 0, 0, 0, 0), error("clone3", 0, 0), error(470), error(1 << 30))
print(error("ioctl", 0, 0x5412, b"x"), error("ioctl", 0, (1 << 32) + 0x5412, b"x"))
print(error("personality", 0x0040000), error("personality", 0xFFFFFFFF))
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
    socket.socket(family).close()
thread = threading.Thread(target=print, args=("a thread",)); thread.start(); thread.join()
sys.stdout.flush()
if os.fork() == 0: os.execvp("sh", ["sh", "-c", "echo a shell"])
os.wait()
"""
    assert attack(code).stdout.splitlines() == [
        "EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT",
        "EPERM ENOSYS ENOSYS ENOSYS",
        "EPERM EPERM",
        "EPERM allowed",
        "a thread",
        "a shell",
    ]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other processors have no int 0x80")
def test_system_calls_of_32_bits_are_refused(attack) -> None:
    """They have numbers of their own, by which keys could be reached (288 is keyctl there)."""
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b820010000cd80c3"))  # eax = 288; int 0x80; return
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
"""
    ran = attack(code)
    assert ran.stdout == "-38\n" or ran.signal == "SIGSEGV"  # as on kernels without 32 bits


def test_keys_of_the_caller_cannot_be_read(attack) -> None:
    """A key of the caller's session can be neither found nor read nor seen in a list."""
    code = f"""
import ctypes
libc = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(100)
KEYCTL, REQUEST, ADD = {LISTED["keyctl"]}, {LISTED["request_key"]}, {LISTED["add_key"]}
found = [libc.syscall(REQUEST, b"user", b"callers-key", None, 0)]
found += [libc.syscall(KEYCTL, 10, ring, b"user", b"callers-key", 0) for ring in (-3, -4, -5)]
for key in found:
    if libc.syscall(KEYCTL, 11, key, buffer, 100) > 0: print(buffer.value)
for path in ("/proc/keys", "/proc/key-users"):
    try: print(open(path).read())
    except OSError: pass
"""
    assert attack(code).stdout.strip() == ""


def test_empty_files_are_limited_too(attack) -> None:
    """Each takes memory of the kernel, which no limit of a process counts."""
    code = """
files = 0
try:
    while files < 100_000: open(f"f{files}", "w").close(); files += 1
except OSError as error: print(files, error.strerror)
"""
    files, why = attack(code, wall_seconds=20, cpu_seconds=10).stdout.split(maxsplit=1)
    assert int(files) < 16_384
    assert why.strip() == "No space left on device"


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++ on PATH")
@pytest.mark.parametrize(
    "text",
    [
        '#include "/dev/zero"\n',
        "template <int n> struct A { A<n + 1> a; A<n + 2> b; };\nA<0> a;\nint main() {}\n",
    ],
    ids=["reads zeros", "recurses"],
)
def test_a_compiler_bomb_stays_within_limits(attack, text: str) -> None:
    """A compiler that is led astray ends at a limit, or by its own."""
    limits = {"wall_seconds": 45, "cpu_seconds": 1, "file_bytes": 8 << 20, "output_bytes": 1 << 16}
    command = (
        str(shutil.which("g++")),
        "-ftemplate-depth=1000000",
        "-c",
        "bomb.cpp",
        "-o",
        "bomb.o",
    )
    ran = attack("", command=command, files={"bomb.cpp": text}, **limits)
    assert (ran.end, ran.exit_code) != ("exit", 0)
    assert ran.seconds < 45
