"""Cut: where an archive is cut into parts, so that what did not change is the same part in every version.

The rules, which `layout.CUT` names; a change of one needs a new name, for content digests are built on them:

- A file of `LARGE` bytes or more has parts of its own, told by its bytes alone: the same file has the same parts in
  every version, on every machine, whatever stands around it and whatever it is called.
- Where its format tells where tensors lie (`borders`), a tensor that is not small begins a part, and a long one is cut
  evenly from its first byte: a tensor that changes changes no other's part. Small neighbours share one. What lies
  between two tensors, such as the header of a zip's member, goes with the one behind it: it speaks of that one.
- Any other large file is cut by its content (FastCDC), so that bytes put in near its front change the parts around
  them, and not all behind. Most bytes need not be looked at for that: a part is at least a quarter of the target long,
  so the search for its end begins there.
- Small files share parts with their neighbours. Where such a part ends depends on the names in it, so that one more
  file among ten thousand moves the borders near it only. model.yaml, which differs in every version, has its own.

A target grows with the file, because each part costs 100 bytes of the archive's description: 1 MiB at first, and from
6 GiB on 16 MiB. `archive.description.MAX_DESCRIPTION` is the only limit of their number: 330,000 parts, which is a
terabyte in files of a gigabyte, or five in one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from modelsync_jupyter.core.parts import MIB

from .borders import Reader, Span, find_tensors

#: Up to which size of a file parts have which target: each step is four times as far, for parts twice as long.
_TARGETS = ((96 * MIB, MIB), (384 * MIB, 2 * MIB), (1536 * MIB, 4 * MIB), (6144 * MIB, 8 * MIB))
_LARGEST = 16 * MIB


def target_size(size: int) -> int:
    """Return how long a part of a file of `size` bytes should be, in bytes."""
    return next((target for limit, target in _TARGETS if size <= limit), _LARGEST)


def cut_file(file: Reader) -> Iterator[int]:
    """Yield the sizes of the parts of a large file; of one whose format is not known, half is read on the way.

    Args:
        file: The file.
    """
    return _sizes(file, find_tensors(file))


def cut_soon(file: Reader, most: int) -> list[int] | None:
    """Return the same as a list, or None for a file of which more than `most` bytes would have to be looked through."""
    tensors = find_tensors(file)
    return list(_sizes(file, tensors)) if tensors or file.size <= most else None


def _sizes(file: Reader, tensors: Sequence[Span]) -> Iterator[int]:
    target = target_size(file.size)
    edges = _at_tensors(tensors, file.size, target) if tensors else _by_content(file, target)
    return (stop - start for start, stop in pairwise(edges) if start < stop)


def _at_tensors(tensors: Sequence[Span], size: int, target: int) -> Iterator[int]:
    """Yield the edges of a file by its tensors. A border in between lies where the tensor before it ends."""
    small, shared = target // 8, 0  # what waits of small tensors that share a part
    yield 0
    border = tensors[0][0]
    for start, stop in tensors:
        if stop - start >= small:
            yield border
            position = start + target
            while position + target // 4 <= stop:
                yield position
                position += target
            shared = 0
        else:
            if not shared or shared >= target // 2:
                yield border
                shared = 0
            shared += stop - start
        border = stop
    yield border
    yield size


def _by_content(file: Reader, target: int) -> Iterator[int]:
    """Yield the edges of a file by what its bytes are: a part is half of the target in the mean, and from a quarter
    of it to one and three quarters.

    FastCDC without its "normalization": one mask finds all borders, so that two versions find the same one again after
    1.2 targets in the mean and 2.8 in the worst of many tries; with it, it took up to 4.3.
    """
    from pyfastcdc import FastCDC  # an import of 40 ms, for files that have no borders of their own

    grain = target // 4
    search = FastCDC(grain, min_size=64, max_size=6 * grain, normalized_chunking=0)
    position = 0
    yield position
    while position + 2 * grain < file.size:
        begin, found = position + grain, 0
        for length in (2 * grain, 6 * grain):  # most end soon: what lies behind is read only where one does not
            window = file.read(begin, length)
            found = next(search.cut_buf(window)).length
            if found < len(window):
                break
        position = begin + found
        yield position
    if position < file.size:
        yield file.size
