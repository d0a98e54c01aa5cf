"""Where an archive is cut into parts.

The content of a large file gets parts of its own, counted from the file's first byte, and their size depends on the
size of that file alone: the same weights give the same parts whatever stands before them, in every version and on every
machine, so two versions that share a file share its parts. The rest (headers, small files, padding) is cut evenly in
between. A change of these rules needs a new `CUT`: content digests are built on them.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelsync_jupyter.core.parts import MIB, PART_SIZE, Part, from_sizes

from .layout import Layout

#: Name of these rules; it stands beside every content digest.
CUT = "cut-2"
#: A file of so many bytes or more is cut; a smaller one is one piece and shares parts with its neighbours.
LARGE = 4 * MIB
#: A file is cut into about so many parts until these reach `PART_SIZE`, so that an interruption loses little of it.
_PIECES = 32


def cut(layout: Layout) -> tuple[Part, ...]:
    """Return the parts, without digests, that cover the archive."""
    return from_sizes(stop - start for start, stop in _slices(layout))


def part_size(size: int) -> int:
    """Return the bytes of each part of a file or region of `size` bytes: a power of two from 1 MiB to `PART_SIZE`."""
    return min(max(1 << max(size // _PIECES - 1, 0).bit_length(), MIB), PART_SIZE)


def _slices(layout: Layout) -> Iterator[tuple[int, int]]:
    position = 0
    for entry in layout.entries:
        if entry.size >= LARGE:
            yield from slices(position, entry.offset)
            yield from slices(entry.offset, entry.content_stop)
            position = entry.content_stop
    yield from slices(position, layout.size)


def slices(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut a large file, or the region between two, that lies in `[start, stop)`."""
    step = part_size(stop - start)
    for begin in range(start, stop, step):
        yield begin, min(begin + step, stop)
