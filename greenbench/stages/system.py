"""The system stage: circumstances around the other stages. It opens no window of its own; its cost shows in theirs.

What it changes it puts back when it closes. Power limits and clocks are shared with other users of the machine: they are
read and validated, and reported as not applied; nothing here touches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch

from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.devices import Gpu
    from greenbench.options import SystemOptions

NOT_YET = "not applied: this version reads the knob, and sets no limits or clocks of a shared machine"
NO_GPU = f"{NOT_YET}; besides, the cell counts no GPU"
OFF = "not applied: --green-control off"


class System:
    """Context of one pipeline run: holds the asked-for circumstances, and puts the previous ones back."""

    def __init__(self, options: SystemOptions, gpus: Sequence[Gpu], *, control: bool = True) -> None:
        """Prepare; nothing changes before the context is entered. Without ``control`` no limit or clock is touched."""
        self._options, self._gpus, self._control = options, tuple(gpus), control
        self._threads = 0
        self.applied: tuple[Applied, ...] = ()

    def __enter__(self) -> Self:
        """Apply what can be applied, and note what was read back."""
        self._threads = torch.get_num_threads()
        if self._options.cpu_threads is not None:
            torch.set_num_threads(self._options.cpu_threads)
        self.applied = (self._threads_proof(), *self._gpu_proofs())
        return self

    def __exit__(self, *_: object) -> None:
        """Put the previous circumstances back."""
        torch.set_num_threads(self._threads)

    def _threads_proof(self) -> Applied:
        asked, got = self._options.cpu_threads, torch.get_num_threads()
        note = "" if asked in (None, got) else f"asked for {asked} threads, torch uses {got}"
        return Applied(
            stage="system",
            knob="cpu_threads",
            asked=asked,
            got=got,
            how="torch.get_num_threads()",
            note=note,
            before=self._threads,
        )

    def _gpu_proofs(self) -> tuple[Applied, ...]:
        note = (NOT_YET if self._gpus else NO_GPU) if self._control else OFF
        limits = ", ".join(f"{g.uuid}: limit {g.power_limit_w} W of {g.default_power_limit_w} W" for g in self._gpus)
        asked = (
            ("gpu_power_fraction", self._options.gpu_power_fraction),
            ("gpu_clock_fraction", self._options.gpu_clock_fraction),
        )
        return tuple(
            Applied(
                stage="system",
                knob=knob,
                asked=value,
                got=None,
                how=limits or "no GPU",
                note="" if value is None else note,
            )
            for knob, value in asked
        )
