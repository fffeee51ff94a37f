"""Measuring is light: scripts that use no torch load none, and nothing is left at their end."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys, time
started = time.process_time()
import greenbench
imported_s = time.process_time() - started
greenbench.measure
light = sorted(sys.modules)
with greenbench.measure("step", cpu_watts=5) as step:
    sum(range(1000))
print(step)
step._repr_html_()
json.dumps(step.to_dict())
print(json.dumps([imported_s, light, sorted(sys.modules)]))
"""
SUITE = {"torch", "transformers", "datasets", "sklearn", "pandas", "pyarrow", "pytest"}
HEAVY = SUITE | {"numpy", "scipy", "zeus", "rich", "pynvml"}


def test_a_script_measures_without_the_suite_s_libraries() -> None:
    """Naming the function imports next to nothing, and measuring no torch, data or pytest."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=60
    )
    imported_s, light, all_modules = json.loads(done.stdout.splitlines()[-1])
    assert imported_s < 0.2
    assert HEAVY & set(light) == set()
    assert SUITE & set(all_modules) == set()
    assert done.stderr == ""
