"""Digests of a local model's parts, computed once for each state of its files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from blake3 import blake3

from modelsync_jupyter.archive.cut import cut
from modelsync_jupyter.archive.source import Source
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.parts import Part, parse_parts, parts_json
from modelsync_jupyter.files import read_json, write_json
from modelsync_jupyter.store.model import Model

from .pool import processors
from .run import Run

#: A file changed so recently may change again within the same tick of its clock, so its digest is not kept.
_SETTLED_NS = 2_000_000_000


def digested_parts(run: Run, model: Model) -> tuple[Part, ...]:
    """The parts of a model's archive with their digests; reads every file unless that was done before.

    Raises:
        ModelChanged: A file changed meanwhile.
    """
    source = model.source
    parts = cut(source.layout)
    cache = run.home.state / "digests" / f"{model.tag.name}--{model.tag.version}.json"
    state = _state(source)
    if kept := _kept(cache, state, parts):
        return kept
    started = time.time_ns()
    run.counter.begin("hashing", source.size)
    hashed = _hash(run, source, parts)
    source.check_unchanged()
    if all(max(stamp[1:3], default=0) < started - _SETTLED_NS for stamp in source.stamps):
        with suppress(OSError):
            write_json(cache, {"state": state, "parts": parts_json(hashed)}, durable=False)
    return hashed


def _hash(run: Run, source: Source, parts: Sequence[Part]) -> tuple[Part, ...]:
    digests: dict[int, str] = {}

    def job(buffer: bytearray, part: Part) -> None:
        digests[part.number] = source.digest(part, buffer)
        run.counter.add(part.size)

    with run.pool(at_most=processors()) as pool:  # hashing waits for nothing else
        for part in parts:
            pool.submit(partial(job, part=part))
    return tuple(replace(part, digest=digests[part.number]) for part in parts)


def _state(source: Source) -> str:
    """A fingerprint of the folder as it was scanned: names, sizes, times and inodes, but no content."""
    facts = [source.mtime, *((entry.path, entry.executable, entry.target) for entry in source.layout.entries)]
    return blake3(repr((facts, source.stamps)).encode()).hexdigest()


def _kept(cache: Path, state: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    data = read_json(cache)
    with suppress(IntegrityError):
        kept = parse_parts(data.get("parts")) if isinstance(data, dict) and data.get("state") == state else ()
        if [part.size for part in kept] == [part.size for part in parts]:
            return kept
    return ()
