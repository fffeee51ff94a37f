"""Run programs in the sandbox by a given backend, with JSON in and JSON out.

The secret in the environment is also a key of this process's session.
"""

import ctypes
import dataclasses
import json
import os
import sys

from greenbench import sandbox
from greenbench.sandbox import runner, seccomp
from greenbench.sandbox.records import Backend

request = json.load(sys.stdin)
backend = Backend(kind=request["kind"], own_uid=os.geteuid() == 0, reason="forced by a test")
if (failed := runner._failure(backend)) is not None:
    json.dump({"failed": failed}, sys.stdout)
    sys.exit()
runner._backend = lambda: backend

libc = ctypes.CDLL(None)
machine = os.uname().machine
ADD, KEYCTL = (
    seccomp.REFUSED[0].calls[name][machine == "aarch64"] for name in ("add_key", "keyctl")
)
JOIN_SESSION, INVALIDATE, SESSION = 1, 21, -3
secret = os.environ["KEY"].encode()
libc.syscall(KEYCTL, JOIN_SESSION, None)
key = libc.syscall(ADD, b"user", b"callers-key", secret, len(secret), SESSION)

with sandbox.Workers(request["interpreter"]) as workers:
    results = []
    for program in request["programs"]:
        one_run = workers.run if request["path"] == "worker" else sandbox.run
        limits = sandbox.Limits(**program["limits"])
        result = one_run(program["command"], files=program["files"], limits=limits)
        results.append(dataclasses.asdict(result))
    libc.syscall(KEYCTL, INVALIDATE, key)
    json.dump({"results": results, "losses": workers.losses}, sys.stdout)
