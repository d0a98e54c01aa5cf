"""Time as a test may ask for it: a machine that has other work to do must not be able to break a promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

#: How long to wait for what comes for certain, such as the start of a process: for ever, on any machine.
LONG = 60.0
#: How much longer than promised anything may take on a machine that is busy, or that does not say whether it is.
_BUSY = 5
T = TypeVar("T")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer than that.

    Time in which somebody on this machine had to wait for a processor or a disk does not count, up to a limit: what
    is promised is not to wait for the network or for a timeout, which takes no processor.
    """
    began, waited = time.monotonic(), _pressure()
    yield
    took, busy = time.monotonic() - began, _pressure() - waited
    counted = took if waited >= 0 else took / _BUSY
    assert took < _BUSY * seconds, f"took {took:.2f} s, {seconds:g} s are promised"
    assert counted - busy < seconds, f"took {took:.2f} s on a machine that was busy for {busy:.2f} s"


def _pressure() -> float:
    """Seconds since the machine began in which somebody waited for a processor or a disk; -1 if it does not say."""
    try:
        texts = [Path(f"/proc/pressure/{what}").read_text() for what in ("cpu", "io")]
        return sum(int(text.splitlines()[0].rpartition("total=")[2]) for text in texts) / 1e6
    except (OSError, ValueError):
        return -1.0


def wait_until(look: Callable[[], T], what: str, seconds: float = LONG) -> T:
    """Look until there is something true to see; returns it."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"no sign of {what} in {seconds:g} s"
        time.sleep(0.01)
    return found
