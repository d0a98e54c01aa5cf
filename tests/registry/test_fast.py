"""A thread is lent to a client for as long as it is fast, and what it sent is what it says."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket

import pytest

from modelsync_jupyter.registry.blobs.folder import FolderBlobs
from modelsync_jupyter.registry.lane.fast import FastLane, Piece

SIZE = 6_000_000


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderBlobs, list[Piece], bytes]:
    """Three blobs, a slice of each, and the bytes of these."""
    blobs = FolderBlobs(tmp_path_factory.mktemp("blobs"))
    blobs.prepare()
    data = [os.urandom(SIZE) for _ in range(3)]
    pieces = [(blobs.receive(io.BytesIO(each), SIZE).digest, 11, SIZE - number) for number, each in enumerate(data)]
    return blobs, pieces, b"".join(each[11 : SIZE - number] for number, each in enumerate(data))


async def connect(lane: FastLane) -> tuple[asyncio.Transport, socket.socket]:
    """A connection whose client has just been fast, and its other end."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(30)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    lane.judge(transport, 1 << 20, 0.001)
    assert lane.is_open(transport)
    return transport, theirs


def read(theirs: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        found += theirs.recv(1 << 20)
    return bytes(found)


def test_fast_client_gets_all_from_a_thread(stored: tuple[FolderBlobs, list[Piece], bytes]) -> None:
    blobs, pieces, data = stored

    async def run() -> None:
        lane = FastLane()
        transport, theirs = await connect(lane)
        reading = asyncio.get_running_loop().run_in_executor(None, read, theirs, len(data) + 4)
        sent = 0
        while sent < len(data):  # a machine that is busy may have it look slow now and then
            left, behind = [], sent
            for name, start, stop in pieces:
                skipped = min(behind, stop - start)
                behind -= skipped
                left += [(name, start + skipped, stop)] if start + skipped < stop else []
            sent += await lane.send(transport, blobs, left)
        transport.write(b"next")
        assert await reading == data + b"next"
        transport.close()
        theirs.close()

    asyncio.run(run())


def test_client_that_stalls_loses_its_thread(stored: tuple[FolderBlobs, list[Piece], bytes]) -> None:
    blobs, pieces, data = stored

    async def run() -> None:
        lane = FastLane()
        transport, theirs = await connect(lane)
        sent = await lane.send(transport, blobs, pieces)
        assert 0 < sent < len(data)
        assert not lane.is_open(transport)
        transport.write(b"next")  # the loop goes on where the thread stopped
        assert await asyncio.to_thread(read, theirs, sent + 4) == data[:sent] + b"next"
        lane.judge(transport, 1 << 20, 0.001)
        assert lane.is_open(transport)
        transport.close()
        theirs.close()

    asyncio.run(run())


def test_threads_come_back_from_clients_that_go_and_requests_that_are_cancelled(
    stored: tuple[FolderBlobs, list[Piece], bytes],
) -> None:
    blobs, pieces, _ = stored

    async def run() -> None:
        lane = FastLane()
        for _ in range(10):  # more than there are threads
            transport, theirs = await connect(lane)
            sending = asyncio.create_task(lane.send(transport, blobs, pieces))
            await asyncio.to_thread(read, theirs, 1)
            theirs.close()
            with contextlib.suppress(ConnectionError):
                assert 0 < await sending < 3 * SIZE
            transport.abort()
        transport, theirs = await connect(lane)
        sending = asyncio.create_task(lane.send(transport, blobs, pieces))
        await asyncio.to_thread(read, theirs, 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        while not lane.is_open(transport):
            await asyncio.sleep(0.01)
        transport.abort()
        theirs.close()

    asyncio.run(run())
