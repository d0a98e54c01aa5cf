"""Bytes of a model's files on their way into a socket, read by this process or sent by the kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.parts import Buffer, Part

if TYPE_CHECKING:
    from .folder import FolderArchive

#: Bytes that a socket is given at once: its timeout is for all of them, and a link of 13 kB/s sends so many in time.
_SENT_AT_ONCE = 256 * 1024
#: What a new socket takes beyond what is on its way. Else it takes megabytes, and a small model is "sent" long
#: before it is. That wakes us up more often, so a connection over which so many bytes go in so many seconds is let off.
_MOST_WAITING, _MANY, _SECONDS = 128 * 1024, 1 << 20, 0.1
_LOW_WATER = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # on Linux and macOS
SOCKET_OPTIONS = () if _LOW_WATER is None else ((socket.IPPROTO_TCP, _LOW_WATER, _MOST_WAITING),)


def sliced(view: memoryview, size: int = _SENT_AT_ONCE) -> Iterator[memoryview]:
    """Yield a view in slices, by default such that a slow link takes each in time."""
    return (view[start : start + size] for start in range(0, len(view), size))


class Unread:
    """Bytes of a file that were not read yet. A socket can be given them without their passing through this process.

    Args:
        archive: The folder that has the file.
        index: Which of its entries it is.
        offset: Where they begin in the file.
        size: How many.
        buffer: Memory to read them into.
    """

    def __init__(self, archive: FolderArchive, index: int, offset: int, size: int, buffer: Buffer) -> None:
        self._archive, self._index, self._offset, self._size, self._buffer = archive, index, offset, size, buffer

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview]:
        """Read them, in views that are valid until the next one is asked for."""
        start = self._archive.layout.entries[self._index].offset + self._offset
        for view in self._archive.blocks(Part(0, start, start + self._size), self._buffer):
            yield from sliced(view)

    def send(self, connection: socket.socket) -> None:
        """Have the kernel send them.

        Raises:
            ModelChanged: The file is not as it was when scanned.
            InvalidModel: It cannot be read.
            OSError: The connection broke.
        """
        with self._archive.open(self._index) as file:
            try:
                sent = _send_file(connection, file.fileno(), self._offset, self._size)
            except OSError as error:
                if error.errno == errno.EIO:  # what disks say, and sockets do not
                    raise InvalidModel(f"`{file.name}` cannot be read: {error.strerror}.") from error
                raise
        if sent != self._size:
            raise self._archive.changed(self._index)


def _send_file(connection: socket.socket, file: int, offset: int, size: int) -> int:
    """Have the kernel send a piece of a file; returns how many bytes there were.

    `socket.sendfile` asks the kernel again whenever there is room for a little more, for a socket with a timeout does
    not block. Here it blocks, and the kernel keeps the timeout.
    """
    timeout, sent, begun = connection.gettimeout(), 0, time.monotonic()
    seconds = timeout or 0.0
    connection.settimeout(None)
    try:
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        )
        while sent < size and (count := os.sendfile(connection.fileno(), file, offset + sent, size - sent)):
            sent += count
        if _LOW_WATER and sent >= _MANY and time.monotonic() - begun < _SECONDS:
            with suppress(OSError):  # it is no TCP
                connection.setsockopt(socket.IPPROTO_TCP, _LOW_WATER, 0)  # none but the system's own
    except BlockingIOError:
        raise TimeoutError("timed out") from None
    finally:
        connection.settimeout(timeout)
    return sent
