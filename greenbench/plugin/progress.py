"""Shows what runs on pytest's terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from greenbench.report.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from greenbench.run.messages import Messages


def progress_of(config: pytest.Config, *, verbose: bool) -> Progress:
    """Return what shows on the terminal what runs, past pytest's capturing.

    A person may have turned off either plugin, with ``-p no:terminal`` or ``-p no:capture``.
    """
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    terminal: Any = config.pluginmanager.getplugin("terminalreporter")
    uncaptured = capture.global_and_fixture_disabled if capture else contextlib.nullcontext
    return Progress(terminal, uncaptured, verbose=verbose)


@contextlib.contextmanager
def announcing(messages: Messages, progress: Progress) -> Iterator[None]:
    """Show messages in logs too, as what comes before the first cell; afterwards as before."""
    show, messages.show = messages.show, progress.announce
    try:
        yield
    finally:
        progress.announce("")
        messages.show = show
