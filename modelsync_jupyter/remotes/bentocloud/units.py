"""Units: what a foreign registry takes in one request, at the price of a call of its API each."""

from __future__ import annotations

from collections.abc import Sequence

from modelsync_jupyter.core.parts import MIB, MIN_UPLOAD, Part, gather

#: Bytes of a unit, nearly, and how many S3 takes. The second half of an archive is cut so that an interruption loses
#: little, see `transfer.copy`: a unit is a quarter of what a thread sends. The last ones are short, since no two
#: connections are equally fast.
_LONGEST_UNIT, _SHORT_UNIT, _MOST_UNITS, _SHARE = 64 * MIB, 32 * MIB, 9000, 4
#: How many units there are until they are that long, of few threads and of many: each unit costs two round trips, and
#: few threads lose little of long ones.
_FEWEST_UNITS, _ENOUGH_UNITS = 16, 32


def cut_units(parts: Sequence[Part], threads: int) -> list[tuple[Part, ...]]:
    """Gather neighbours into units, of which every one but the last is as long as S3 asks for.

    The first one is as short as that lets it be: what begins with the digests may have to wait for them.

    Args:
        parts: The parts of an archive, all of them.
        threads: How many send at the same time.
    """
    total = parts[-1].stop
    fewest = max(_FEWEST_UNITS, min(_ENOUGH_UNITS, _SHARE * threads))
    longest = max(min(_LONGEST_UNIT, max(MIN_UPLOAD, total // fewest)), total // _MOST_UNITS)
    shortest = min(max(MIN_UPLOAD, total // (_SHARE * threads)), longest, _SHORT_UNIT)
    first, *units = gather(parts, threads, shortest, longest, MIN_UPLOAD)
    edge = first[0].start + MIN_UPLOAD
    count = next((count for count, part in enumerate(first, 1) if part.stop >= edge), len(first))
    if first[-1].stop - first[count - 1].stop >= MIN_UPLOAD:
        return [first[:count], first[count:], *units]
    return [first, *units]


def later_size(units: Sequence[Sequence[Part]]) -> int:
    """Return how many bytes a unit of the second half has: the mean, since their edges are those of parts.

    Args:
        units: All that is sent, each in one request; not empty.
    """
    half = units[-1][-1].stop // 2
    sizes = [unit[-1].stop - unit[0].start for unit in units[:-1] if unit[-1].stop > half]  # the last may be a crumb
    return max(sum(sizes) // max(len(sizes), 1), max(part.size for unit in units for part in unit))
