"""Compressed frames: read back by others, and at the level that is of use to the bytes."""

from __future__ import annotations

import json
import random
import struct
import sys

import pytest

from modelsync_jupyter.remotes.files.codecs import CODECS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SOURCE = random.Random(7)
WEIGHTS = b"".join(struct.pack("<f", _SOURCE.gauss(0, 0.02)) for _ in range(100_000))
TEXT = json.dumps({f"token-{number}-{_SOURCE.randrange(10**5)}": number for number in range(20_000)}).encode()


@pytest.mark.parametrize("data", [WEIGHTS, TEXT], ids=["weights", "text"])
def test_zstandard_is_as_small_as_at_its_usual_level(data: bytes) -> None:
    codec = next(codec for codec in CODECS if codec.name == "zst")
    halves = [memoryview(data)[: len(data) // 2], memoryview(data)[len(data) // 2 :]]
    packed = codec.compress(halves)
    assert zstd.decompress(packed) == data
    assert len(packed) <= 1.01 * len(zstd.compress(data, 3))


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_frames_one_behind_another_are_one_stream(codec: object) -> None:
    frames = codec.compress([memoryview(TEXT)]) + codec.compress([]) + codec.compress([memoryview(WEIGHTS)])  # type: ignore[attr-defined]
    assert b"".join(codec.decompress([frames], "it")) == TEXT + WEIGHTS  # type: ignore[attr-defined]
