"""The body of a PUT: a part, read from the model's files while it is sent."""

from __future__ import annotations

from collections.abc import Iterator

from modelsync_jupyter.archive.source import Source
from modelsync_jupyter.core.parts import Part

from .run import Run


class PartBody:
    """A part as something `requests` can send: `__len__` makes it say Content-Length, which S3 insists on.

    As a context it takes its bytes back from the counter when the attempt fails.

    Args:
        run: The attempt.
        source: Where the bytes are.
        part: Which bytes.
        buffer: Where to read them to.
    """

    def __init__(self, run: Run, source: Source, part: Part, buffer: bytearray) -> None:
        self._run, self._source, self._part, self._buffer = run, source, part, buffer
        self._sent = 0

    def __len__(self) -> int:
        return self._part.size

    def __iter__(self) -> Iterator[memoryview]:
        for view in self._source.blocks(self._part, self._buffer):
            self._run.stop.check()
            self._run.pace.keep(len(view))
            yield view
            self._sent += len(view)
            self._run.counter.add(len(view))

    def __enter__(self) -> PartBody:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._run.counter.add(-self._sent)
