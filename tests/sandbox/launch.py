"""Run programs in the sandbox by a given backend, with JSON in and JSON out."""

import dataclasses
import json
import os
import sys

from greenbench import sandbox
from greenbench.sandbox import runner
from greenbench.sandbox.records import Backend

request = json.load(sys.stdin)
backend = Backend(kind=request["kind"], own_uid=os.geteuid() == 0, reason="forced by a test")
if (failed := runner._failure(backend)) is not None:
    json.dump({"failed": failed}, sys.stdout)
    sys.exit()
runner._backend = lambda: backend

with sandbox.Workers(request["interpreter"]) as workers:
    results = []
    for program in request["programs"]:
        one_run = workers.run if request["path"] == "worker" else sandbox.run
        limits = sandbox.Limits(**program["limits"])
        result = one_run(program["command"], files=program["files"], limits=limits)
        results.append(dataclasses.asdict(result))
    json.dump({"results": results, "losses": workers.losses}, sys.stdout)
