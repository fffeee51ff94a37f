"""A simulated part of ``/sys``: files with the power caps and clocks of two processors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "class/powercap/intel-rapl:0"
CPUS = "devices/system/cpu"
FILES = {
    f"{PACKAGE}/name": "package-0",
    f"{PACKAGE}/constraint_0_power_limit_uw": "180000000",
    f"{PACKAGE}/constraint_0_max_power_uw": "200000000",
    f"{PACKAGE}/constraint_1_power_limit_uw": "240000000",
    **{
        f"{CPUS}/cpu{n}/cpufreq/{name}": value
        for n in (0, 1)
        for name, value in {
            "cpuinfo_min_freq": "800000",
            "cpuinfo_max_freq": "4000000",
            "scaling_max_freq": "3600000",
            "scaling_governor": "schedutil",
            "scaling_available_governors": "performance powersave schedutil",
        }.items()
    },
}
"""Initial content of each file: limits below the highest, as an administrator may set them."""


class Sysfs:
    """The tree below ``root``; ``GREENBENCH_SYSFS`` names it to who shall use it."""

    def __init__(self, root: Path) -> None:
        """Write the files."""
        self.root = root
        for name, value in FILES.items():
            self.set(name, value)

    def set(self, name: str, value: str) -> None:
        """Write a file as somebody else would."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n", "ascii")

    def get(self, name: str) -> str:
        """Return what a file holds."""
        return (self.root / name).read_text("ascii").strip()

    @property
    def changed(self) -> dict[str, str]:
        """Files that hold something else than at first."""
        return {name: self.get(name) for name, value in FILES.items() if self.get(name) != value}
