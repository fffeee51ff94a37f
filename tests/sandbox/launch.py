"""Runs one program in the sandbox, in the way and as the user that it is started with; JSON in, JSON out."""

import dataclasses
import json
import os
import sys

from greenbench import sandbox
from greenbench.sandbox import runner as running
from greenbench.sandbox.records import Way

asked = json.load(sys.stdin)
way = Way(kind=asked["kind"], own_uid=os.geteuid() == 0, reason="forced by a test")
if (failed := running._failed(way)) is not None:
    json.dump({"failed": failed}, sys.stdout)
    sys.exit()
running._way = lambda: way
ran = sandbox.run(asked["command"], files=asked["files"], limits=sandbox.Limits(**asked["limits"]))
json.dump(dataclasses.asdict(ran), sys.stdout)
