"""Compressed streams: written as many frames, so that threads compress at the same time; read as one, within bounds.

gzip, bzip2, xz and Zstandard all read several compressed streams one behind another as one. So each run of parts is
compressed on its own, by the thread that reads it, and the file is the frames in order. It costs well under a percent
of size, for a frame of 16 MiB is longer than what their windows look back.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from modelsync_jupyter.core.errors import IntegrityError, UnsafeArchive
from modelsync_jupyter.core.parts import MIB

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: An archive may expand to this much, and further to so many times the bytes it has: weights shrink by a half at most,
#: and what shrinks a thousand times is empty, or made to fill a disk.
FREE_SIZE, MAX_RATIO = 1 << 30, 250
#: Memory that reading xz may take: what its highest preset needs, and four times as much.
_XZ_MEMORY = 320 << 20
_PIECE = MIB
#: Levels of Zstandard, how many bytes decide between them, and the gain that is worth the time.
_FAST, _USUAL, _SAMPLE, _WORTH = 1, 3, 256 << 10, 0.99


@dataclass(frozen=True)
class Codec:
    """A way to compress.

    Args:
        name: What BentoML calls the format.
        magic: How a compressed stream begins.
        compressor: Makes an object with `compress` and `flush` for one frame.
        decompressor: Makes an object for one frame, with `decompress(data, max_length)`, `eof` and `unused_data`.
    """

    name: str
    magic: bytes
    compressor: Callable[[], Any]
    decompressor: Callable[[], Any]

    def compress(self, views: Iterable[memoryview]) -> bytes:
        """Return one frame."""
        compressor = self.compressor()
        return b"".join([*(compressor.compress(view) for view in views), compressor.flush()])

    def decompress(self, chunks: Iterable[bytes | memoryview], what: str) -> Iterator[bytes]:
        """Expand a stream of frames, at most 1 MiB at a time.

        Args:
            chunks: The stream.
            what: What to call it in an error.

        Raises:
            IntegrityError: It is damaged, or ends early.
            UnsafeArchive: It expands to far more than a model does.
        """
        taken, given, frame, pending = 0, 0, None, False
        for chunk in chunks:
            data: bytes = bytes(chunk)
            taken += len(data)
            while data or pending:
                if frame is None:
                    data = data.lstrip(b"\0")  # padding between frames and behind the last
                    if not data:
                        break
                    frame = self.decompressor()
                try:
                    expanded = frame.decompress(data, _PIECE)
                except (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError) as error:
                    raise IntegrityError(f"`{what}` is damaged: {error}.", "Get another copy of it.") from error
                data = frame.unconsumed_tail if hasattr(frame, "unconsumed_tail") else b""
                given += len(expanded)
                if given > FREE_SIZE + MAX_RATIO * taken:
                    text = "If you trust it, unpack it with other tools, and import the folder."
                    raise UnsafeArchive(f"`{what}` expands to more than {MAX_RATIO} times its size.", text)
                pending = len(expanded) == _PIECE  # there may be more without further input
                if frame.eof:
                    data, frame, pending = frame.unused_data, None, False
                if expanded:
                    yield expanded
        if frame is not None or not taken:
            raise IntegrityError(f"`{what}` ends early.", "Get another copy of it.")


class _Zstandard:
    """A frame of Zstandard, at the level that is of use to its bytes.

    Weights shrink by what their exponents repeat and by nothing else: level 1 finds that as well as the usual level 3,
    in a third of the time. Text, trees and code shrink by a tenth more at level 3. The first bytes tell which it is.
    """

    def __init__(self) -> None:
        self._frame: zstd.ZstdCompressor | None = None

    def compress(self, view: memoryview) -> bytes:
        if self._frame is None:
            fast, usual = (len(zstd.compress(view[:_SAMPLE], level)) for level in (_FAST, _USUAL))
            level = _USUAL if usual < _WORTH * fast else _FAST
            what = zstd.CompressionParameter
            options: dict[int, int] = {what.compression_level: level, what.checksum_flag: 1}
            self._frame = zstd.ZstdCompressor(options=options)
        return self._frame.compress(view)

    def flush(self) -> bytes:
        return (self._frame or zstd.ZstdCompressor()).flush()


CODECS = (
    Codec("gz", b"\x1f\x8b", lambda: zlib.compressobj(6, wbits=31), lambda: zlib.decompressobj(wbits=31)),
    Codec("bz2", b"BZh", bz2.BZ2Compressor, bz2.BZ2Decompressor),
    Codec("xz", b"\xfd7zXZ\0", lzma.LZMACompressor, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    Codec("zst", b"\x28\xb5\x2f\xfd", _Zstandard, zstd.ZstdDecompressor),
)


def find_codec(head: bytes) -> Codec | None:
    """Return the codec of a stream by its first bytes, or None."""
    return next((codec for codec in CODECS if head.startswith(codec.magic)), None)
