"""Parts: slices of an archive, and the digests that name them.

A digest is text: `blake3:` and 64 hexadecimal digits. The digest of an archive is that of the list of its parts, so it
can be computed from the parts alone, in any order of arrival.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from math import ceil
from mmap import PAGESIZE, mmap
from typing import NamedTuple, TypedDict

from .errors import IntegrityError

ALGORITHM = "blake3"
MIB = 1 << 20
#: Size of a part where nothing asks for another: within noise of the best from 16 to 64 MiB.
PART_SIZE = 16 * MIB
#: S3 refuses smaller parts in a multipart upload, except for the last.
MIN_UPLOAD = 5 * MIB
#: Bytes that are worth a request of their own: fewer take less time over a far line than its round trip does.
MIN_RUN = 4 * MIB
#: An archive that nobody has cut is read in about so many parts, so that an interruption loses little of it.
_PIECES = 32
#: Memory that bytes are read into: of a whole number of pages where many are, see `FolderArchive.blocks`.
Buffer = bytearray | mmap
_DIGEST = re.compile(rf"{ALGORITHM}:[0-9a-f]{{64}}")


def room(buffer: Buffer, offset: int) -> memoryview:
    """Return the memory of a buffer that bytes of a file are to be put into.

    It begins where in a page they lie in the file: at the same place of a page of memory, they are copied to and from
    the page cache two to five times as fast, for processors are slow where a target lies a little further in its page
    than the source.

    Args:
        buffer: It begins with a page.
        offset: Where the bytes begin in the file.
    """
    return memoryview(buffer)[offset % PAGESIZE if len(buffer) > PAGESIZE else 0 :]


class Part(NamedTuple):
    """The slice `[start, stop)` of an archive.

    Args:
        number: Position in the archive, from 1 as in the wire protocol.
        start: Offset of the first byte.
        stop: Offset behind the last byte.
        digest: BLAKE3 digest of the bytes, or "" where nobody has computed it.
    """

    number: int
    start: int
    stop: int
    digest: str = ""

    @property
    def size(self) -> int:
        """Bytes in the part."""
        return self.stop - self.start


def from_sizes(sizes: Iterable[int], digests: Iterable[str] = ()) -> tuple[Part, ...]:
    """Lay parts one behind another, from offset 0.

    Args:
        sizes: Bytes of each part.
        digests: Digest of each part, or nothing.
    """
    parts: list[Part] = []
    known = list(digests)
    start = 0
    for index, size in enumerate(sizes):
        parts.append(Part(index + 1, start, start + size, known[index] if known else ""))
        start += size
    return tuple(parts)


def even_size(size: int) -> int:
    """Return the bytes of each part of an archive that nobody has cut: from 1 MiB to `PART_SIZE`, a power of two."""
    return min(max(1 << max(size // _PIECES - 1, 0).bit_length(), MIB), PART_SIZE)


def split(size: int, part_size: int = PART_SIZE) -> tuple[Part, ...]:
    """Cut `[0, size)` into parts of equal size; the last may be shorter."""
    return from_sizes(min(part_size, size - start) for start in range(0, size, part_size))


def gather(
    parts: Sequence[Part], threads: int, shortest: int, longest: int, least: int = 0
) -> Iterator[tuple[Part, ...]]:
    """Gather neighbours into runs, each of which is one request, so that all threads end at about the same time.

    A request costs a round trip, so runs are long; but who is given a long one last has it alone while the others have
    nothing to do. So each wave of `threads` runs takes half of what is left, and what is left in the end is shared out
    evenly. A run ends at the edge of a part that is nearest to that.

    Args:
        parts: The parts, in order.
        threads: How many take runs, in the order in which they are yielded.
        shortest: Bytes at which runs are short enough: what is left then makes whole waves of runs up to that long.
        longest: Bytes of a run, nearly.
        least: Bytes of a run exactly, but for the last before a gap.
    """
    left: float = sum(part.size for part in parts)
    waves: list[float] = []
    while (length := min(longest, left / (2 * threads))) >= shortest:
        waves.append(length)
        left -= length * threads
    even = left / threads / max(1, ceil(left / (threads * shortest) - 0.1))
    lengths = chain.from_iterable(repeat(each, threads) for each in chain(waves, repeat(max(even, 1))))
    run: list[Part] = []
    size, position, border = 0, 0, next(lengths)
    for part in parts:
        middle = position + part.size / 2
        if run and (run[-1].stop != part.start or (middle > border and size >= least)):
            yield tuple(run)
            run, size = [], 0
            while border <= middle:
                border += next(lengths)
        run.append(part)
        size += part.size
        position += part.size
    if run:
        yield tuple(run)


def check_digest(text: object) -> str:
    """Return `text` if it is a digest.

    Raises:
        IntegrityError: It is not.
    """
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise IntegrityError(f"Not a `{ALGORITHM}` digest: `{text}`.")
    return text


class PartJSON(TypedDict):
    """One part of an archive; its digest reads `blake3:` and 64 hexadecimal digits."""

    size: int
    digest: str


def parts_json(parts: Iterable[Part]) -> list[PartJSON]:
    """Write parts as the wire and an archive's description have them."""
    return [{"size": part.size, "digest": part.digest} for part in parts]


def parse_parts(data: object) -> tuple[Part, ...]:
    """Read parts from the wire or from an archive's description.

    Raises:
        IntegrityError: Not a list of sizes and digests.
    """
    if not isinstance(data, list):
        raise IntegrityError("The list of parts is not a list of objects.")
    parts, start, is_digest = [], 0, _DIGEST.fullmatch
    for number, item in enumerate(data, 1):
        if type(item) is not dict:
            raise IntegrityError("The list of parts is not a list of objects.")
        size, digest = item.get("size"), item.get("digest")
        if type(size) is not int or size <= 0:
            raise IntegrityError("A part in the list of parts has no size.")
        good = digest if type(digest) is str and is_digest(digest) else check_digest(digest)
        parts.append(Part(number, start, start + size, good))
        start += size
    return tuple(parts)
