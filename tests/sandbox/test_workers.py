"""Programs in a worker reach neither its supervisor nor each other; a loss costs no result."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from sandbox.attackers import PYTHON, alive, program

from greenbench import sandbox
from greenbench.sandbox import seccomp
from greenbench.sandbox import workers as workers_module
from greenbench.sandbox.processes import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

ADD_KEY, REQUEST_KEY, KEYCTL = (
    numbers[os.uname().machine == "aarch64"] for numbers in seccomp.REFUSED[0].calls.values()
)
LOOK_AROUND = """
import os
processes = [name for name in os.listdir("/proc") if name.isdecimal()]
print(sorted(os.listdir(".")), len(processes), sorted(os.listdir("/tmp")))
"""
"""Prints what a program finds: its own file, itself and the first process of its namespace."""
NOTHING_BUT_ITSELF = "['main.py'] 2 ['main.py']\n"


def test_a_program_holds_no_descriptor_of_the_supervisor(attacks) -> None:
    """Only its own three are open; messages of the protocol on other numbers change nothing."""
    code = """
import os
print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1], flush=True)
for number in range(3, 256):
    for message in (b"ended 0\\n", b"started\\n", b"D", b"R", b"K"):
        try: os.write(number, message); print("written to", number)
        except OSError: pass
raise SystemExit(7)
"""
    hostile, next_one = attacks(program(code), program(LOOK_AROUND))
    assert (hostile.end, hostile.exit_code, hostile.stdout) == ("exit", 7, "[0, 1, 2]\n")
    assert next_one.stdout == NOTHING_BUT_ITSELF


def test_a_stolen_message_of_the_protocol_is_only_output(attacks) -> None:
    """What a program prints is its output, and its exit code is the kernel's word."""
    said = "ready\nstarted\nended 0\nD"
    code = f"import sys\nprint({said!r})\nprint({said!r}, file=sys.stderr)\nsys.exit(9)"
    hostile, next_one = attacks(program(code), program("raise SystemExit(3)"))
    assert (hostile.end, hostile.exit_code) == ("exit", 9)
    assert (hostile.stdout, hostile.stderr) == (f"{said}\n", f"{said}\n")
    assert (next_one.end, next_one.exit_code) == ("exit", 3)


def test_the_supervisor_can_be_neither_signalled_nor_traced_nor_read(attacks) -> None:
    """The supervisor and its children live on, and give nothing away."""
    code = """
import ctypes, os, signal
libc = ctypes.CDLL(None)
for pid in range(1, 20):
    if pid == os.getpid(): continue
    if libc.ptrace(16, pid, 0, 0) == 0: print("traced", pid)
    for name in ("mem", "environ", "maps", "cwd/x", *(f"fd/{n}" for n in range(20))):
        try: open(f"/proc/{pid}/{name}", "rb").read(1); print("read", pid, name)
        except OSError: pass
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
for pid in (1, os.getppid(), -1):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP if pid == 1 else 0,
                   signal.SIGKILL if pid == 1 else 0):
        try: os.kill(pid, number)
        except OSError: pass
print("here", flush=True)
raise SystemExit(5)
"""
    hostile, next_one = attacks(program(code), program(LOOK_AROUND))
    assert (hostile.end, hostile.exit_code, hostile.stdout) == ("exit", 5, "here\n")
    assert next_one.stdout == NOTHING_BUT_ITSELF


def test_a_daemon_does_not_live_to_see_the_next_program(attacks) -> None:
    """One that left its session and its pipes is dead before the next program starts."""
    token = secrets.token_hex(8)
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 99)
        while True: time.sleep(9)
    os._exit(0)
os.wait()
print("left")
"""
    hostile, next_one = attacks(program(code, token), program(LOOK_AROUND))
    assert hostile.stdout == "left\n"
    assert next_one.stdout == NOTHING_BUT_ITSELF
    assert not alive(token)


def test_nothing_is_left_for_the_next_program(attacks) -> None:
    """Neither files nor shared memory nor sockets of one program are found by the next."""
    leave = """
import ctypes, os, socket
for folder in (".", "/tmp", "/var/tmp", "/dev/shm", "/given", "/", "/proc", "/dev", "/usr/lib"):
    try: open(f"{folder}/left", "w").write("left")
    except OSError: pass
libc = ctypes.CDLL(None)
print(libc.shmget(4711, 4096, 0o1666) >= 0)
listener = socket.socket(socket.AF_UNIX); listener.bind(chr(0) + "left"); listener.listen()
os.chmod(".", 0)
"""
    find = """
import ctypes, os, socket
for folder in (".", "/tmp", "/var/tmp", "/dev/shm", "/given", "/", "/proc", "/dev", "/usr/lib"):
    if os.path.exists(f"{folder}/left"): print("found in", folder)
print(ctypes.CDLL(None).shmget(4711, 4096, 0o666) >= 0)
try: socket.socket(socket.AF_UNIX).connect(chr(0) + "left"); print("connected")
except OSError: pass
"""
    leaver, finder = attacks(program(leave), program(find))
    assert leaver.stdout == "True\n"
    assert finder.stdout == "False\n"


def test_no_key_is_left_for_the_next_program(attacks) -> None:
    """In none of the keyrings that the kernel has for a thread, a session or a user."""
    leave = f"""
import ctypes
libc = ctypes.CDLL(None)
for ring in (-1, -2, -3, -4, -5): libc.syscall({ADD_KEY}, b"user", b"left", b"left", 4, ring)
"""
    find = f"""
import ctypes
libc = ctypes.CDLL(None)
print(libc.syscall({REQUEST_KEY}, b"user", b"left", None, 0))
for ring in (-3, -4, -5): print(libc.syscall({KEYCTL}, 10, ring, b"user", b"left", 0))
"""
    _, finder = attacks(program(leave), program(find))
    assert finder.stdout == "-1\n" * 4


def test_the_shared_interpreter_cannot_be_patched(attacks) -> None:
    """Modules, caches and start-up files stay as they are for the next program."""
    patch = """
import json, os, sys
folders = [os.path.dirname(json.__file__), os.path.dirname(os.__file__), *sys.path]
for folder in folders:
    for name in ("__init__.py", "os.py", "sitecustomize.py", "usercustomize.py", "json.py"):
        try:
            open(os.path.join(folder, name), "a").write("raise SystemExit('patched')")
            if os.path.realpath(folder) != os.getcwd(): print("patched", folder)
        except OSError: pass
"""
    patcher, user = attacks(program(patch), program("import json, os; print(json.dumps([1]))"))
    assert patcher.stdout == ""
    assert (user.stdout, user.stderr) == ("[1]\n", "")


@pytest.mark.parametrize(
    "hog",
    [
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        (
            "import os, time\nfor _ in range(9): os.fork()\n"
            "x = bytearray(os.urandom(1 << 20)) * 300\ntime.sleep(9)"
        ),
        (
            "n = 0\nwhile True:\n    n += 1\n"
            "    with open(f'f{n}', 'wb') as f: f.write(bytes(1 << 20))"
        ),
        "n = 0\nwhile True:\n    n += 1\n    open(f'f{n}', 'w').close()",
    ],
    ids=["processes", "memory", "disk", "files"],
)
def test_the_next_program_is_not_starved(attacks, hog: str) -> None:
    """After one that took all it could get, the next has processes, memory and scratch as ever."""
    need = """
import os, time
children = 0
for _ in range(10):
    if os.fork() == 0:
        time.sleep(0.2); os._exit(0)
    children += 1
x = bytearray(os.urandom(1 << 20)) * 200
for n in range(20):
    with open(f"f{n}", "wb") as file: file.write(bytes(1 << 20))
print(children, len(x) >> 20)
"""
    hungry, next_one = attacks(
        program(hog, wall_seconds=1, total_bytes=512 << 20),
        program(need, total_bytes=512 << 20),
    )
    assert (hungry.end, hungry.exit_code) != ("exit", 0)
    assert (next_one.stdout, next_one.stderr) == ("10 200\n", "")


def test_as_root_every_program_has_a_user_of_its_own(attacks) -> None:
    """No two programs of a worker share a uid that is not the caller's."""
    first, second = attacks(
        program("import os; print(os.getuid())"), program("import os; print(os.getuid())")
    )
    if first.isolation["user"] == "uid of its own":
        assert first.stdout != second.stdout
        assert "0\n" not in {first.stdout, second.stdout}


# --- Workers that are lost ------------------------------------------------------------------------


@pytest.fixture
def workers():
    """Yield workers of a Python that every user can start; nothing of theirs is left afterwards."""
    if PYTHON is None:
        pytest.skip("there is no Python that every user can start")
    with tempfile.TemporaryDirectory(prefix="workers-test-") as name:
        place = Path(name)
        place.chmod(0o711)
        before, tempfile.tempdir = tempfile.tempdir, name
        try:
            with sandbox.Workers(PYTHON) as pool:
                pool.run([PYTHON, "-c", ""], files={})
                yield pool
        finally:
            tempfile.tempdir = before
        assert list(place.iterdir()) == []


def _supervisor(pool: sandbox.Workers) -> int:
    """Return the process that a program's worker runs as."""
    ((worker,),) = pool._idle.values()
    (supervisor,) = children(worker._process.pid)
    return supervisor


def test_one_worker_runs_many_programs(workers: sandbox.Workers) -> None:
    """Programs after each other take the same supervisor."""
    first = _supervisor(workers)
    outputs = [workers.run([PYTHON, "-c", f"print({n})"], files={}).stdout for n in range(3)]
    assert outputs == ["0\n", "1\n", "2\n"]
    assert _supervisor(workers) == first
    assert workers.losses == []


def test_a_program_whose_supervisor_dies_is_run_again(workers: sandbox.Workers) -> None:
    """Its result is that of a sandbox of its own, and the loss has a reason."""
    supervisor = _supervisor(workers)
    timer = threading.Timer(0.2, os.kill, (supervisor, signal.SIGKILL))
    timer.start()
    result = workers.run([PYTHON, "-c", "import time; time.sleep(0.4); print('right')"], files={})
    assert (result.end, result.stdout) == ("exit", "right\n")
    assert workers.losses == ["the supervisor's processes ended without a report"]


def test_an_idle_worker_that_died_is_replaced(workers: sandbox.Workers) -> None:
    """The next program has its result all the same, and the one after it a new worker."""
    os.kill(_supervisor(workers), signal.SIGKILL)
    assert workers.run([PYTHON, "-c", "print(1)"], files={}).stdout == "1\n"
    assert len(workers.losses) == 1
    assert workers.run([PYTHON, "-c", "print(2)"], files={}).stdout == "2\n"
    assert len(workers.losses) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a process there")
def test_a_worker_with_a_process_left_in_it_is_thrown_away(workers: sandbox.Workers) -> None:
    """The supervisor looks around after each program, and leaves if it is not alone."""
    namespace = f"--pid=/proc/{_supervisor(workers)}/ns/pid"
    foreign = subprocess.Popen(["nsenter", namespace, "--", "sleep", "60"])
    time.sleep(0.3)
    result = workers.run([PYTHON, "-c", "print('right')"], files={})
    foreign.kill()
    foreign.wait()
    assert result.stdout == "right\n"
    assert workers.losses == ["the supervisor found a process that was left, or has gone"]


def test_stopped_wrappers_are_killed_too(workers: sandbox.Workers) -> None:
    """A sandbox ends in a limited time, even if the processes that wait for it are stopped."""
    ((worker,),) = workers._idle.values()
    supervisor = os.pidfd_open(_supervisor(workers))
    os.killpg(worker._process.pid, signal.SIGSTOP)
    worker.close()
    assert worker._process.returncode == -signal.SIGKILL
    assert select.select([supervisor], [], [], 0)[0], "the supervisor lives"
    os.close(supervisor)


def test_what_is_no_python_does_not_start_a_worker() -> None:
    """The reason is kept, and the program is run in a sandbox of its own."""
    with sandbox.Workers("/usr/bin/true") as pool:
        assert pool.run(["/usr/bin/true"], files={}).end == "exit"
        assert pool.losses == ["the supervisor does not start: "]


def test_other_commands_are_run_alone(workers: sandbox.Workers) -> None:
    """A worker is for its interpreter; the shell starts none."""
    assert workers.run(["sh", "-c", "echo 1"], files={}).stdout == "1\n"
    assert len(workers._idle) == 1


def test_after_some_losses_programs_run_alone(
    workers: sandbox.Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine on which workers do not last is served by sandboxes that do."""

    def lost(*_: object) -> None:
        raise workers_module.WorkerLostError("broken by a test")

    monkeypatch.setattr(workers_module.Worker, "run", lost)
    for _ in range(5):
        assert workers.run([PYTHON, "-c", "print(1)"], files={}).stdout == "1\n"
    assert workers.losses == ["broken by a test"] * 3


def test_workers_die_with_their_caller(tmp_path: Path) -> None:
    """A caller that is killed leaves neither a supervisor nor a program."""
    token = secrets.token_hex(8)
    script = (
        "import sys; from greenbench import sandbox\n"
        "with sandbox.Workers(sys.argv[1]) as workers:\n"
        "    workers.run([sys.argv[1], '-c', 'import time; time.sleep(99)', sys.argv[2]], files={})"
    )
    tmp_path.chmod(0o711)
    caller = subprocess.Popen(
        [sys.executable, "-c", script, str(PYTHON), token],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
    )
    assert _becomes(lambda: alive(f"time.sleep(99)\0{token}"))
    caller.kill()
    caller.wait()
    assert _becomes(lambda: not alive(token))


def _becomes(condition) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()
