"""A session without torch: holds power limits, clocks and a governor in force, and ends as it is told.

    python session.py ENDING

Prints ``in force`` once everything is set, then ends; the settings are held while it does.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

from greenbench.machine import gpus as devices
from greenbench.machine.control import context
from greenbench.options import SystemOptions

OPTIONS = SystemOptions(
    gpu_power_fraction=0.7,
    gpu_clock_fraction=0.8,
    cpu_power_fraction=0.5,
    cpu_clock_fraction=0.5,
    cpu_governor="powersave",
)


def fail() -> None:
    """Fail as a cell does."""
    raise RuntimeError("the cell failed")


def leave_a_worker() -> None:
    """Fork a worker that outlives us, as a DataLoader's does, and be killed."""
    if os.fork() == 0:
        time.sleep(4)
        os._exit(0)
    os.kill(os.getpid(), 9)


ENDINGS = {
    "normal": lambda: None,
    "failure": fail,
    "wait": lambda: time.sleep(60),
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "worker": leave_a_worker,
}


def main() -> None:
    """Set, say so, and end."""
    device_settings = context.DeviceSettings(
        OPTIONS, devices.gpus(), say=lambda text: sys.stderr.write(f"{text}\n")
    )
    with device_settings:
        proofs = [p for p in device_settings.proofs({}) if p.asked is not None]
        refused = [p.note for p in proofs if p.note.startswith("not applied")]
        sys.stdout.write(f"{refused[0] if refused else 'in force'}\n")
        sys.stdout.flush()
        ENDINGS[sys.argv[1]]()


if __name__ == "__main__":
    main()
