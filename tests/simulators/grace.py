"""Simulated power meters of NVIDIA Grace: hwmon devices that name their rails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class RailFiles:
    """One hwmon device; its files lie where the ACPI driver has them, or beside the device."""

    def __init__(self, folder: Path, label: str, watts: float, interval_ms: int | None) -> None:
        """Write the files of a meter that shows ``watts`` of the rail ``label``."""
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "power1_oem_info").write_text(f"{label}\n")
        if interval_ms is not None:
            (folder / "power1_average_interval").write_text(f"{interval_ms}\n")
        self.draw(watts)

    def draw(self, watts: float) -> None:
        """Let the meter show ``watts``."""
        fresh = self.folder / "fresh"
        fresh.write_text(f"{watts * 1e6:.0f}\n")
        os.replace(fresh, self.folder / "power1_average")  # noqa: PTH105  in one step


class GraceMeters:
    """The class folder of hwmon devices, in which only some belong to Grace."""

    def __init__(self, root: Path) -> None:
        """Start with a device of another kind."""
        self.root = root
        other = root / "hwmon0"
        other.mkdir(parents=True)
        (other / "name").write_text("nvme\n")
        (other / "power1_average").write_text("5000000\n")

    def rail(
        self, label: str, watts: float, *, below_device: bool = True, interval_ms: int | None = 50
    ) -> RailFiles:
        """Add the meter of a rail."""
        number = len(list(self.root.iterdir()))
        folder = self.root / f"hwmon{number}"
        return RailFiles(folder / "device" if below_device else folder, label, watts, interval_ms)
