"""The device settings that can be changed: how each one is read, written, and named on disk.

A control can be rebuilt from its identity by another process, days later: a journal holds names and
values, never code. GPUs are set through Zeus, which asks ``zeusd`` if that is configured and needs
privilege otherwise; CPUs are set through files of the kernel. Nothing here decides what is set, or
restores anything.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zeus.device.gpu.common import GPU

Value = int | str | list[int] | None
"""Milliwatts, a file's text, or the lowest and highest MHz of a locked range; None: unlocked."""
ROOTS = ("/sys/class/powercap", "/sys/devices", "/zeus_sys/class/powercap")
"""The only folders below which files are written, whatever a journal names."""
REFUSAL_WORDS = ("permission", "not permitted", "read-only", "refused")


class Control(Protocol):
    """One setting of one device."""

    readable: bool
    """Whether the device reports its present value; it does not for locked clocks."""

    @property
    def device(self) -> str:
        """The device to lease while this is set: ``gpu GPU-...`` or ``cpu``."""

    @property
    def title(self) -> str:
        """How messages name the setting."""

    @property
    def identity(self) -> dict[str, str]:
        """How a journal names the setting; ``control_from`` reads it."""

    def read(self) -> Value:
        """Return the present value; None if the device does not report it."""

    def write(self, value: Value) -> None:
        """Set a value; raises one of ``device_errors``."""


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """A GPU's power limit in milliwatts."""

    uuid: str
    readable = True

    @property
    def device(self) -> str:
        """The GPU."""
        return f"gpu {self.uuid}"

    @property
    def title(self) -> str:
        """The quantity, its unit and the GPU."""
        return f"power limit (mW) of {self.uuid}"

    @property
    def identity(self) -> dict[str, str]:
        """Kind and UUID."""
        return {"kind": "gpu_power_limit", "uuid": self.uuid}

    def read(self) -> int:
        """Return the limit that is set."""
        return int(zeus_gpu(self.uuid).get_power_management_limit())

    def write(self, value: Value) -> None:
        """Set the limit."""
        zeus_gpu(self.uuid).set_power_management_limit(value)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The range that a GPU's SM or memory clock is locked to.

    NVML does not report a lock, so one that was there before cannot be known.
    """

    uuid: str
    kind: str
    """``sm`` or ``memory``."""
    readable = False

    @property
    def device(self) -> str:
        """The GPU."""
        return f"gpu {self.uuid}"

    @property
    def title(self) -> str:
        """The quantity, its unit and the GPU."""
        clock = "SM" if self.kind == "sm" else "memory"
        return f"locked {clock} clocks (MHz) of {self.uuid}"

    @property
    def identity(self) -> dict[str, str]:
        """Kind and UUID."""
        return {"kind": f"gpu_{self.kind}_clocks", "uuid": self.uuid}

    def read(self) -> None:
        """Return None: a lock cannot be read."""
        return

    def write(self, value: Value) -> None:
        """Lock the clock to the range ``[lowest, highest]``; reset any lock if it is none."""
        gpu = zeus_gpu(self.uuid)
        if self.kind == "sm":
            lock, reset = gpu.set_gpu_locked_clocks, gpu.reset_gpu_locked_clocks
        else:
            lock, reset = gpu.set_memory_locked_clocks, gpu.reset_memory_locked_clocks
        if isinstance(value, list):
            lock(*value)
        else:
            reset()


@dataclass(frozen=True, slots=True)
class KernelFile:
    """A file of the kernel that holds one setting of the CPUs."""

    path: str
    readable = True

    @property
    def device(self) -> str:
        """All CPUs, leased as one device."""
        return "cpu"

    @property
    def title(self) -> str:
        """The path."""
        return self.path

    @property
    def identity(self) -> dict[str, str]:
        """Kind and path."""
        return {"kind": "file", "path": self.path}

    def read(self) -> str:
        """Return what the file holds."""
        return Path(self.path).read_text("utf-8").strip()

    def write(self, value: Value) -> None:
        """Write the file if it lies below one of ``writable_roots``; raises OSError."""
        if not is_writable_place(self.path):
            raise PermissionError(1, f"{self.path} lies outside {', '.join(writable_roots())}")
        # r+ does not create a file that is gone.
        with Path(self.path).open("r+", encoding="utf-8") as file:
            file.write(str(value))
            file.truncate()


def control_from(identity: Mapping[str, str]) -> Control:
    """Return the control that a journal names; raises UnavailableError for an unknown kind."""
    kind = identity.get("kind", "")
    if kind == "gpu_power_limit":
        return PowerLimit(identity["uuid"])
    if kind == "gpu_sm_clocks":
        return Clocks(identity["uuid"], "sm")
    if kind == "gpu_memory_clocks":
        return Clocks(identity["uuid"], "memory")
    if kind == "file":
        return KernelFile(identity["path"])
    raise UnavailableError(f"{kind!r} is no setting that this version of greenbench knows")


def writable_roots() -> tuple[str, ...]:
    """Return where files may be written: ``ROOTS``, or the simulation in ``GREENBENCH_SYSFS``."""
    simulated = os.environ.get("GREENBENCH_SYSFS")
    return (simulated,) if simulated else ROOTS


def is_writable_place(path: str) -> bool:
    """Whether a file, its links followed, lies below one of ``writable_roots``."""
    real = os.path.realpath(path)
    for root in writable_roots():
        folder = os.path.realpath(root).rstrip("/") + "/"
        if real.startswith(folder):
            return True
    return False


def zeus_gpu(uuid: str) -> GPU:
    """Return Zeus's object of a GPU, which asks zeusd if that is configured.

    Raises one of ``device_errors``; UnavailableError if zeusd counts other GPUs than this process,
    because it knows them by number only.
    """
    import pynvml
    from zeus.device.gpu.nvidia import NVIDIAGPU, ZeusdNVIDIAGPU
    from zeus.utils.zeusd import ZeusdClient, ZeusdConfig

    logging.getLogger("zeus").setLevel(logging.ERROR)
    keep_driver_open()
    number = pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByUUID(uuid))
    config = ZeusdConfig.from_env()
    if config is None:
        gpu = NVIDIAGPU(number)
        # Zeus warns of a missing privilege here; greenbench says it with the remedy.
        gpu._disable_sys_admin_warning = True  # noqa: SLF001
        return gpu
    client = ZeusdClient(config)
    visible_count = pynvml.nvmlDeviceGetCount()
    if len(client.gpus) != visible_count:
        raise UnavailableError(
            f"zeusd has {len(client.gpus)} GPUs and this process sees {visible_count}: "
            "they cannot be matched, so none is set"
        )
    return ZeusdNVIDIAGPU(number, client)


def keep_driver_open(uuids: Sequence[str] = ()) -> None:
    """Open NVML and these GPUs, and keep them open until the process ends.

    With persistence mode off, a driver that no process has open forgets limits and clocks.
    """
    import pynvml

    try:
        pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError_Uninitialized:
        pynvml.nvmlInit()
    for uuid in uuids:
        pynvml.nvmlDeviceGetHandleByUUID(uuid)


def is_permission_error(error: Exception) -> bool:
    """Whether a device refused a setting because this user lacks permission."""
    if isinstance(error, PermissionError):
        return True
    message = str(error).lower()
    return any(word in message for word in REFUSAL_WORDS)


def device_errors() -> tuple[type[Exception], ...]:
    """Return what reading and writing raise: errors of NVML, Zeus, zeusd and the kernel."""
    import httpx
    import pynvml
    from zeus.exception import ZeusBaseError

    return (ZeusBaseError, pynvml.NVMLError, httpx.HTTPError, OSError, ValueError, UnavailableError)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its class name if there is none."""
    message = str(error).strip() or type(error).__name__
    return message.splitlines()[0]
