"""Sessions of pytest as processes of their own that need not import everything anew.

A process that has imported what a session needs forks one for each request: a third of the CPU time
of a new interpreter. What a test says about imports needs a new interpreter all the same, and so
does what is read when one starts (``LD_LIBRARY_PATH``).

Run as a program, this file is that process. It reads requests from the socket that is its standard
input, and ends with whoever holds the other end.
"""

from __future__ import annotations

import array
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_REQUEST = 1 << 20
"""Bytes: arguments and environment."""


def run(
    folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run ``pytest`` with ``arguments`` in ``folder``, as ``subprocess.run`` would."""
    request = {"folder": str(folder), "arguments": arguments, "environment": environment}
    ends = [os.pipe(), os.pipe()]
    server = _server()
    server.sendmsg(
        [json.dumps(request).encode()],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write for _, write in ends]))],
    )
    for _, write in ends:
        os.close(write)
    with ThreadPoolExecutor(len(ends)) as readers:
        output, errors = readers.map(_read, [read for read, _ in ends])
    status = int(server.recv(64))
    return subprocess.CompletedProcess(arguments, status, output, errors)


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as pipe:
        return pipe.read()


@cache
def _server() -> socket.socket:
    """Start the process that forks, once."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST_REQUEST)
    with its:
        subprocess.Popen([sys.executable, __file__], stdin=its, stdout=subprocess.DEVNULL, cwd="/")
    return ours


def serve() -> None:
    """Fork a session for each request, and answer with its exit code, until nobody asks."""
    client = socket.socket(fileno=os.dup(0))
    while True:
        request, descriptors, _, _ = socket.recv_fds(client, LARGEST_REQUEST, 2)
        if not request:
            return
        session = os.fork()
        if session == 0:
            client.close()
            begin(json.loads(request), descriptors)
            sys.exit(pytest.main())
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(session, 0)
        client.send(str(os.waitstatus_to_exitcode(status)).encode())


def begin(request: dict, descriptors: list[int]) -> None:
    """Become what ``python -m pytest`` is at its start."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate([nothing, *descriptors]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    sys.argv = ["pytest", *request["arguments"]]
    tempfile.tempdir = None  # the environment names another one


if __name__ == "__main__":
    import stub_suite

    # Plugins are imported by pytest itself, which would say that it comes too late to rewrite them.
    pytest.main(["-VV", *stub_suite.LEAN.split()])
    stub_suite.load_libraries()
    gc.freeze()
    serve()
