"""The cut, whatever is cut."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.layout import LARGE, Entry, Layout, cut
from tests.harness.cutting import BytesReader

SIZES = st.lists(st.integers(0, 3 * LARGE), max_size=20)


@settings(max_examples=30)
@given(SIZES, st.lists(st.integers(1, LARGE), min_size=1, max_size=4))
def test_parts_cover_an_archive_once_and_a_large_file_has_its_own(sizes: list[int], steps: list[int]) -> None:
    layout = Layout.arrange([Entry(f"{n:04}", "file", 0, 0, size) for n, size in enumerate(sizes)], 0)
    pieces = {entry.path: [*steps, entry.size] for entry in layout.entries}
    for entry in layout.entries:
        own = [stop for stop in accumulate(steps) if stop < entry.size]
        pieces[entry.path] = [stop - start for start, stop in zip([0, *own], [*own, entry.size], strict=True)]
    parts = cut(layout, pieces)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == layout.size
    assert all(part.size > 0 for part in parts)
    edges = {part.start for part in parts}
    large = [entry for entry in layout.entries if entry.size >= LARGE]
    assert all({entry.offset, entry.content_stop} <= edges for entry in large)


@settings(max_examples=30)
@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"GGUF", b"\x93NUMPY", b"\x10\0\0\0\0\0\0\0{"]))
def test_any_bytes_are_cut_and_covered_once(tail: bytes, magic: bytes) -> None:
    data = magic + tail + bytes(LARGE) + tail
    sizes = list(cut_file(BytesReader(data)))
    assert sum(sizes) == len(data)
    assert all(size > 0 for size in sizes)
