"""Fast clients: while one takes bytes as fast as they come, a thread sends them. All others stay on the event loop.

The event loop is woken whenever a socket has room for a little more, and opens each blob in another thread. A thread
that waits in the kernel needs half of the processor's time for a byte, but while it waits for a slow client it is there
for nobody else. So a client shows first, on the loop, that it is fast; a thread is lent to it only then, only while one
is free, and is taken back as soon as some bytes take longer than they may. Nobody waits for a thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..blobs.protocol import BLOCK, Blobs

#: A slice of a blob: its name, its first byte and the byte behind its last.
Piece = tuple[str, int, int]

#: Clients of one process that have a thread at the same time.
_THREADS = 8
#: A client is fast that takes so many bytes in so many seconds.
_BYTES, _SECONDS = 4 * BLOCK, 0.2
#: Bytes that show at least whether it is.
_TRIAL = BLOCK


class FastLane:
    """The threads that are lent to fast clients."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "fast")
        self._free = _THREADS
        self._fast: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    def is_open(self, transport: asyncio.Transport) -> bool:
        """Return whether a client has shown that it is fast, and there is a thread for it."""
        return self._free > 0 and transport in self._fast and not transport.get_write_buffer_size()

    def judge(self, transport: asyncio.Transport, size: int, seconds: float) -> None:
        """Note in how many seconds a client took so many bytes; a few tell nothing."""
        if size >= _TRIAL:
            fits = self._fast.add if seconds * _BYTES < size * _SECONDS else self._fast.discard
            fits(transport)

    async def send(self, transport: asyncio.Transport, blobs: Blobs, pieces: Sequence[Piece]) -> int:
        """Send slices of blobs, one behind the other, for as long as the client is fast; returns how many bytes.

        Args:
            transport: The client, to which nothing else is written meanwhile.
            blobs: Where they are, as files.
            pieces: The slices.

        Raises:
            OSError: The connection broke, or a blob cannot be read.
        """
        # The thread has a handle of its own: that of the loop may be closed, and be another's, before it has noticed.
        connection = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        given_up, was_reading = threading.Event(), transport.is_reading()
        transport.pause_reading()  # the loop must not touch a socket that blocks
        self._free -= 1
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._pool, _send, connection, blobs, pieces, given_up)
        sending.add_done_callback(self._take_back)
        try:
            sent, is_fast = await asyncio.shield(sending)
        finally:
            given_up.set()
            if was_reading:
                transport.resume_reading()
        if not is_fast:
            self._fast.discard(transport)
        return sent

    def _take_back(self, sending: asyncio.Future[tuple[int, bool]]) -> None:
        self._free += 1
        if not sending.cancelled():
            sending.exception()  # nobody may wait for it any more


def _send(
    connection: socket.socket, blobs: Blobs, pieces: Sequence[Piece], given_up: threading.Event
) -> tuple[int, bool]:
    """Send slices of blobs for as long as the client is fast; returns how many bytes, and whether it still is."""
    sent = counted = 0
    begun = time.monotonic()
    try:
        connection.setblocking(True)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, int(_SECONDS * 1e6)))
        for name, start, stop in pieces:
            with blobs.open(name) as file:
                while start < stop:
                    count = os.sendfile(connection.fileno(), file.fileno(), start, min(_BYTES, stop - start))
                    if not count:
                        raise OSError(f"blob {name} is shorter than the catalog says")
                    start, sent = start + count, sent + count
                    now = time.monotonic()
                    if now - begun > _SECONDS:
                        return sent, False
                    if sent - counted >= _BYTES:
                        begun, counted = now, sent
                    if given_up.is_set():
                        return sent, True
        return sent, True
    except BlockingIOError:  # not one byte in that time
        return sent, False
    except ConnectionError:
        if not sent:
            raise
        return sent, False  # who sends on will see it, and these bytes have left
    finally:
        connection.setblocking(False)
        connection.close()
