"""The guarded part of the system stage: limits, clocks and governors, in force while the context is open, and proved.

What cannot be set costs no round: the knob is reported as not applied, with the remedy, and the cell is partial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import denied
from greenbench.machine.control.requests import KNOBS, requests
from greenbench.machine.control.transaction import SettingRefusedError, Transaction
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.machine.control.journal import Entry
    from greenbench.machine.control.requests import Request
    from greenbench.machine.gpus import Gpu
    from greenbench.options import SystemOptions

OFF = "not applied: --green-control off"
ZEUSD = (
    "cargo install zeusd; sudo zeusd serve --socket-path /run/zeusd.sock --socket-permissions 666 & "
    "export ZEUSD_SOCK_PATH=/run/zeusd.sock"
)
"""Lets a user set power limits and clocks: the daemon holds the privilege."""
GRANT_CPU = (
    "run as root, or: sudo chmod a+w /sys/class/powercap/intel-rapl:*/constraint_*_power_limit_uw "
    "/sys/devices/system/cpu/cpu*/cpufreq/scaling_{max_freq,governor}"
)
SAMPLED = {
    "gpu_power_fraction": "enforced_power_limit_w",
    "gpu_power_w": "enforced_power_limit_w",
    "gpu_clock_fraction": "sm_clock_mhz",
    "gpu_memory_clock_fraction": "memory_clock_mhz",
}
"""Knob to what ``machine.Watch`` samples of a card while a round runs."""
SEEN = 1.01
"""How far above what was asked a sampled clock may lie: NVML tells whole megahertz, and clocks go in steps."""


class DeviceSettings:
    """Context of one pipeline run."""

    def __init__(
        self,
        options: SystemOptions,
        gpus: Sequence[Gpu],
        *,
        control: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing changes before the context is entered. Without ``control`` nothing is set at all."""
        self._options, self._gpus, self._control, self._say = options, tuple(gpus), control, say
        self._requests: tuple[Request, ...] = ()
        self._entries: tuple[Entry, ...] = ()
        self._transaction = Transaction(())
        self._failure = ""
        self._unleased: tuple[str, ...] = ()
        self._reserved = self._in_force = self._until_exit = False

    def check(self) -> None:
        """Raise UsageError for a value that a device here does not take."""
        self._requests = requests(self._options, self._gpus) if self._control else ()

    def reserve(self) -> None:
        """Wait for the devices, outside of what is timed; the lease is held until ``release``.

        Entering the context does it too, where it was not done.
        """
        self.check()
        self._failure, self._in_force = "", False
        if self._reserved:
            return
        self._reserved, self._unleased = True, ()
        wishes = [w for r in self._requests for w in r.wishes]
        devices = [f"gpu {g.uuid}" for g in self._gpus]
        self._transaction = Transaction(wishes, self._say, devices=devices, restores=self._control)
        try:
            self._transaction.reserve()
        except UnavailableError as error:
            self._fail(error)
            self._unleased = (
                () if wishes else (f"no other session is kept from these devices: {error}",)
            )

    def release(self) -> None:
        """Let others have the devices."""
        self._reserved = False
        self._transaction.release()

    def __enter__(self) -> Self:
        """Set what can be set, all or nothing.

        Raises UnavailableError where a stage that is repeated cannot have what the round had.
        """
        self._until_exit = not self._reserved
        if self._until_exit:
            self.reserve()
        if not self._failure:
            try:
                self._transaction.__enter__()
            except UnavailableError as error:
                if self._in_force:
                    raise
                self._fail(error)
        self._entries = () if self._failure else self._transaction.entries
        self._in_force = not self._failure
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back; a lease that entering took goes with it."""
        self._transaction.__exit__()
        if self._until_exit:
            self.release()

    def _fail(self, error: UnavailableError) -> None:
        """Go on without: the knobs say why."""
        self._failure = f"not applied: {error}{_remedy(error)}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """What happened to the settings that a reader should know."""
        return (*self._transaction.told, *self._unleased)

    def proofs(self, machine: Mapping[str, Any]) -> tuple[Applied, ...]:
        """Return a proof of each knob; ``machine`` is what was sampled while the round ran."""
        asked = {r.knob: r for r in self._requests}
        return tuple(
            self._proof(asked[knob], machine)
            if knob in asked
            else self._unasked(knob, getattr(self._options, knob))
            for knob in KNOBS
        )

    def _unasked(self, knob: str, value: Any) -> Applied:
        return Applied(
            stage="system",
            knob=knob,
            asked=value,
            got=None,
            how="not set",
            note="" if value is None else OFF,
        )

    def _proof(self, request: Request, machine: Mapping[str, Any]) -> Applied:
        mine = [
            e for e in self._entries if e.control.title in {w.control.title for w in request.wishes}
        ]
        note = request.note or self._failure
        sampled = _sampled(request.knob, machine)
        got, before, evidence = None, None, {}
        if mine and not note:
            clocks = not mine[0].control.readable
            got = (
                _share(request.knob, machine)
                if clocks
                else _one([request.value(e, e.after) for e in mine])
            )
            before = None if clocks else _one([request.value(e, e.before) for e in mine])
            note = _clock_note(request.asked, got) if clocks else ""
            evidence = {
                "set": {e.control.title: e.after for e in mine},
                "before": {e.control.title: e.before for e in mine},
            }
        return Applied(
            stage="system",
            knob=request.knob,
            asked=request.asked,
            got=got,
            how=request.how or "nothing to set",
            note=note or _moved(request, mine, sampled),
            before=before,
            evidence={**evidence, **({"sampled": sampled} if sampled else {})},
        )


def _one(values: Sequence[Any]) -> Any:
    """Return the value that all devices have, or their list."""
    return values[0] if len(set(values)) == 1 else list(values)


def _sampled(knob: str, machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was sampled of the cards while the round ran."""
    field = SAMPLED.get(knob, "")
    return [{"uuid": c["uuid"], field: c[field]} for c in machine.get("gpus", ()) if c.get(field)]


def _share(knob: str, machine: Mapping[str, Any]) -> float | None:
    """Return the highest clock that was sampled, as a share of the card's highest; None where nothing was."""
    field, highest = SAMPLED[knob], f"max_{SAMPLED[knob]}"
    shares = [
        c[field]["max"] / c[highest]
        for c in machine.get("gpus", ())
        if c.get(field) and c[field]["max"] is not None and c.get(highest)
    ]
    return round(max(shares), 3) if shares else None


def _clock_note(asked: float, got: float | None) -> str:
    if got is None:
        return "the clock was set, and no sample of it was taken while the round ran"
    return (
        ""
        if got <= asked * SEEN
        else f"the clock was locked to {asked:g} of the card's highest, and {got:g} was seen"
    )


def _moved(request: Request, mine: Sequence[Entry], sampled: Sequence[Mapping[str, Any]]) -> str:
    """Say where a sampled power limit was another than the one that was set."""
    limits = {
        e.control.title: float(e.after or 0) / 1000
        for e in mine
        if request.knob.startswith("gpu_power")
    }  # type: ignore[arg-type]
    for card in sampled:
        span = card.get("enforced_power_limit_w")
        asked = next((w for title, w in limits.items() if card["uuid"] in title), None)
        if span and asked and max(span["max"], asked) > SEEN * min(span["min"], asked):
            return f"{asked:g} W were set, and the limit in force was between {span['min']:g} and {span['max']:g} W"
    return ""


def _remedy(error: UnavailableError) -> str:
    """Return what would let a device take what it refused for lack of permission."""
    if not isinstance(error, SettingRefusedError) or not denied(error):
        return ""
    if error.control.device == "cpu":
        return f"; {GRANT_CPU}"
    return f"; run as root (CAP_SYS_ADMIN), or let the Zeus daemon set it: {ZEUSD}"
