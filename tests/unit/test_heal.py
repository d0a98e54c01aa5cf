"""What killed processes leave behind is mended by the next run, and what lives is left alone."""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - used late, by a user who may not read it
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import this_process, write_text
from modelsync_jupyter.store import model
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import CREATED, make_model

pytestmark = pytest.mark.processes
NOBODY = 65534
LONG_AGO = 1_600_000_000


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(Home(tmp_path))
    for day, version in enumerate(("v1", "v3", "v2")):
        make_model(tmp_path, f"m:{version}", {"f": b"1"}, created=CREATED + timedelta(days=day), latest=False)
    write_text(latest(store), "v2")
    return store


def latest(store: LocalStore) -> Path:
    return store.home.models / "m/latest"


@pytest.fixture(scope="session")
def dead_process() -> str:
    """The name of a process that has ended."""
    code = "from modelsync_jupyter.files import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run as a user for whom modes of files mean something; root may do everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def seen(home: Path) -> dict[str, tuple[int, int]]:
    """Everything in a home with its inode and time."""
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in (home, *sorted(home.rglob("*")))}


@pytest.mark.parametrize("content", ["v1", "gone", "", "../m/v1", None])
def test_a_stale_latest_names_the_newest_again(content: str | None, store: LocalStore) -> None:
    latest(store).unlink()
    if content is not None:
        latest(store).write_text(content)
    store.heal("m")
    assert latest(store).read_text() == "v2"


def test_a_pipe_in_the_place_of_latest_is_replaced_and_waits_for_nobody(store: LocalStore) -> None:
    latest(store).unlink()
    os.mkfifo(latest(store))
    assert store.get(Tag("m")).tag == Tag("m", "v2")
    store.heal("m")
    assert latest(store).read_text() == "v2"


def test_nothing_is_written_where_nothing_has_to_be_mended(store: LocalStore) -> None:
    alive = Stage.create(store.building_place())
    alive.folder.touch()
    before = seen(store.home.path)
    store.heal("m")
    store.heal("no such name")
    assert seen(store.home.path) == before


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    LocalStore(Home(tmp_path / "none")).heal("m")
    assert not (tmp_path / "none").exists()


def test_a_name_without_versions_goes(store: LocalStore) -> None:
    for version in ("v1", "v2", "v3"):
        shutil.rmtree(store.folder(Tag("m", version)))
    store.heal("m")
    assert not (store.home.models / "m").exists()


def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(store: LocalStore, dead_process: str) -> None:
    folder = store.home.models / "m"
    mine, dead, old = (folder / f".latest.{process}-0123abcd" for process in (this_process(), dead_process, "x"))
    recent = folder / ".latest.other.host-17-99-0123abcd"
    for path in (mine, dead, old, recent):
        path.write_text("v9")
    os.utime(old, (LONG_AGO, LONG_AGO))
    store.heal("m")
    assert sorted(folder.glob(".latest.*")) == sorted([mine, recent])


def owned_by(folder: Path, process: str) -> Path:
    (folder / "owner").write_text(process)
    return folder


def test_dead_stages_and_trash_go(store: LocalStore, dead_process: str) -> None:
    stages = [owned_by(store.new_folder(purpose), dead_process) for purpose in ("new", "pull", "deleted")]
    old = store.home.tmp / "modelsync-pull-m--v1"  # as the first version named its own
    (old / "model").mkdir(parents=True)
    os.utime(old, (LONG_AGO, LONG_AGO))
    store.heal("m")
    assert not any(path.exists() for path in (*stages, old))


def alive(store: LocalStore, dead: str) -> Path:
    return store.new_folder("new")


def named_by_a_journal(store: LocalStore, dead: str) -> Path:
    stage = Stage.create(store.building_place())
    write_text(store.home.state / "journals/pull-m@v1.jsonl", f'{{"stage": "{stage.name}"}}\n')
    return owned_by(stage.folder.parent, dead)


def of_another_machine(store: LocalStore, dead: str) -> Path:
    return owned_by(store.new_folder("new"), "other-host-17-99")


def kept_for_the_user(store: LocalStore, dead: str) -> Path:
    return store.keep(owned_by(store.new_folder("new"), dead))


def of_bentoml(store: LocalStore, dead: str) -> Path:
    (store.home.tmp / "tmp12345").mkdir(parents=True)
    return store.home.tmp / "tmp12345"


def of_another_user(store: LocalStore, dead: str) -> Path:
    folder = owned_by(store.new_folder("new"), dead)
    os.chown(folder, NOBODY, NOBODY)
    return folder


def a_link(store: LocalStore, dead: str) -> Path:
    (store.home.path / "elsewhere").mkdir()
    link = store.building_place() / "modelsync-new-link"
    link.symlink_to(owned_by(store.home.path / "elsewhere", dead))
    return link


Maker = Callable[[LocalStore, str], Path]
MAKERS = [
    *(alive, named_by_a_journal, of_another_machine, kept_for_the_user, of_bentoml, a_link),
    pytest.param(of_another_user, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")),
]


@pytest.mark.parametrize("make", MAKERS)
def test_what_may_still_be_wanted_stays(make: Maker, store: LocalStore, dead_process: str) -> None:
    folder = make(store, dead_process)
    store.heal("m")
    assert os.path.lexists(folder)


def test_read_only_folders_are_deleted_and_swept(tmp_path: Path, dead_process: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if not os.geteuid():
        for path in (tmp_path, *tmp_path.parents[:3]):
            os.chmod(path, 0o755)
        os.chown(home, NOBODY, NOBODY)
    with as_nobody():
        store = LocalStore(Home(home))
        for tag in ("m:v1", "m:v2"):
            folder = make_model(home, tag, {"a/b/f": b"1"})
            for path in (folder / "a/b", folder / "a", folder):
                path.chmod(0o555)
        trash = owned_by(store.new_folder("deleted"), dead_process)
        (trash / "model" / "sub").mkdir(parents=True)
        (trash / "model" / "sub" / "f").touch()
        for path in (trash / "model" / "sub", trash / "model"):
            path.chmod(0o500)
        assert store.delete(Tag("m", "v1")) == [Tag("m", "v1")]
        store.heal("m")
        assert list(store.home.tmp.iterdir()) == []
        assert [model.tag.version for model in store.models()] == ["v2"]
        assert store.delete(Tag("m")) == [Tag("m", "v2")]
        assert list(store.home.tmp.iterdir()) == []


def test_a_read_only_store_is_left_alone_without_an_error(tmp_path: Path, dead_process: str) -> None:
    home = tmp_path / "home"
    make_model(home, "m:v1", {"f": b"1"})
    (home / "models/m/latest").write_text("gone")
    (home / "models/m/.latest.x").write_text("litter")
    os.utime(home / "models/m/.latest.x", (LONG_AGO, LONG_AGO))
    if not os.geteuid():
        for path in (tmp_path, *tmp_path.parents[:3]):
            os.chmod(path, 0o755)
    with as_nobody():
        if os.access(home, os.W_OK, effective_ids=True):
            pytest.skip("this user may write everywhere")
        store = LocalStore(Home(home))
        before = seen(home)
        store.heal("m")
        (model,) = store.models()
        assert store.get(Tag("m")).tag == model.tag
        assert store.describe(model).digest.startswith("blake3:")
        assert store.digest(model) is None
        assert seen(home) == before


def test_the_index_forgets_versions_that_others_deleted(store: LocalStore, dead_process: str) -> None:
    for version in ("v1", "v2"):
        store.describe(store.get(Tag("m", version)))
    shutil.rmtree(store.folder(Tag("m", "v1")))
    store.heal("m")
    digests = store.home.state / "digests"
    assert [path.name for path in digests.iterdir()] == ["m@v2.json"]
    for process in (dead_process, this_process()):
        (digests / f".m@v2.json.{process}-0123abcd").touch()
    store.heal("m")
    assert len(list(digests.iterdir())) == 2


def test_digests_as_the_first_version_named_them_go(store: LocalStore) -> None:
    store.describe(store.get(Tag("m", "v1")))
    digests = store.home.state / "digests"
    for old in ("m--v1.json", "other--v2.json"):
        (digests / old).touch()
    (digests / "a--b@v1.json").touch()  # of today, and of a name that is none of ours to look at
    store.heal("m")
    assert sorted(path.name for path in digests.iterdir()) == ["a--b@v1.json", "m@v1.json"]


def test_of_many_versions_the_times_are_read_only_at_the_sign_of_a_killed_process(
    store: LocalStore, dead_process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelsync_jupyter.store.local.FEW", 2)
    read: list[str] = []
    real = model.read_creation_time
    monkeypatch.setattr(model, "read_creation_time", lambda folder, tag: read.append(folder) or real(folder, tag))
    latest(store).write_text("v3")
    store.heal("m")
    assert (read, latest(store).read_text()) == ([], "v3")
    litter = latest(store).with_name(f".latest.{dead_process}-0123abcd")
    litter.write_text("v2")  # as a process leaves it that is killed between the version and `latest`
    store.heal("m")
    assert (len(read) > 2, latest(store).read_text(), litter.exists()) == (True, "v2", False)
    latest(store).write_text("gone")
    store.heal("m")
    assert latest(store).read_text() == "v2"
