"""What a copy asks of its ends, asked of files and folders: the suite of `test_ends`, without any registry."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelsync_jupyter.archive.folder import FolderArchive, FolderSource
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import DiskFull
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.files.formats import FORMATS
from modelsync_jupyter.remotes.files.places import LocalPlace, Place
from modelsync_jupyter.remotes.files.reading import StreamSource, TarSource, open_archive
from modelsync_jupyter.remotes.files.trees import TreeSource
from modelsync_jupyter.remotes.files.urls import find_place
from modelsync_jupyter.remotes.files.writing import open_export
from modelsync_jupyter.remotes.protocol import Source, Target
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.transfer.exporting import FolderTarget
from modelsync_jupyter.transfer.importing import ImportTarget
from modelsync_jupyter.transfer.journal import Journal
from tests.harness.models import CREATED
from tests.unit.archives import pack

from .test_ends import TestSources as Sources
from .test_ends import TestTargets as Targets
from .test_ends import Written, described, fill


def export(place: Place, format: str, source: FolderSource, notes: Path, replace: bool = True) -> Target:
    assert source.description
    journal = Journal(notes, {"archive": source.identity})
    return open_export(place, FORMATS[format], source.description, journal, replace=replace, created=CREATED)


def opened_again(place: Place) -> Source:
    found = open_archive(place)
    return found if isinstance(found, (TarSource, StreamSource)) else TreeSource(found)


class TestFileSources(Sources):
    """A plain tar, a compressed one, one without a description, a zip, folders, and a tar behind a URL."""

    @pytest.fixture(params=["tar", "zst", "stock", "zip", "folder", "memory"])
    def opened(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> tuple[Callable[[], Source], bytes, Callable[[], object]]:
        tag = Tag("m", "v1")
        _, source, path = described(tmp_path / "near", tag)
        other = described(tmp_path / "other", tag, **{"z.bin": 3 << 20})[1]
        body, format = pack(path), request.param
        place: Place = LocalPlace(tmp_path / "export")
        if format == "stock":
            (tmp_path / "export").write_bytes(body)
            return partial(opened_again, place), body, lambda: (tmp_path / "export").write_bytes(pack(path)[:-512])
        if format == "folder":
            shutil.copytree(path, tmp_path / "export", symlinks=True)
            return partial(opened_again, place), body, lambda: (tmp_path / "export/z.bin").write_bytes(b"other")
        if format == "memory":
            place, format = find_place(f"memory://{tmp_path}/export.tar"), "tar"

        def write(source: FolderSource) -> None:
            target = export(place, format, source, tmp_path / "notes")
            fill(target, source)
            target.publish()
            target.close()

        write(source)
        return partial(opened_again, place), body, partial(write, other)


class TestFileTargets(Targets):
    """Each way of writing an export, and the stage of an import."""

    @pytest.fixture(params=["tar", "zst", "zip", "folder", "import", "memory-folder"])
    def written(self, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Written, FolderSource, Path]:
        tag = Tag("m", "v1")
        model, source, path = described(tmp_path / "near", tag)
        store, format, where = LocalStore(Home(tmp_path / "far")), request.param, tmp_path / "export"
        place: Place = LocalPlace(where)
        if format.startswith("memory"):
            place, format = find_place(f"memory://{tmp_path}/export"), format.partition("-")[2]

        def open_target(source: Source) -> Target:
            if request.param == "folder":
                return FolderTarget(
                    where, tag, source, Journal(tmp_path / "notes", {}), replace=True, check=lambda: None
                )
            if format == "import":
                more: dict[str, Any] = {"rename": None, "claimed": "", "replace": False, "threads": 2, "shown": "it"}
                journal = Journal(tmp_path / "notes", {})
                return ImportTarget(store, None, source, journal, check=lambda: None, **more)
            return export(place, format, source, tmp_path / "notes")  # type: ignore[arg-type]

        def seen() -> Path | None:
            if format == "import":
                return store.folder(tag) if store.find(tag) else None
            if request.param == "folder":
                return where if where.exists() else None
            if not place.kind() or (format == "folder" and not place.child("model.yaml").kind()):
                return None
            found = opened_again(place)
            copy = tmp_path / "seen"
            shutil.rmtree(copy, ignore_errors=True)
            target = FolderTarget(
                copy, tag, found, Journal(tmp_path / "seen-notes", {}), replace=True, check=lambda: None
            )
            fill(target, found)
            target.publish()
            found.close()
            assert FolderArchive.scan(copy).layout == model.archive.layout
            return copy

        resumes = request.param in ("tar", "zst", "folder", "import")
        return Written(open_target, seen, resumes, True), source, path


def test_a_folder_for_which_there_is_no_room_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = Tag("m", "v1")
    source = described(tmp_path / "near", tag)[1]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(DiskFull, match=r"needs .*has 10 B left"):
        FolderTarget(
            tmp_path / "there/export", tag, source, Journal(tmp_path / "notes", {}), replace=True, check=lambda: None
        )
    assert not (tmp_path / "there/export").exists()
