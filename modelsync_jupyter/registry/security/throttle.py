"""Slow down guessing: failed sign-ins are counted by address."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

#: Tokens that one address may try at once, and seconds until it may try one more: in each process.
BURST, INTERVAL = 10, 6.0
#: What it costs to try the same one again: a job whose token has expired goes on asking, and guesses nothing.
_AGAIN = 0.1
#: Seconds in which the failures of one token from one address are noted once.
_QUIET = 60.0
_MOST_ADDRESSES = _MOST_GOOD = 10_000
_MOST_TRIED = 100
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Address:
    left: float
    since: float
    unseen: int = 0
    tried: OrderedDict[str, float] = field(default_factory=OrderedDict)


class Throttle:
    """Counts the failed sign-ins of each address, in this process.

    An address that failed too often is refused before its token is looked at, so that going on guessing tells nothing.
    Tokens that were good from there before are let through: colleagues who share an address, or a proxy's, work on
    while one of them, or a forgotten job, keeps failing.

    Args:
        clock: Seconds from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, address: str, digest: str) -> float:
        """Return how many seconds a token may not be tried from an address; 0 where it may."""
        with self._lock:
            network = _network(address)
            found = self._addresses.get(network)
            if found is None or (network, digest) in self._good:
                return 0
            self._fill(found)
            missing = (_AGAIN if digest in found.tried else 1) - found.left
            found.unseen += missing > 0
            return max(0, missing * INTERVAL)

    def succeeded(self, address: str, digest: str) -> None:
        """Note that a token was good from an address."""
        with self._lock:
            _put(self._good, (_network(address), digest), None, _MOST_GOOD)

    def failed(self, address: str, digest: str) -> int | None:
        """Count a failed sign-in.

        Returns:
            How many more have failed or were refused from there since one was noted last; None where this one need not
            be noted, for it is the same as a moment ago.
        """
        with self._lock:
            network, now = _network(address), self._clock()
            self._good.pop((network, digest), None)
            found = self._addresses.get(network) or _Address(BURST, now)
            self._fill(found)
            found.left -= _AGAIN if digest in found.tried else 1
            _put(self._addresses, network, found, _MOST_ADDRESSES)
            if now - found.tried.get(digest, -_QUIET) < _QUIET:
                found.unseen += 1
                return None
            _put(found.tried, digest, now, _MOST_TRIED)
            unseen, found.unseen = found.unseen, 0
            return unseen

    def _fill(self, found: _Address) -> None:
        now = self._clock()
        found.left = min(BURST, found.left + (now - found.since) / INTERVAL)
        found.since = now


def _put(into: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    into[key] = value
    into.move_to_end(key)
    while len(into) > most:
        into.popitem(last=False)


def _network(address: str) -> str:
    """Return what stands for an address: who has one of IPv6 has 2^64 of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
