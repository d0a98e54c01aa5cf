"""Fetching parts out of order: neighbours travel in one request, and each is checked and noted by itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial

from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.parts import MIB, Part
from modelsync_jupyter.core.progress import Counter

from .archive import RemoteArchive
from .journal import Journal
from .pool import Pool
from .receive import Receiver

#: Bytes in one request at most: a request costs a millisecond of CPU, so it should bring more than one part.
_LONGEST = 64 * MIB
_ATTEMPTS = 3


class Fetcher:
    """Fetches parts of an archive into a stage.

    Args:
        archive: Where they come from.
        stage: Where their content goes.
        journal: Where they are noted.
        counter: Where bytes are counted.

    Attributes:
        spoilt: Whether a part came with the wrong digest again and again.
    """

    def __init__(self, archive: RemoteArchive, stage: Stage, journal: Journal, counter: Counter) -> None:
        self._archive, self._stage, self._journal, self._counter = archive, stage, journal, counter
        self.spoilt = False

    def receiver(self, parts: Sequence[Part]) -> Receiver:
        """Who takes the bytes of consecutive parts."""
        return Receiver(self._stage, self._journal, self._counter, parts)

    def fetch(self, parts: Sequence[Part], _: bytearray) -> None:
        """Fetch consecutive parts, from the first one again whose digest is wrong.

        Raises:
            IntegrityError: It is wrong again and again.
        """
        failures = 0
        while True:
            receiver = self.receiver(parts)
            position = parts[0].start
            try:
                with closing(self._archive.views(position, parts[-1].stop)) as views:
                    for view in views:
                        receiver.write(position, view)
                        position += len(view)
                return
            except IntegrityError:
                left = [part for part in parts if part.number >= receiver.part.number]
                failures = failures + 1 if len(left) == len(parts) else 1  # each part has its own attempts
                parts = left
                if failures == _ATTEMPTS:
                    self.spoilt = True
                    raise


class Queue:
    """Gathers parts into requests and gives these to a pool.

    Args:
        fetcher: Who fetches them.
        pool: Who does it.
        size: Bytes of the archive; each thread should get at least two requests.
        threads: How many threads there are.
    """

    def __init__(self, fetcher: Fetcher, pool: Pool, size: int, threads: int) -> None:
        self._fetcher, self._pool = fetcher, pool
        self._longest = min(_LONGEST, size // (2 * threads))
        self._run: list[Part] = []

    def add(self, part: Part) -> None:
        """Have a part fetched, together with those before it that touch it."""
        run = self._run
        if run and (run[-1].stop != part.start or part.stop - run[0].start > self._longest):
            self.flush()
        self._run.append(part)

    def flush(self) -> None:
        """Leave nothing waiting for company."""
        if self._run:
            self._pool.submit(partial(self._fetcher.fetch, tuple(self._run)))
        self._run = []
