"""BLAKE3 digests as text."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from modelsync_jupyter.core.parts import ALGORITHM, Part, describe


class Hasher:
    """Computes a BLAKE3 digest piece by piece."""

    def __init__(self) -> None:
        self._blake3 = blake3()

    def update(self, view: memoryview) -> None:
        """Add bytes; lets other threads run meanwhile."""
        self._blake3.update(view)

    def digest(self) -> str:
        """Return the digest of all bytes so far: `blake3:` and 64 hexadecimal digits."""
        return f"{ALGORITHM}:{self._blake3.hexdigest()}"


def digest_of(parts: Iterable[Part]) -> str:
    """Return the digest of an archive: that of the list of its parts' sizes and digests."""
    return f"{ALGORITHM}:{blake3(describe(parts)).hexdigest()}"
