"""TCP ports of this machine: one for a server, and whether it is there."""

from __future__ import annotations

import contextlib
import random
import socket

from .clock import wait_until


def free_port() -> int:
    """A TCP port nobody uses now, and that nobody gets who asks the system for any: those are from 32768 on."""
    while True:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", random.randrange(15000, 32000))) as found:
            return int(found.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until something listens there."""
    wait_until(lambda: _listens(port), f"a server at port {port}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
