"""What a copy asks of its ends, asked of every source and every target there is: see `remotes/protocol.py`."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from modelsync_jupyter.archive.folder import FolderSource
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    InvalidReply,
    ModelChanged,
    ModelExists,
    Unavailable,
)
from modelsync_jupyter.core.parts import MIB, Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.remotes.bentocloud.uploading import Version, open_upload
from modelsync_jupyter.remotes.protocol import ENDLESS, Source, Target
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.ends import StageTarget
from modelsync_jupyter.transfer.journal import Journal
from tests.harness.models import Entry, differences, make_model
from tests.unit.archives import pack

from .backends import Backend
from .plainly import create, upload

FILES: dict[str, Entry] = {"a.json": b"{}", "sub/empty": b"", "z.bin": 4 * MIB}


def described(home: Path, tag: Tag, **files: int | bytes) -> tuple[Model, FolderSource, Path]:
    """A model in a store, as a source."""
    own: dict[str, Entry] = {
        "w.bin": random.Random(str(tag)).randbytes(6 * MIB + 7)
    }  # no other test pushed these bytes
    folder = make_model(home, str(tag), {**FILES, **own, **files}, latest=False)
    store = LocalStore(Home(home))
    model = store.get(tag)
    return model, FolderSource(model.archive, store.describe(model)), folder


def read(source: Source, start: int, stop: int | None) -> bytes:
    with closing(source.views(start, stop, bytearray(MIB))) as views:
        return b"".join(bytes(view) for view in views)


def runs_of(target: Target, source: Source) -> list[tuple[Part, ...]]:
    """What a target hands off of a source, in the order it does."""
    missing = [part for part in source.parts if part.number not in target.present]
    runs: list[tuple[Part, ...]] = []
    target.arrange(missing, lambda start, stop: source.views(start, stop, bytearray(MIB)), runs.append)
    return runs


def fill(target: Target, source: Source) -> None:
    """Write all that is missing: the last run first, each by a thread of its own, for some targets wait for turns."""
    runs = runs_of(target, source)
    with ThreadPoolExecutor(len(runs) or 1) as pool:
        for done in [pool.submit(write, target, source, run) for run in reversed(runs)]:
            done.result()


def write(target: Target, source: Source, run: tuple[Part, ...]) -> None:
    with closing(source.views(run[0].start, run[-1].stop, bytearray(MIB))) as views:
        target.write(run, views)


@dataclass
class Written:
    """A target, and how to look at what became of it.

    Args:
        open: Opens it, or opens it again after an interruption.
        seen: The folder of the model that others see, or None.
        resumes: Whether it remembers what was written.
        checks: Whether it can tell damaged bytes.
        waits: Whether others see nothing before `publish`; a proxying registry publishes with the last byte.
    """

    open: Callable[[Source], Target]
    seen: Callable[[], Path | None]
    resumes: bool
    checks: bool
    waits: bool = True


class TestSources:
    """One class, every source: a folder, and on each registry archives that describe themselves and that do not."""

    @pytest.fixture(params=["folder", "described", "plain"])
    def opened(
        self, request: pytest.FixtureRequest, backend: Backend, remote: Remote, tmp_path: Path, name: str
    ) -> tuple[Callable[[], Source], bytes, Callable[[], object]]:
        """How to open the source, what its body is, and how to change the archive."""
        tag = Tag(name, "v1")
        model, folder, path = described(tmp_path / "near", tag)
        body = pack(path)
        if request.param == "folder":
            return (
                lambda: FolderSource(model.archive, folder.description),  # type: ignore[arg-type]
                body,
                lambda: (path / "z.bin").write_bytes(b"other"),
            )
        if request.param == "described":
            push(remote, folder, model, tmp_path)
        else:
            create(remote, tag)
            upload(remote, tag, body)
        record = remote.model(tag)
        assert record

        def again() -> None:
            other, source, _ = described(tmp_path / "other", tag, **{"z.bin": 3 * MIB})
            push(remote, source, other, tmp_path)

        return partial(RemoteArchive, remote, record), body, again

    def test_its_parts_cover_its_body(self, opened: tuple[Callable[[], Source], bytes, object]) -> None:
        open_source, body, _ = opened
        with closing(open_source()) as source:
            assert source.size == len(body) or (source.size is None and not source.ranged)
            assert source.parts[0].start == 0
            assert source.parts[-1].stop == (source.size or ENDLESS)
            assert all(one.stop == two.start for one, two in zip(source.parts, source.parts[1:], strict=False))
            assert read(source, 0, source.size) == body
            assert read(source, 0, None) == body
            source.check()

    def test_it_can_be_read_from_anywhere_by_many_threads(
        self, opened: tuple[Callable[[], Source], bytes, object]
    ) -> None:
        open_source, body, _ = opened
        with closing(open_source()) as source, ThreadPoolExecutor(4) as pool:
            if not source.ranged:
                pytest.skip("it has no ranges")
            ranges = [(0, 1), (511, 513), (MIB - 1, 3 * MIB), (len(body) - 5, len(body)), (7, len(body) - 7)]
            found = pool.map(lambda each: read(source, *each), ranges)
            assert list(found) == [body[start:stop] for start, stop in ranges]

    def test_a_reader_may_stop_early(self, opened: tuple[Callable[[], Source], bytes, object]) -> None:
        open_source, body, _ = opened
        with closing(open_source()) as source:
            for _ in range(3):
                with closing(source.views(0, source.size, bytearray(MIB))) as views:
                    assert body.startswith(bytes(next(views)))

    def test_it_is_the_same_when_opened_again_and_another_when_changed(
        self, opened: tuple[Callable[[], Source], bytes, Callable[[], object]]
    ) -> None:
        open_source, body, change = opened
        with closing(open_source()) as one, closing(open_source()) as two:
            assert one.identity == two.identity
            change()
            if isinstance(one, FolderSource):
                with pytest.raises(ModelChanged):
                    one.check()
                return
            if one.ranged:  # the old bytes, or an error: never a mixture
                with suppress(Conflict, InvalidReply, ModelChanged, Unavailable):
                    assert read(one, 0, one.size) == body
            with closing(open_source()) as three:
                assert three.identity != one.identity


class TestTargets:
    """One class, every target: the stage of a model, and an upload to each registry."""

    @pytest.fixture(params=["stage", "upload"])
    def written(
        self, request: pytest.FixtureRequest, backend: Backend, remote: Remote, tmp_path: Path, name: str
    ) -> tuple[Written, FolderSource, Path]:
        tag = Tag(name, "v1")
        model, source, path = described(tmp_path / "near", tag)
        store = LocalStore(Home(tmp_path / "far"))
        if request.param == "stage":

            def stage(source: Source) -> Target:
                notes = Journal(tmp_path / "notes.jsonl", {"archive": source.identity})
                return StageTarget(store, tag, source, notes, replace=False, threads=2)

            return Written(stage, lambda: store.folder(tag) if store.find(tag) else None, True, True), source, path

        def uploading(source: Source) -> Target:
            assert source.description
            version = Version(model.info, model.size, source.description)
            return open_upload(remote, version, remote.model(tag), notes=partial(Journal, tmp_path / "notes.jsonl"))

        def downloaded() -> Path | None:
            record = remote.model(tag)
            if record is None or not record.complete:
                return None
            found = RemoteArchive(remote, record)
            assert found.description
            assert read(found, 0, found.size) == pack(path)
            return path

        resumes = backend.strategy == "presigned_url"
        return Written(uploading, downloaded, resumes, backend.extended, backend.strategy != "proxy"), source, path

    def test_nothing_is_seen_before_it_is_published_and_all_of_it_afterwards(
        self, written: tuple[Written, FolderSource, Path]
    ) -> None:
        ends, source, made = written
        with closing(ends.open(source)) as target:
            (own,) = (entry for entry in source.layout.entries if entry.path == "w.bin")
            mine = {part.number for part in source.parts if own.offset <= part.start < own.content_stop}
            assert mine
            assert not mine & target.present
            fill(target, source)
            assert target.present == {part.number for part in source.parts}
            assert ends.seen() is None or not ends.waits
            target.publish()
        seen = ends.seen()
        assert seen
        assert differences(made, seen) == []

    def test_what_was_written_is_present_when_it_is_opened_again(
        self, written: tuple[Written, FolderSource, Path]
    ) -> None:
        ends, source, made = written
        with closing(ends.open(source)) as target:
            write(target, source, runs_of(target, source)[0])
            done = set(target.present)
            assert done
            target.give_up(Unavailable("Interrupted."))
        with closing(ends.open(source)) as target:
            assert target.present >= done if ends.resumes else not target.present
            fill(target, source)
            target.publish()
        assert differences(made, ends.seen() or Path()) == []

    def test_damaged_bytes_do_not_count(self, written: tuple[Written, FolderSource, Path]) -> None:
        ends, source, made = written
        if not ends.checks:
            pytest.skip("it cannot tell damaged bytes")
        with closing(ends.open(source)) as target:
            run = runs_of(target, source)[0]
            views = damaged(source.views(run[0].start, run[-1].stop, bytearray(MIB)))
            with closing(views), pytest.raises(IntegrityError):
                target.write(run, views)
            assert run[0].number not in target.present
            fill(target, source)
            target.publish()
        assert differences(made, ends.seen() or Path()) == []

    def test_no_write_is_larger_than_its_grain(self, written: tuple[Written, FolderSource, Path]) -> None:
        ends, source, _ = written
        with closing(ends.open(source)) as target:
            for run in runs_of(target, source):
                before = set(target.present)
                write(target, source, run)
                assert target.present - before == {part.number for part in run}
                assert max(part.size for part in run) <= target.grain

    def test_what_is_replaced_stays_until_the_new_one_is_published(
        self, written: tuple[Written, FolderSource, Path]
    ) -> None:
        ends, source, made = written
        with closing(ends.open(source)) as target:
            fill(target, source)
            target.publish()
        if not ends.waits:
            pytest.skip("it publishes with the last byte")
        with closing(ends.open(source)) as target:
            target.give_up(Unavailable("Interrupted."))
        assert differences(made, ends.seen() or Path()) == []


def push(remote: Remote, source: FolderSource, model: Model, place: Path) -> None:
    """Push a model over whatever is there."""
    assert source.description
    version = Version(model.info, model.size, source.description)
    notes = partial(Journal, place / "push.jsonl")
    with closing(open_upload(remote, version, remote.model(model.tag), notes=notes)) as target:
        fill(target, source)
        target.publish()


def damaged(views: Iterator[memoryview]) -> Generator[memoryview, None, None]:
    """The same bytes but for the first."""
    first = bytearray(next(iter(views)))
    first[0] ^= 1
    yield memoryview(first)
    yield from views


def test_a_stage_of_other_bytes_is_not_resumed(tmp_path: Path) -> None:
    """The journal is kept for one archive: an earlier stage of another one is of no use."""
    tag = Tag("m", "v1")
    _, one, _ = described(tmp_path / "one", tag)
    _, two, made = described(tmp_path / "two", tag, **{"w.bin": b"\1" * (6 * MIB + 7)})
    store = LocalStore(Home(tmp_path / "far"))

    def stage(source: Source) -> StageTarget:
        notes = Journal(tmp_path / "notes.jsonl", {"archive": source.identity})
        return StageTarget(store, tag, source, notes, replace=False, threads=2)

    with closing(stage(one)) as target:
        write(target, one, runs_of(target, one)[0])
    with closing(stage(two)) as target:
        assert target.present == set()
        fill(target, two)
        target.publish()
    assert differences(made, store.folder(tag)) == []


def test_a_part_changed_on_disk_is_fetched_again(tmp_path: Path) -> None:
    tag = Tag("m", "v1")
    _, source, made = described(tmp_path / "one", tag)
    store = LocalStore(Home(tmp_path / "far"))

    def stage() -> StageTarget:
        return StageTarget(store, tag, source, Journal(tmp_path / "notes.jsonl", {}), replace=False, threads=2)

    with closing(stage()) as target:
        fill(target, source)
        (file,) = (tmp_path / "far" / "tmp").rglob("z.bin")
    file.write_bytes(bytes(4 * MIB))
    with closing(stage()) as target:
        lost = {part.number for part in source.parts} - target.present
        assert lost
        assert all(
            source.layout.entries[source.layout.find(source.parts[n - 1].stop - 1)].path == "z.bin" for n in lost
        )
        fill(target, source)
        target.publish()
    assert differences(made, store.folder(tag)) == []


def test_parts_without_digests_are_taken_as_they_come(tmp_path: Path) -> None:
    """The parts of an archive that nobody describes: what was staged is trusted only by what its own bytes hash to."""
    tag = Tag("m", "v1")
    _, source, made = described(tmp_path / "one", tag)
    plain = FolderSource.__new__(FolderSource)
    plain.__dict__.update(source.__dict__)
    plain.parts = tuple(part._replace(digest="") for part in source.parts)
    plain.description = plain.layout = None  # type: ignore[assignment]
    store = LocalStore(Home(tmp_path / "far"))
    notes = Journal(tmp_path / "notes.jsonl", {})
    with closing(StageTarget(store, tag, plain, notes, replace=False, threads=2)) as target:
        fill(target, plain)
        target.publish()
    assert differences(made, store.folder(tag)) == []
    assert target.digest == ""


def test_a_stage_whose_version_appeared_meanwhile_is_discarded(tmp_path: Path) -> None:
    tag = Tag("m", "v1")
    _, source, _ = described(tmp_path / "one", tag)
    store = LocalStore(Home(tmp_path / "far"))
    notes = tmp_path / "notes.jsonl"
    with closing(StageTarget(store, tag, source, Journal(notes, {}), replace=False, threads=2)) as target:
        fill(target, source)
        make_model(tmp_path / "far", str(tag), {"f": b"of another process"}, latest=False)
        with pytest.raises(ModelExists) as caught:
            target.publish()
        target.give_up(caught.value)
    assert not notes.exists()
    assert list((tmp_path / "far" / "tmp").iterdir()) == []
    assert (store.folder(tag) / "f").read_bytes() == b"of another process"
