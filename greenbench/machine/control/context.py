"""The shared part of the system stage: power limits, clocks and governors of devices.

Applies device settings in a context and restores the previous values however it exits. A setting
that is refused does not fail the round: its knob is reported as not applied, with the remedy, and
the cell is partial.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import device_errors, is_permission_error
from greenbench.machine.control.proofs import proof, proof_without_request
from greenbench.machine.control.requests import KNOBS, requests
from greenbench.machine.control.transaction import SettingRefusedError, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.machine.control.controls import Value
    from greenbench.machine.control.journal import Entry
    from greenbench.machine.control.proofs import MachineRecord
    from greenbench.machine.control.requests import Request
    from greenbench.machine.control.transaction import Setting
    from greenbench.machine.gpu_records import Gpu
    from greenbench.options import SystemOptions
    from greenbench.types import Applied

ZEUSD = (
    "cargo install zeusd; "
    "sudo zeusd serve --socket-path /run/zeusd.sock --socket-permissions 666 & "
    "export ZEUSD_SOCK_PATH=/run/zeusd.sock"
)
"""Lets a user set power limits and clocks: the daemon has the privilege."""
GRANT_CPU = (
    "run as root, or: sudo chmod a+w "
    "/sys/class/powercap/intel-rapl:*/constraint_*_power_limit_uw "
    "/sys/devices/system/cpu/cpu*/cpufreq/scaling_{max_freq,governor}"
)


class DeviceSettings:
    """Context in which the device settings of one pipeline run are in force.

    The devices are leased from ``reserve`` to ``release``; entering reserves them if nobody has,
    and then leaving releases them.
    """

    def __init__(
        self,
        options: SystemOptions,
        gpus: Sequence[Gpu],
        *,
        control: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing changes before the context is entered.

        Without ``control`` nothing is set or restored, but ``gpus`` are still leased. ``say`` gets
        messages about waiting for other sessions and about what they left changed.
        """
        self._options = options
        self._gpus = tuple(gpus)
        self._control = control
        self._say = say
        self._requests: tuple[Request, ...] = ()
        self._entries: tuple[Entry, ...] = ()
        self._at_end: Mapping[str, Value] = {}
        self._transaction = Transaction(())
        self._failure = ""
        self._lease_failure = ""
        self._reserved = False
        self._in_force = False
        self._releases_on_exit = False

    def check(self) -> None:
        """Raise UsageError for a value that a device does not accept."""
        self._requests = requests(self._options, self._gpus) if self._control else ()

    def reserve(self) -> None:
        """Wait for the devices, outside of what is timed; raises UsageError as ``check`` does."""
        self.check()
        self._failure = ""
        self._in_force = False
        if self._reserved:
            return
        self._reserved = True
        self._lease_failure = ""
        settings: list[Setting] = []
        for request in self._requests:
            settings += request.settings
        devices = [f"gpu {gpu.uuid}" for gpu in self._gpus]
        self._transaction = Transaction(
            settings, self._say, devices=devices, restores=self._control
        )
        try:
            self._transaction.reserve()
        except UnavailableError as error:
            self._go_on_without(error)
            if not settings:
                self._lease_failure = f"other sessions may use these devices meanwhile: {error}"

    def release(self) -> None:
        """Release the devices."""
        self._reserved = False
        self._transaction.release()

    def __enter__(self) -> Self:
        """Apply all settings, or none.

        Raises UnavailableError if they are refused after they were in force: a repeated stage must
        not run under other settings than its round.
        """
        self._releases_on_exit = not self._reserved
        if self._releases_on_exit:
            self.reserve()
        if not self._failure:
            try:
                self._transaction.__enter__()
            except UnavailableError as error:
                if self._in_force:
                    raise
                self._go_on_without(error)
        self._in_force = not self._failure
        self._entries = self._transaction.entries if self._in_force else ()
        return self

    def __exit__(self, *_: object) -> None:
        """Read the settings back once more, restore the previous values, and release devices.

        The devices are released only if entering reserved them.
        """
        self._at_end = _values_now(self._entries)
        self._transaction.__exit__()
        if self._releases_on_exit:
            self.release()

    def _go_on_without(self, error: UnavailableError) -> None:
        """Note why nothing is set, for the proofs of the knobs."""
        self._failure = f"not applied: {error}{_remedy(error)}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """Warnings about the settings: not restored, changed by others, or devices not leased."""
        if self._lease_failure:
            return (*self._transaction.messages, self._lease_failure)
        return tuple(self._transaction.messages)

    def proofs(self, machine: MachineRecord) -> tuple[Applied, ...]:
        """Return a proof of each knob; ``machine`` is what was sampled while the round ran."""
        requests_by_knob = {request.knob: request for request in self._requests}
        proofs = []
        for knob in KNOBS:
            request = requests_by_knob.get(knob)
            if request is None:
                proofs.append(proof_without_request(knob, getattr(self._options, knob)))
            else:
                proofs.append(proof(request, self._entries, self._failure, machine, self._at_end))
        return tuple(proofs)


def _values_now(entries: Sequence[Entry]) -> dict[str, Value]:
    """Return the present value of each setting by its title; one that cannot be read has none."""
    values = {}
    for entry in entries:
        if not entry.control.readable:
            continue
        # Restoring, which comes next, tells of a device that cannot be read.
        with contextlib.suppress(*device_errors()):
            values[entry.control.title] = entry.control.read()
    return values


def _remedy(error: UnavailableError) -> str:
    """Return the command that grants the permission which a device refused for lack of."""
    if not isinstance(error, SettingRefusedError) or not is_permission_error(error):
        return ""
    if error.control.device == "cpu":
        return f"; {GRANT_CPU}"
    return f"; run as root (CAP_SYS_ADMIN), or let the Zeus daemon set it: {ZEUSD}"
