"""What a measured block took: seconds, joules by channel, their uncertainty, and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.api.rendering import BlockWindow, Shown
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.types import Energy, Quantity


class Measurement(Shown):
    """The result of one block. Everything but its name is known once the block has ended.

    What is not measured is None, and ``reasons`` says why. All properties raise UsageError before
    the end.
    """

    def __init__(self, name: str) -> None:
        """Know the ``name``, and nothing else yet."""
        super().__init__(name)
        self._window: BlockWindow | None = None

    def finish(self, seconds: float, energy: Energy, warnings: tuple[str, ...]) -> None:
        """Take what the block's window held."""
        from greenbench.stats.uncertainty import energies

        quantities = energies([energy])
        self._window = BlockWindow(
            name=self.name,
            seconds=seconds,
            energy=energy,
            warnings=warnings,
            quantities=quantities,
        )

    @property
    def ended(self) -> bool:
        """Whether the block has ended."""
        return self._window is not None

    @property
    def window(self) -> BlockWindow:
        """All that is known, as it is."""
        if self._window is None:
            problem = f"measure({self.name!r}): its block has not ended, and nothing is known yet"
            raise UsageError(f"{problem}; read it after the with block")
        return self._window

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the block."""
        return self.window.seconds

    @property
    def energy(self) -> Energy:
        """Joules by channel, with the standard uncertainty by cause, and the idle machine's."""
        return self.window.energy

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """``cpu_j``, ``total_j`` and the like, and net of idle ``cpu_net_j``, ``total_net_j``.

        Each has ``value``, ``uncertainty`` (half-width of the 95 % interval), its ``causes``, what
        it ``lacks``, and the ``reason`` where the value is None.
        """
        return self.window.quantities

    @property
    def joules(self) -> dict[str, float | None]:
        """Joules by channel: ``gpu``, ``cpu``, ``dram``, and ``node`` where a sensor knows it."""
        return {channel: self.energy.joules(channel) for channel in self.energy.channels}

    @property
    def net_joules(self) -> dict[str, float | None]:
        """The same net of the idle machine's, where the idle power was measured (``rest_s``)."""
        return {channel: self.energy.net(channel) for channel in self.energy.channels}

    @property
    def uncertainty(self) -> dict[str, float | None]:
        """Half-width of the 95 % interval of ``joules``, in joules."""
        quantities = self.quantities
        return {name: quantities[f"{name}_j"].uncertainty for name in self.energy.channels}

    @property
    def total_j(self) -> float | None:
        """The sum over the known channels, or None where none is known."""
        return self.energy.total_j

    @property
    def total_net_j(self) -> float | None:
        """The same net of idle; None if that is unknown for one of them."""
        return self.energy.total_net_j

    @property
    def total_uncertainty(self) -> float | None:
        """Half-width of the 95 % interval of ``total_j``, in joules."""
        return self.quantities["total_j"].uncertainty

    @property
    def sources(self) -> dict[str, str]:
        """Where each channel's joules come from: ``zeus:rapl``, ``estimated:...``, ``none``."""
        return dict(self.energy.sources)

    @property
    def reasons(self) -> dict[str, str]:
        """Why a channel has no counter, or no joules."""
        return dict(self.energy.reasons)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before relying on the numbers."""
        return self.window.warnings

    def to_dict(self) -> dict[str, object]:
        """Return everything as builtins that JSON can hold."""
        from greenbench.results.record import builtin, energy_record

        return {
            "name": self.name,
            "seconds": self.seconds,
            "energy": energy_record(self.energy),
            "quantities": builtin(self.quantities),
            "warnings": list(self.warnings),
        }
