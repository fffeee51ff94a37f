"""Simulated systems on a chip: the package behind Zeus's Apple class, and a Jetson's rails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from greenbench.machine import integrated_gpus

if TYPE_CHECKING:
    import pytest

FIELDS = (
    *("cpu_total_mj", "efficiency_cores_mj", "performance_cores_mj", "efficiency_cluster_mj"),
    *("performance_cluster_mj", "efficiency_core_manager_mj", "performance_core_manager_mj"),
    *("dram_mj", "gpu_mj", "gpu_sram_mj", "ane_mj"),
)


class AppleEnergyMonitor:
    """What ``zeus_apple_silicon`` counts, moved by hand."""

    metrics = SimpleNamespace()
    broken = ""

    def get_cumulative_energy(self) -> SimpleNamespace:
        """Return the millijoules so far."""
        if self.broken:
            raise RuntimeError(self.broken)
        return self.metrics


def plug_apple(monkeypatch: pytest.MonkeyPatch, **millijoules: int) -> type[AppleEnergyMonitor]:
    """Make this machine one with Apple silicon that shows ``millijoules``, and nothing else."""
    from zeus.device.soc import apple

    shown = dict.fromkeys(FIELDS) | millijoules
    monkeypatch.setattr(AppleEnergyMonitor, "metrics", SimpleNamespace(**shown))
    monkeypatch.setattr(AppleEnergyMonitor, "broken", "")
    package = SimpleNamespace(AppleEnergyMonitor=AppleEnergyMonitor)
    monkeypatch.setattr(apple, "zeus_apple_silicon", package)
    monkeypatch.setattr(apple, "zeus_apple_available", True)
    monkeypatch.setattr(integrated_gpus, "is_apple", lambda: True)
    return AppleEnergyMonitor


class JetsonRails:
    """The files of a Jetson's power monitors, as newer kernels have them: volts and amperes."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this machine a Jetson whose rails lie in ``root``."""
        from zeus.device.soc import jetson

        self._folder = root / "i2c" / "1-0040" / "hwmon" / "hwmon3"
        self._folder.mkdir(parents=True)
        self._rails: dict[str, int] = {}
        release = root / "nv_tegra_release"
        release.write_text("# R36\n")

        def path(name: str) -> Path:
            return root / "i2c" if name == "/sys/bus/i2c/drivers/ina3221" else Path(name)

        monkeypatch.setattr(jetson, "Path", path)
        monkeypatch.setattr(integrated_gpus, "JETSON", (release,))

    def draw(self, label: str, watts: float) -> None:
        """Let the rail ``label`` draw ``watts``, at 5 V."""
        number = self._rails.setdefault(label, len(self._rails) + 1)
        (self._folder / f"in{number}_label").write_text(f"{label}\n")
        (self._folder / f"in{number}_input").write_text("5000\n")
        (self._folder / f"curr{number}_input").write_text(f"{watts / 5 * 1000:.0f}\n")
