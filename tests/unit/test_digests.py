"""Digests of a model's parts are computed once for each state of its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from modelsync_jupyter.transfer.digests import digested_parts

from modelsync_jupyter.archive.cut import cut
from modelsync_jupyter.archive.source import BLOCK, Source
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelChanged
from modelsync_jupyter.core.outcome import Options
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.progress import Counter
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer import digests
from modelsync_jupyter.transfer.pool import Stop
from modelsync_jupyter.transfer.run import Run
from tests.harness.models import make_model


class Hashing:
    """Hashes the model of a home; counts the bytes that were read for it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cache = home / ".modelsync" / "digests" / "m--v1.json"

    def __call__(self) -> tuple[tuple[Part, ...], int]:
        counter = Counter()
        run = Run.begin(Home(self.home), Options(threads=2), Context("", "http://x.invalid", ""), Stop(), counter)
        model = Model.load(self.home / "models" / "m" / "v1")
        return digested_parts(run, model), counter.look().done


@pytest.fixture
def hashing(tmp_path: Path) -> Hashing:
    make_model(tmp_path, "m:v1", {"big": 9 << 20, "small": 10})
    return Hashing(tmp_path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this test count as written long ago."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))


def test_they_are_those_of_the_bytes(hashing: Hashing) -> None:
    source = Source.scan(hashing.home / "models/m/v1", Model.load(hashing.home / "models/m/v1").source.mtime)
    expected = [(part.start, part.stop, source.digest(part, bytearray(BLOCK))) for part in cut(source.layout)]
    parts, read = hashing()
    assert [(part.start, part.stop, part.digest) for part in parts] == expected
    assert read == source.size


@pytest.mark.usefixtures("settled")
def test_the_second_time_nothing_is_read(hashing: Hashing) -> None:
    first, read = hashing()
    assert read > 9 << 20
    assert hashing() == (first, 0)


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "small").write_bytes(b"different."),
    lambda folder: (folder / "small").write_bytes(b"longer than before"),
    lambda folder: (folder / "small").chmod(0o755),
    lambda folder: (folder / "small").rename(folder / "other"),
    lambda folder: (folder / "new").mkdir(),
    lambda folder: (folder / "big").unlink(),
]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_all_is_read_again(change: Callable[[Path], object], hashing: Hashing) -> None:
    first, _ = hashing()
    change(hashing.home / "models/m/v1")
    second, read = hashing()
    assert read > 0
    assert second != first
    assert hashing() == (second, 0)


def test_what_changed_a_moment_ago_is_not_kept(hashing: Hashing) -> None:
    first, _ = hashing()
    assert not hashing.cache.exists()
    second, read = hashing()
    assert (second, read > 0) == (first, True)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"state": "x"}', '{"parts": 5}'])
def test_a_broken_cache_is_let_go(content: str, hashing: Hashing) -> None:
    first, _ = hashing()
    hashing.cache.write_text(content)
    assert hashing()[0] == first
    assert hashing() == (first, 0)


@pytest.mark.usefixtures("settled")
def test_a_cache_with_other_parts_is_let_go(hashing: Hashing) -> None:
    first, _ = hashing()
    text = hashing.cache.read_text()
    for broken in (text.replace('"size": ', '"size": 1'), text.replace("blake3:", "md5:"), text.replace("parts", "x")):
        hashing.cache.write_text(broken)
        assert hashing()[0] == first


def test_a_change_while_hashing_is_noticed(hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = Source.digest

    def slow(source: Source, part: Part, buffer: bytearray) -> str:
        result = digest(source, part, buffer)
        (source.folder / "small").write_bytes(b"different.")
        return result

    monkeypatch.setattr(Source, "digest", slow)
    with pytest.raises(ModelChanged):
        hashing()
    assert not hashing.cache.exists()
