"""One thing of a device that can be set: how it is read, how it is set, and how it is named on disk.

A control is rebuilt from its name in another process, days later: a journal holds names and values, never code. GPUs
are set through Zeus, which asks ``zeusd`` where that is configured and needs privilege elsewhere; processors through files.
Nothing here decides what is set, or puts anything back.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = int | str | list[int] | None
"""Milliwatts, the text of a file, or the lowest and highest megahertz of a locked range. None is "not locked"."""
ROOTS = ("/sys/class/powercap", "/sys/devices", "/zeus_sys/class/powercap")
"""Where files may lie that are written; nothing that a journal says reaches further."""


class Control(Protocol):
    """What can be set."""

    readable: bool
    """Whether the device tells what it is set to: locked clocks are never told."""

    @property
    def device(self) -> str:
        """What is leased while it is set: ``gpu GPU-...`` or ``cpu``."""

    @property
    def title(self) -> str:
        """How messages name it."""

    @property
    def name(self) -> dict[str, str]:
        """What a journal holds."""

    def read(self) -> Value:
        """Return what it is set to now; None where the device does not tell."""

    def write(self, value: Value) -> None:
        """Set it; raises what ``errors`` names."""


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """A GPU's power limit in milliwatts."""

    uuid: str
    readable = True

    @property
    def device(self) -> str:
        """See ``Control``."""
        return f"gpu {self.uuid}"

    @property
    def title(self) -> str:
        """See ``Control``."""
        return f"power limit (mW) of {self.uuid}"

    @property
    def name(self) -> dict[str, str]:
        """See ``Control``."""
        return {"kind": "gpu_power_limit", "uuid": self.uuid}

    def read(self) -> int:
        """See ``Control``."""
        return int(card(self.uuid).get_power_management_limit())

    def write(self, value: Value) -> None:
        """See ``Control``."""
        card(self.uuid).set_power_management_limit(value)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The range that a GPU's SM or memory clock is locked to. NVML does not tell it: what was locked before is not known."""

    uuid: str
    kind: str
    """``sm`` or ``memory``."""
    readable = False

    @property
    def device(self) -> str:
        """See ``Control``."""
        return f"gpu {self.uuid}"

    @property
    def title(self) -> str:
        """See ``Control``."""
        return f"locked {'SM' if self.kind == 'sm' else 'memory'} clocks (MHz) of {self.uuid}"

    @property
    def name(self) -> dict[str, str]:
        """See ``Control``."""
        return {"kind": f"gpu_{self.kind}_clocks", "uuid": self.uuid}

    def read(self) -> None:
        """See ``Control``."""
        return

    def write(self, value: Value) -> None:
        """Lock to the range, or let go of any lock."""
        gpu = card(self.uuid)
        lock, reset = {
            "sm": (gpu.set_gpu_locked_clocks, gpu.reset_gpu_locked_clocks),
            "memory": (gpu.set_memory_locked_clocks, gpu.reset_memory_locked_clocks),
        }[self.kind]
        if isinstance(value, list):
            lock(*value)
        else:
            reset()


@dataclass(frozen=True, slots=True)
class KernelFile:
    """A file of the kernel's that holds one value."""

    path: str
    readable = True

    @property
    def device(self) -> str:
        """See ``Control``."""
        return "cpu"

    @property
    def title(self) -> str:
        """See ``Control``."""
        return self.path

    @property
    def name(self) -> dict[str, str]:
        """See ``Control``."""
        return {"kind": "file", "path": self.path}

    def read(self) -> str:
        """See ``Control``."""
        return Path(self.path).read_text("utf-8").strip()

    def write(self, value: Value) -> None:
        """Set it, where it lies below ``ROOTS``; raises OSError."""
        if not allowed(self.path):
            raise PermissionError(1, f"{self.path} lies outside {', '.join(roots())}")
        with Path(self.path).open(
            "r+", encoding="utf-8"
        ) as file:  # r+: a file that is gone is not made
            file.write(str(value))
            file.truncate()


def rebuilt(name: Mapping[str, str]) -> Control:
    """Return the control that a journal names; raises UnavailableError for one that this version does not know."""
    kind = name.get("kind", "")
    if kind == "gpu_power_limit":
        return PowerLimit(name["uuid"])
    if kind in {"gpu_sm_clocks", "gpu_memory_clocks"}:
        return Clocks(name["uuid"], kind.split("_")[1])
    if kind == "file":
        return KernelFile(name["path"])
    raise UnavailableError(f"{kind!r} is nothing that this version of greenbench sets")


def roots() -> tuple[str, ...]:
    """Return where files may be written: the kernel's trees, and a simulated one that ``GREENBENCH_SYSFS`` names."""
    simulated = os.environ.get("GREENBENCH_SYSFS")
    return (simulated,) if simulated else ROOTS


def allowed(path: str) -> bool:
    """Whether a file may be written, links followed."""
    real = os.path.realpath(path)
    return any(real.startswith(os.path.realpath(root).rstrip("/") + "/") for root in roots())


def card(uuid: str) -> Any:
    """Return Zeus's object of a GPU, found by its UUID; through zeusd where it is configured. Raises what ``errors`` names."""
    import pynvml
    from zeus.device.gpu.nvidia import NVIDIAGPU, ZeusdNVIDIAGPU
    from zeus.utils.zeusd import ZeusdClient, ZeusdConfig

    logging.getLogger("zeus").setLevel(logging.ERROR)
    hold_driver()
    number = pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByUUID(uuid))
    config = ZeusdConfig.from_env()
    if config is None:
        gpu = NVIDIAGPU(number)
        gpu._disable_sys_admin_warning = True  # noqa: SLF001 - what it warns of, a missing privilege, is our own sentence
        return gpu
    client = ZeusdClient(config)
    if len(client.gpus) != (here := pynvml.nvmlDeviceGetCount()):
        raise UnavailableError(
            f"zeusd has {len(client.gpus)} GPUs and this process sees {here}: which is which cannot be told, so none is set"
        )
    return ZeusdNVIDIAGPU(number, client)


def hold_driver(uuids: Sequence[str] = ()) -> None:
    """Open NVML and these cards, and keep them open as long as the process lives.

    A driver that nobody holds, and whose persistence is off, forgets limits and clocks.
    """
    import pynvml

    try:
        pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError_Uninitialized:
        pynvml.nvmlInit()
    for uuid in uuids:
        pynvml.nvmlDeviceGetHandleByUUID(uuid)


def denied(error: Exception) -> bool:
    """Whether a device refused for lack of permission."""
    words = ("permission", "not permitted", "read-only", "refused")
    return isinstance(error, PermissionError) or any(word in str(error).lower() for word in words)


def errors() -> tuple[type[Exception], ...]:
    """Return what reading and setting may raise: NVML's, Zeus's and zeusd's errors, and the kernel's."""
    import httpx
    import pynvml
    from zeus.exception import ZeusBaseError

    return (ZeusBaseError, pynvml.NVMLError, httpx.HTTPError, OSError, ValueError, UnavailableError)
