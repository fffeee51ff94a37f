"""Whether this machine is a system on a chip whose GPU its own sensors count: Apple or Jetson."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

JETSON = (Path("/etc/nv_tegra_release"), Path("/usr/lib/aarch64-linux-gnu/tegra"))
"""One of which every Jetson has."""


def is_apple() -> bool:
    """Whether this is a Mac with a processor of Apple's."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def is_jetson() -> bool:
    """Whether this is an NVIDIA Jetson."""
    return any(path.exists() for path in JETSON)


def counts(selection: str, device: str) -> bool:
    """Whether there is an integrated GPU, and it counts by ``--green-gpus`` for a cell."""
    if not (is_apple() or is_jetson()):
        return False
    return selection == "all" or (selection == "auto" and not device.startswith("cpu"))
