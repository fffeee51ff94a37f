"""What holds for every input: it is read, or refused by greenbench's own error in clear words."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.cli import main
from greenbench.errors import GreenbenchError, explained_paths
from greenbench.report.texts import CONTROLS, error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

HANG_S = 60
"""Seconds after which a reader hangs; the slowest input takes half of one."""
LONGEST_LINE = 10_000
"""Characters of a line; more are a value that nobody wants to see whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Something that reads what a person writes."""

    name: str
    inputs: SearchStrategy[Any]
    open: Callable[[Path], AbstractContextManager[Callable[[Any], None]]]
    """Prepares a folder, and gives the function that reads an input in it."""
    document: Any = None
    """What ``inputs`` damages, if that is JSON."""
    dear: bool = False
    """Whether an input takes more than some 7 ms of CPU: fewer are tried then."""

    def __str__(self) -> str:
        """Return its name, as a test's id."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def greenbench(*arguments: str) -> Answer:
    """Run the command line in this process; check what it prints if the call is refused."""
    out, err = _stream("strict"), _stream("backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse's
            code = int(end.code or 0)
    answer = Answer(code=code, out=_text(out), err=_text(err))
    if code == 2:
        check_refusal(answer.err.rpartition(": error: ")[2] or answer.err)
    if "--json" not in arguments:
        check_printed(answer.out)
    return answer


def _stream(errors: str) -> io.TextIOWrapper:
    """Return a terminal that takes UTF-8, as Python opens it."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, newline="\n")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode("utf-8")


@contextlib.contextmanager
def refusals(*names: str) -> Iterator[None]:
    """Let greenbench's own errors pass if they are clear, and contain each of ``names``."""
    try:
        with explained_paths():
            yield
    except GreenbenchError as error:
        check_refusal(error_text(error), *names)


def check_refusal(message: str, *names: str) -> None:
    """Fail unless ``message`` says something that is safe to print, and contains ``names``."""
    assert message.strip()
    assert all(name in message for name in names), f"no {names} in {message!r}"
    check_printed(message)


def check_printed(text: str) -> None:
    """Fail if ``text`` steers the terminal, or has lines that nobody reads."""
    for line in text.split("\n"):
        assert line.isprintable() or not CONTROLS & set(map(unicodedata.category, line)), repr(line)
        assert len(line) <= LONGEST_LINE, f"{len(line)} characters in {line[:200]!r}"


@contextlib.contextmanager
def no_hang() -> Iterator[None]:
    """Fail what takes longer than ``HANG_S``."""

    def fail(_signal: int, _frame: object) -> None:
        raise AssertionError(f"it hangs for more than {HANG_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def variables(**values: str) -> Iterator[None]:
    """Set environment variables."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
