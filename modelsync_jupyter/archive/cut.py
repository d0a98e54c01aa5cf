"""Where an archive is cut into parts.

The content of a large file gets parts of its own, counted from the file's first byte: the same weights give the same
parts whatever header stands before them, so two versions that share a file share its parts. The rest (headers, small
files, padding) is cut evenly in between. The cut depends on the layout alone: equal folders have equal parts.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelsync_jupyter.core.parts import MAX_PARTS, PART_SIZE, Part, from_sizes

from .layout import Layout


def cut(layout: Layout, part_size: int = PART_SIZE, max_parts: int = MAX_PARTS) -> tuple[Part, ...]:
    """Parts that cover the archive; their size doubles until there are at most `max_parts`.

    Args:
        layout: The archive's layout.
        part_size: Bytes of a part to begin with.
        max_parts: How many parts there should be at most.
    """
    while True:
        sizes = [stop - start for start, stop in _slices(layout, part_size)]
        if len(sizes) <= max_parts:
            return from_sizes(sizes)
        part_size *= 2


def _slices(layout: Layout, part_size: int) -> Iterator[tuple[int, int]]:
    position = 0
    for entry in layout.entries:
        if entry.size >= part_size // 4:
            yield from _even(position, entry.offset, part_size)
            yield from _even(entry.offset, entry.content_stop, part_size)
            position = entry.content_stop
    yield from _even(position, layout.size, part_size)


def _even(start: int, stop: int, part_size: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = min(start + part_size, stop)
        yield start, end
        start = end
