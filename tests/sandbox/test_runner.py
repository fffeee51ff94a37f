"""A program gets its inputs and no more, ends with the right reason, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench import sandbox
from greenbench.errors import UnavailableError, UsageError
from greenbench.sandbox import runner
from greenbench.sandbox import workers as workers_module
from greenbench.sandbox.records import Backend

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of util-linux")

RUN = {"run": partial(sandbox.run, unsafe=True)}
"""How the test at hand runs its programs."""
SHORT = sandbox.Limits(wall_seconds=0.6, cpu_seconds=5)
PATIENT = sandbox.Limits(wall_seconds=90, cpu_seconds=1)
"""On a busy machine a second of processor time may take many of the clock's."""
SOON = 30
"""Seconds that no run here takes on any machine, unless it waits for a program that sleeps 99."""
BACKENDS = [
    ("bubblewrap", "alone"),
    ("bubblewrap", "worker"),
    ("namespaces", "alone"),
    ("namespaces", "worker"),
    ("none", "alone"),
]


def only(*backends: tuple[str, str]):
    """Mark a test that needs no other of ``BACKENDS``: they would walk the same way."""
    return pytest.mark.parametrize("backend", backends, indirect=True, ids="-".join)


IN_ONE = only(("none", "alone"))
"""What holds before a program starts, or by the kernel, whatever isolates the program."""
ALONE = only(*(backend for backend in BACKENDS if backend[1] == "alone"))
"""Programs that no worker takes."""


@pytest.fixture(
    params=BACKENDS,
    ids="-".join,
    autouse=True,
)
def backend(
    request,
    monkeypatch: pytest.MonkeyPatch,
    workers: SimpleNamespace,
    no_folder_is_left: None,  # noqa: ARG001 - in force before workers get a folder of their own
):
    """Each test runs with each kind of isolation, and in workers.

    Some machines allow the weakest alone.
    """
    kind, path = request.param
    chosen = Backend(kind=kind, own_uid=os.geteuid() == 0, reason="forced by a test")
    if (failed := failure(chosen)) is not None:
        pytest.skip(f"no {kind} here: {failed}")
    monkeypatch.setattr(runner, "_backend", lambda: chosen)
    monkeypatch.setattr(workers_module, "allowed_backend", lambda **_: chosen)
    if path == "alone":
        yield chosen
        return
    pool = workers.kinds.setdefault(kind, sandbox.Workers(python_for(chosen)))
    monkeypatch.setitem(RUN, "run", pool.run)
    monkeypatch.setattr(tempfile, "tempdir", str(workers.place))
    yield chosen
    assert pool.losses == []


@pytest.fixture(scope="module")
def workers():
    """Keep the workers of each kind for all tests, and end them after the last."""
    kinds: dict[str, sandbox.Workers] = {}
    with temporary_folder() as place:
        kinds_and_place = SimpleNamespace(kinds=kinds, place=place)
        yield kinds_and_place
        for pool in kinds.values():
            pool.__exit__(None, None, None)


@cache
def failure(backend: Backend) -> str | None:
    """Try a backend, once."""
    if backend.kind == "bubblewrap" and shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    return runner._failure(backend)


@cache
def python_for(backend: Backend) -> str:
    """Find an interpreter that the program's user can reach."""
    for path in filter(None, (sys.executable, shutil.which("python3", path="/usr/bin:/bin"))):
        try:
            sandbox.run([path, "-c", ""], files={}, unsafe=True)
        except UnavailableError:
            continue
        return path
    pytest.skip(f"no Python that the program's user can reach: {backend}")


def ran(code: str, *arguments: str, **more) -> sandbox.Ran:
    """Run a Python program in the backend of this test."""
    files = {"main.py": code, **more.pop("files", {})}
    return RUN["run"]([python_for(runner._backend()), "main.py", *arguments], files=files, **more)


def alive(token: str) -> list[str]:
    """Return the processes, zombies apart, with ``token`` on their command line."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and process.name != str(os.getpid()):
            try:
                line = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            found += [line] if token in line else []
    return found


@pytest.fixture
def token() -> str:
    """Make a word that marks the processes of one run."""
    return f"token-{uuid.uuid4().hex}"


@contextmanager
def temporary_folder():
    """Yield a folder for temporary files, which has to be empty at the end."""
    place = Path(tempfile.mkdtemp(prefix="sandbox-test-"))
    place.chmod(0o711)
    yield place
    left = list(place.iterdir())
    shutil.rmtree(place)
    assert left == []


@pytest.fixture
def no_folder_is_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """After every test, the folder for temporary files is as empty as before, whatever happened."""
    tmp_path_factory.getbasetemp()  # pytest's own folder stays where it was
    with temporary_folder() as place:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        yield  # workers have a folder of their own, which is looked at last


@only(("none", "alone"), ("bubblewrap", "worker"))
def test_an_endless_loop_runs_out_of_processor_time() -> None:
    """A busy program ends by its processor time long before the wall clock.

    So do those of ``test_attacks``, in each isolation.
    """
    result = ran("while True: pass", limits=PATIENT)
    assert (result.end, result.exit_code, result.signal) == ("timeout", None, "SIGXCPU")
    assert result.seconds > 0.9


@IN_ONE
def test_who_ignores_the_warning_is_killed_for_processor_time() -> None:
    """Ignoring SIGXCPU buys one second, and the reason stays the same."""
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    result = ran(code, limits=PATIENT)
    assert (result.end, result.signal) == ("timeout", "SIGKILL")


def test_a_sleeper_is_ended_by_the_wall_clock(token: str) -> None:
    """A program that waits takes no processor time and is ended all the same."""
    result = ran("import time; print('here', flush=True); time.sleep(99)", token, limits=SHORT)
    assert (result.end, result.exit_code, result.signal, result.stdout) == (
        "timeout",
        None,
        None,
        "here\n",
    )
    assert result.seconds < SOON
    assert alive(token) == []


@only(("none", "alone"), ("bubblewrap", "worker"))
def test_a_sleeper_with_shut_output_is_ended_too() -> None:
    """Shutting stdout and stderr does not look like an end."""
    assert (
        ran("import os, time; os.close(1); os.close(2); time.sleep(99)", limits=SHORT).end
        == "timeout"
    )


def test_a_huge_allocation_ends_for_memory() -> None:
    """Ten gigabytes are refused, and the refusal has its name."""
    result = ran("x = bytearray(10 << 30)")
    assert (result.end, result.exit_code) == ("memory", 1)
    assert "MemoryError" in result.stderr


def test_memory_without_a_limit() -> None:
    """None leaves address space alone, as a JVM needs it; the default does not."""
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0])"
    unlimited = resource.getrlimit(resource.RLIMIT_AS)[1]
    assert ran(code, limits=sandbox.Limits(memory_bytes=None)).stdout == f"{unlimited}\n"
    assert ran(code).stdout == f"{512 << 20}\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_is_cut(stream: str) -> None:
    """A program that does not stop talking is ended at the limit of the stream it talks on."""
    code = f"import sys\nwhile True: sys.{stream}.write('x' * 1000)"
    result = ran(code, limits=sandbox.Limits(output_bytes=5000))
    assert (result.end, result.exit_code) == ("output", None)
    assert getattr(result, stream) == "x" * 5000


def test_output_of_just_the_limit_is_allowed() -> None:
    """The limit itself is not too much."""
    result = ran("print('x' * 4999)", limits=sandbox.Limits(output_bytes=5000))
    assert (result.end, len(result.stdout)) == ("exit", 5000)


@only(("namespaces", "alone"), ("namespaces", "worker"), ("none", "alone"))
def test_a_fork_bomb_is_contained(token: str) -> None:
    """Processes that only multiply reach their limit, end with the wall clock, and none is left.

    ``test_attacks`` has those in bubblewrap.
    """
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    result = ran(code, token, limits=SHORT)
    assert result.end == "timeout"
    assert alive(token) == []


def test_processes_are_counted(backend: Backend) -> None:
    """Not more than the limit exist at once; a user's own, where they count, are allowed for."""
    code = """
import os, time
started = 1
try:
    while started < 2000:
        if os.fork() == 0:
            time.sleep(99)
        started += 1
except OSError:
    print(started, flush=True)
"""
    result = ran(code, limits=sandbox.Limits(processes=5, wall_seconds=5))
    if backend.own_uid or backend.isolates:
        assert int(result.stdout) == 5
    else:
        assert 1 <= int(result.stdout) < 200


def test_a_daemon_is_dead_afterwards(token: str) -> None:
    """A grandchild in a session of its own, with its output shut, ends with the program."""
    code = """
import os, time
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.closerange(0, 3)
        os.write(writer, b"x")
        time.sleep(99)
    os._exit(0)
print(os.read(reader, 1))
"""
    result = ran(code, token)
    assert (result.end, result.stdout) == ("exit", "b'x'\n")
    assert result.seconds < SOON
    assert alive(token) == []


def test_a_daemon_that_holds_the_pipes_does_not_hold_us(token: str) -> None:
    """The run is over when the program is, whoever still has its output."""
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(99)"
    result = ran(code, token)
    assert result.end == "exit"
    assert result.seconds < SOON
    assert alive(token) == []


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM"])
def test_a_signal_has_its_name(name: str) -> None:
    """A program that a signal ends did not exit, and nobody comments on its stderr."""
    result = ran(f"import os, signal; os.kill(os.getpid(), signal.{name})")
    assert (result.end, result.exit_code, result.signal, result.stderr) == (
        "signal",
        None,
        name,
        "",
    )


def test_a_real_segmentation_fault() -> None:
    """Reading address 0 is a SIGSEGV."""
    assert ran("import ctypes; ctypes.string_at(0)").signal == "SIGSEGV"


def test_an_exit_code_comes_through() -> None:
    """A program that fails by itself ended with "exit", its code and its traceback."""
    result = ran("print('out'); raise SystemExit(7)")
    assert (result.end, result.exit_code, result.signal, result.stdout) == (
        "exit",
        7,
        None,
        "out\n",
    )
    assert "ValueError: no" in ran("raise ValueError('no')").stderr


def test_files_are_there_and_nothing_else() -> None:
    """The working directory holds the files, is HOME and TMPDIR, and can be written."""
    code = """
import os, tempfile
print(sorted(os.listdir()), open("in/a b.txt").read())
print({os.getcwd()} == {os.environ["HOME"], os.environ["TMPDIR"], tempfile.gettempdir()})
open("in/new", "w").write("x")
"""
    result = ran(code, files={"in/a b.txt": "héllo"})
    assert (result.stdout, result.stderr) == ("['in', 'main.py'] héllo\nTrue\n", "")


def test_a_folder_shut_by_the_program_is_removed() -> None:
    """Folders without permissions do not stay behind, as the fixture of all tests checks."""
    code = "import os\nos.makedirs('a/b')\nopen('a/b/c', 'w').close()\n"
    code += "os.chmod('a/b', 0)\nos.chmod('a', 0)\nos.chmod('.', 0)"
    assert ran(code).end == "exit"


def test_big_files_are_refused() -> None:
    """A file ends at the limit."""
    result = ran(
        "with open('f', 'w') as file: file.write('x' * 5000)",
        limits=sandbox.Limits(file_bytes=4096),
    )
    assert "File too large" in result.stderr


def test_temporary_folders_are_left_clean(token: str, backend: Backend) -> None:
    """Files in the shared temporary folders are not seen, and those written there are gone."""
    if not backend.isolates:
        pytest.skip("needs a mount namespace")
    folders = [
        d for d in ("/tmp", "/var/tmp") if not Path(python_for(backend)).is_relative_to(d)
    ]  # its own installation is shown
    code = f"import sys\nfor d in {folders}:\n    open(f'{{d}}/{{sys.argv[1]}}', 'w').close()\n"
    code += "print('done')"
    assert ran(code, token).stdout == "done\n"
    assert not [d for d in ("/tmp", "/var/tmp", "/dev/shm") if Path(d, token).exists()]


def test_stdin_is_passed_and_ends() -> None:
    """The program reads all of the text and then the end."""
    assert ran("import sys; print(len(sys.stdin.read()))", stdin="x" * 300_000).stdout == "300000\n"
    assert ran("import sys; print(repr(sys.stdin.read()))").stdout == "''\n"


def test_stdin_may_be_left_unread() -> None:
    """A program that does not read its input is no error."""
    assert ran("print('bye')", stdin="x" * 300_000).stdout == "bye\n"


@IN_ONE
@settings(max_examples=8, deadline=None)
@given(text=st.text(max_size=200), typed=st.text(max_size=200))
def test_text_comes_back(text: str, typed: str) -> None:
    """Any text in a file or on stdin comes out as it went in."""
    assert _catted(text, typed) == text + typed


def _catted(text: str, typed: str) -> str:
    return sandbox.run(["cat", "näme", "-"], files={"näme": text}, stdin=typed, unsafe=True).stdout


def test_output_that_is_not_text_is_replaced() -> None:
    """Bytes that are not UTF-8 do not raise."""
    assert ran("import os; os.write(1, bytes([255, 10]))").stdout == "\ufffd\n"


def test_the_environment_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the caller is nowhere in the program's environment."""
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    names = ran("import os; print(*sorted(os.environ))").stdout.split()
    assert set(names) <= {
        "PATH",
        "LANG",
        "HOME",
        "TMPDIR",
        "PYTHONHASHSEED",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LC_CTYPE",
    }


def test_descriptors_and_privileges_are_shut() -> None:
    """No other open file comes along, not even an inheritable one, and no capability."""
    handle = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(handle, True)  # noqa: FBT003
    code = "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])\n"
    code += "print(open('/proc/self/status').read())"
    result = ran(code)
    os.close(handle)
    assert result.stdout.startswith("['0', '1', '2']\n")
    assert "NoNewPrivs:\t1" in result.stdout
    assert "CapEff:\t0000000000000000" in result.stdout


def test_there_is_no_network(backend: Backend) -> None:
    """A listener of the caller on loopback cannot be reached where the result says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = ran(
            f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('reached')"
        )
    if result.isolation.network != "unshared":
        assert result.isolation.network == f"not isolated: {backend.reason}"
        pytest.skip(result.isolation.network)
    assert (result.exit_code, result.stdout) == (1, "")


def test_isolation_is_recorded_as_it_is(backend: Backend) -> None:
    """The uid and the processes in sight are those that the record claims."""
    result = ran(
        "import os; print(os.getuid(), len([p for p in os.listdir('/proc') if p.isdecimal()]))"
    )
    uid, seen = map(int, result.stdout.split())
    assert (
        (result.isolation.user == "uid of its own")
        == (uid not in {0, os.getuid()})
        == backend.own_uid
    )
    assert (result.isolation.processes == "pid namespace") == (seen <= 3)


def test_many_at_once(token: str, backend: Backend) -> None:
    """Runs from several threads do not meet.

    Each has its own text, folder and count of processes.
    """
    code = "import os, sys\nif os.fork() == 0: os._exit(0)\nos.wait()\n"
    code += "print(sys.stdin.read(), len(os.listdir()))"
    with ThreadPoolExecutor(4) as pool:
        limits = sandbox.Limits(processes=3 if backend.own_uid or backend.isolates else 30)
        results = list(pool.map(lambda n: ran(code, token, stdin=str(n), limits=limits), range(6)))
    assert [(r.end, r.stdout) for r in results] == [("exit", f"{n} 1\n") for n in range(6)]
    assert alive(token) == []


def test_ctrl_c_ends_the_program_and_goes_on(token: str) -> None:
    """KeyboardInterrupt reaches the caller after the tree is dead and the folder gone."""
    python_for(runner._backend())
    timer = threading.Timer(
        0.2, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    )
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ran("import time; time.sleep(99)", token)
    assert alive(token) == []


@ALONE
def test_a_program_dies_with_its_caller(token: str, tmp_path: Path) -> None:
    """A caller that is killed cannot clear away its folder, but no program runs on."""
    script = (
        "import sys; from greenbench import sandbox\n"
        "from greenbench.sandbox import runner, records\n"
        f"backend = records.{runner._backend()!r}; runner._backend = lambda: backend\n"
        "command = [sys.argv[1], '-c', 'import time; time.sleep(99)', sys.argv[2]]\n"
        "sandbox.run(command, files={}, unsafe=True)"
    )
    command = [sys.executable, "-c", script, python_for(runner._backend()), token]
    caller = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, cwd=Path(__file__).parents[2]
    )
    tmp_path.chmod(0o711)
    assert _becomes(
        lambda: any(
            line.startswith(python_for(runner._backend())) and "time.sleep(99)\0" in line
            for line in alive(token)
        )
    )
    caller.kill()
    caller.wait()
    assert _becomes(lambda: alive(token) == [])


def _becomes(condition) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@IN_ONE
@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "."])
def test_a_file_stays_inside(name: str) -> None:
    """A name that leads out of the folder is refused before anything is written."""
    with pytest.raises(UsageError, match="inside the program's folder"):
        sandbox.run(["true"], files={name: ""})


@IN_ONE
@pytest.mark.parametrize("command", [[], ["no-such-command-at-all"]])
def test_a_command_has_to_be_there(command: list[str]) -> None:
    """What cannot be run is the caller's mistake, not a result."""
    with pytest.raises(UsageError, match="not there"):
        sandbox.run(command, files={})


@pytest.fixture
def say(tmp_path: Path):
    """Put a copy of echo behind a folder that only its owner may pass."""
    place = Path(__file__).parent if os.access(Path(__file__).parent, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=place, prefix=".shut-") as shut:
        program = Path(shut) / "installed" / "bin" / "say"
        program.parent.mkdir(parents=True)
        shutil.copy(str(shutil.which("echo")), program)
        yield program


@ALONE
def test_a_closed_folder_is_replaced_in_view(say: Path, backend: Backend) -> None:
    """A command behind a closed folder runs, where a namespace or the caller's uid allows it."""
    if backend.own_uid and not backend.isolates:
        pytest.skip("another user cannot be let in without a mount namespace")
    assert sandbox.run([str(say), "hi"], files={}, unsafe=True).stdout == "hi\n"


@ALONE
def test_what_the_user_cannot_reach_is_no_result(say: Path, backend: Backend) -> None:
    """A command that the program's user may not reach is an error, not an exit code."""
    if not backend.own_uid:
        pytest.skip("the caller's uid reaches what the caller reaches")
    say.parent.chmod(0o700)
    with pytest.raises(UnavailableError, match="cannot be reached by the program's user"):
        sandbox.run([str(say), "hi"], files={}, unsafe=True)


def test_what_is_shown_can_be_read_and_not_written(tmp_path: Path, backend: Backend) -> None:
    """A folder of packages is there under its own name; what lies beside it is not."""
    if not backend.isolates:
        pytest.skip("without isolation everything is shown")
    inside = tmp_path / "inside"
    inside.mkdir(mode=0o755)
    (inside / "file").write_text("read")
    (tmp_path / "beside").write_text("nobody's business")
    code = "import os, sys\nfolder = sys.argv[1]\n"
    code += "print(os.listdir(folder + '/..'), open(folder + '/file').read(), flush=True)\n"
    result = ran(code + "open(sys.argv[1] + '/file', 'w')", str(inside), shown=[inside])
    assert result.stdout == "['inside'] read\n"
    assert "Read-only file system" in result.stderr


@IN_ONE
def test_without_isolation_nothing_is_run_and_the_remedies_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The person may install bubblewrap, or take the risk knowingly."""
    bare = Backend(
        kind="none",
        own_uid=False,
        reason="bubblewrap is not installed; namespaces do not work here (why)",
    )
    monkeypatch.setattr(runner, "_backend", lambda: bare)
    with pytest.raises(UnavailableError) as caught:
        sandbox.run(["sh", "-c", "echo harm"], files={})
    assert str(caught.value) == (
        "sandbox: generated programs are not run, as bubblewrap is not installed; namespaces do "
        "not work here (why); install bubblewrap (Debian: apt install bubblewrap), or take the "
        "risk with --green-unsafe-exec"
    )
