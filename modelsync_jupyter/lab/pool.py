"""Pool: threads for work that would block the event loop.

`ThreadPoolExecutor` makes the interpreter wait for its threads: a registry that never answers would then keep a Jupyter
server from ending for minutes. These threads are daemons.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Pool:
    """Up to `size` threads, started when they are needed.

    Args:
        name: What the threads are called.
        size: How many there are at most.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._threads: list[threading.Thread] = []
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()

    async def run(self, work: Callable[[], T], timeout: float | None = None) -> T:
        """Do something in a thread, and wait for it without blocking the event loop, which must be the caller.

        Args:
            work: What to do.
            timeout: Seconds to wait at most; work that has begun is not interrupted.

        Raises:
            asyncio.TimeoutError: It took longer.
        """
        future: Future[T] = Future()
        self._queue.put((future, work))
        if len(self._threads) < self._size:
            thread = threading.Thread(target=self._serve, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return await asyncio.wait_for(asyncio.wrap_future(future), timeout)

    def stop(self) -> None:
        """Let each thread end once it has nothing to do."""
        for _ in self._threads:
            self._queue.put(None)

    def _serve(self) -> None:
        while job := self._queue.get():
            future, work = job
            if future.set_running_or_notify_cancel():
                _carry_out(future, work)


class Pools:
    """A pool for each registry, so that one that never answers, or drips its replies, holds up nothing but itself.

    Args:
        name: What the threads are called.
        size: How many threads there are for one registry.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._pools: dict[str, Pool] = {}

    def of(self, registry: str) -> Pool:
        """Return the pool of a registry.

        Args:
            registry: Its endpoint. Each has threads of its own from then on, so it is one that the user has named.
        """
        return self._pools.setdefault(registry, Pool(self._name, self._size))

    def stop(self) -> None:
        """Let each thread end once it has nothing to do."""
        for pool in self._pools.values():
            pool.stop()


def _carry_out(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
