"""Arrival: what the bytes of a part tell on their way to disk, so that no small file is read again to be hashed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from .description import Hasher, digest_bytes
from .layout import LARGE, MTIME, Entry


class Arrival:
    """Splits a part, as it arrives in order, into the contents of its members.

    Args:
        entries: Members in the order of the archive; may grow at its end meanwhile.
        starts: The `start` of each.
        alone: Whether it is content of one file and nothing else; then there is nothing more to tell.

    Attributes:
        files: Digests of small files that have arrived as a whole, by their paths.
        ours: Whether all that is no content, so far, is what our own archive of these members has in its place:
            headers, padding, end marker.
    """

    def __init__(self, entries: Sequence[Entry], starts: Sequence[int], *, alone: bool) -> None:
        self._entries, self._starts, self._alone = entries, starts, alone
        self._content, self._file = Hasher(), Hasher()
        self._end = -1  # how far the file has come that is being hashed; one is from its beginning, or not at all
        self.files: dict[str, str] = {}
        self.ours = not alone

    def take(self, offset: int, view: memoryview) -> Iterator[tuple[Entry, int, memoryview]]:
        """Yield the contents in the next bytes: the file, the offset in it, its bytes.

        Args:
            offset: Where the bytes lie in the archive.
            view: The bytes.
        """
        entries, stop = self._entries, offset + len(view)
        done = offset  # what was looked at so far
        for index in range(max(bisect_right(self._starts, offset) - 1, 0), len(entries)):
            entry = entries[index]
            if entry.start >= stop:
                break
            begin, end = max(offset, entry.offset), min(stop, entry.content_stop)
            if begin < end:
                content = view[begin - offset : end - offset]
                if not self._alone:
                    self._hash(entry, begin, content)
                yield entry, begin - entry.offset, content
            if self.ours:
                self.ours = self._is_ours(entry, offset, view)
                done = entry.stop
        if self.ours and done < stop:
            self.ours = not any(view[max(done - offset, 0) :])

    def content(self) -> str:
        """Return the digest of all contents so far, one behind another, or "" where that is the part's own."""
        return "" if self._alone else self._content.digest()

    def _hash(self, entry: Entry, begin: int, content: memoryview) -> None:
        self._content.update(content)
        if entry.size >= LARGE:
            return
        if len(content) == entry.size:
            self.files[entry.path] = digest_bytes(content)
            return
        if begin == entry.offset:
            self._file, self._end = Hasher(), begin
        if begin == self._end:
            self._file.update(content)
            self._end += len(content)
            if self._end == entry.content_stop:
                self.files[entry.path] = self._file.digest()

    def _is_ours(self, entry: Entry, offset: int, view: memoryview) -> bool:
        if entry.kind == "hardlink":
            return False
        stop = offset + len(view)
        begin, end = max(offset, entry.start), min(stop, entry.offset)
        if begin < end:
            header = entry.header(MTIME)
            if view[begin - offset : end - offset] != header[begin - entry.start : end - entry.start]:
                return False
        begin, end = max(offset, entry.content_stop), min(stop, entry.stop)
        return begin >= end or view[begin - offset : end - offset] == bytes(end - begin)
