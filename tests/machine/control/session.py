"""A session without torch: applies device settings and ends in a given way in the context.

    python session.py ENDING

Prints ``in force`` once everything is set.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from greenbench.machine.control.context import DeviceSettings
from greenbench.machine.gpus import gpus
from greenbench.options import SystemOptions

OPTIONS = SystemOptions(
    gpu_power_fraction=0.7,
    gpu_clock_fraction=0.8,
    cpu_power_fraction=0.5,
    cpu_clock_fraction=0.5,
    cpu_governor="powersave",
)


def fail() -> None:
    """Raise an exception, as a failing cell does."""
    raise RuntimeError("the cell failed")


def leave_a_worker() -> None:
    """Fork a worker that outlives this process, as a DataLoader's can, and be killed."""
    worker = os.fork()
    if worker == 0:
        os.close(1)  # whoever started this session waits for the end of its output
        time.sleep(60)
        os._exit(0)
    (Path(os.environ["GREENBENCH_STATE"]) / "worker").write_text(str(worker))
    os.kill(os.getpid(), signal.SIGKILL)


def wait() -> None:
    """Sleep in steps: a signal that comes just before a long sleep is seen after it."""
    for _ in range(1200):
        time.sleep(0.05)


ENDINGS = {
    "normal": lambda: None,
    "failure": fail,
    "wait": wait,
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "worker": leave_a_worker,
}


def main() -> None:
    """Apply the settings, say so, and end."""
    settings = DeviceSettings(OPTIONS, gpus(), say=lambda text: sys.stderr.write(f"{text}\n"))
    with settings:
        notes = [proof.note for proof in settings.proofs({})]
        refusals = [note for note in notes if note.startswith("not applied")]
        sys.stdout.write(f"{refusals[0] if refusals else 'in force'}\n")
        sys.stdout.flush()
        ENDINGS[sys.argv[1]]()


if __name__ == "__main__":
    main()
