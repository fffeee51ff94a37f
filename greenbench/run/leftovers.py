"""Device settings that killed sessions left changed on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def restore_leftovers(say: Callable[[str], None], *, control: bool) -> None:
    """Restore them and say so; without ``control`` say that they are there."""
    from greenbench.machine.control.restore import left_behind, recover

    if control:
        recover(say)
    elif left := left_behind():
        say(f"{left}; --green-control off leaves it so: greenbench restore restores it")
