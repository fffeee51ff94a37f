"""Who answers Ctrl-C while a round is measured, and afterwards."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from greenbench.run.stopping import NOTICE, StopRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _usual_answer() -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def test_the_first_is_noted_and_the_second_raised() -> None:
    """A notice is shown once; afterwards Python's own handler is back, and no round begins."""
    stop, shown = StopRequest(), []
    with stop.deferred(shown.append):
        signal.raise_signal(signal.SIGINT)
        assert stop.made
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert shown == [NOTICE]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt, match="after a whole round"):
        stop.heed()


def test_without_a_request_rounds_go_on() -> None:
    """Outside of a round Ctrl-C acts at once."""
    stop = StopRequest()
    with stop.deferred(print):
        stop.heed()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert not stop.made


def test_another_answer_to_ctrl_c_is_left_alone() -> None:
    """A suite may handle the signal itself; threads other than the main one cannot."""
    heard = []
    signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    stop = StopRequest()
    with stop.deferred(print):
        signal.raise_signal(signal.SIGINT)
    assert (heard, stop.made) == ([signal.SIGINT], False)

    def in_a_thread() -> None:
        with stop.deferred(print):
            heard.append(0)

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert heard[-1] == 0
