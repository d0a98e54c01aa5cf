"""The local store: BentoML's layout, whole models only, and `latest` as BentoML means it."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.archive.layout import MTIME
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import InvalidModel, ModelExists, ModelNotFound, UsageError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store import model
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from tests.harness.models import CREATED, make_model


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(Home(tmp_path))


def make(store: LocalStore, tag: str, day: int = 0, content: bytes = b"1", **fields: Any) -> Path:
    return make_model(store.home.path, tag, {"f": content}, created=CREATED + timedelta(days=day), **fields)


def tags(models: list[Model]) -> list[str]:
    return [str(model.tag) for model in models]


def staged(store: LocalStore, tag: str, day: int = 0, content: bytes = b"new") -> Path:
    """A finished folder that is not in the store yet."""
    folder = store.new_folder("test")
    created = CREATED + timedelta(days=day)
    return make_model(folder, tag, {"f": content}, created=created, latest=False).rename(folder / "model")


def test_an_empty_home_has_no_models(store: LocalStore) -> None:
    assert store.models() == store.models("m") == []
    with pytest.raises(ModelNotFound, match="No model `m:v1`"):
        store.get(Tag("m", "v1"))
    assert list(store.home.path.iterdir()) == []


def test_get_is_exact(store: LocalStore) -> None:
    make(store, "m:abc123")
    assert store.get(Tag("m", "abc123")).path == store.home.models / "m/abc123"
    with pytest.raises(ModelNotFound, match="Available: `abc123`"):
        store.get(Tag("m", "abc"))


def test_latest_is_what_the_file_says(store: LocalStore) -> None:
    make(store, "m:old", 0)
    make(store, "m:new", 1, latest=False)
    assert store.get(Tag("m")).tag == Tag("m", "old")


@pytest.mark.parametrize("content", [None, b"gone", b"", b"latest", b"../m/old", b"\xff\xfe", b"a b"])
def test_without_a_good_file_latest_is_the_newest(content: bytes | None, store: LocalStore) -> None:
    for day, version in enumerate(("a", "z", "m")):
        make(store, f"m:{version}", day, latest=False)
    if content is not None:
        (store.home.models / "m/latest").write_bytes(content)
    assert store.get(Tag("m")).tag == Tag("m", "m")


def test_lists_are_sorted_by_name_and_then_newest_first(store: LocalStore) -> None:
    for tag, day in (("b:1", 5), ("a:1", 1), ("a:3", 3), ("a:2", 2)):
        make(store, tag, day)
    assert tags(store.models()) == ["a:3", "a:2", "a:1", "b:1"]
    assert tags(store.models("b")) == ["b:1"]


def test_what_is_no_model_is_left_out_of_lists(store: LocalStore) -> None:
    make(store, "m:good")
    for half in ("half", "broken", ".hidden", "other"):
        (store.home.models / "m" / half).mkdir()
    (store.home.models / "m/broken/model.yaml").write_bytes(b"[")
    (store.home.models / "m/stray-file").write_bytes(b"")
    (store.home.models / "stray-file").write_bytes(b"")
    copied = (store.home.models / "m/good/model.yaml").read_bytes()
    (store.home.models / "m/other/model.yaml").write_bytes(copied)
    assert tags(store.models()) == ["m:good"]
    with pytest.raises(InvalidModel, match="`m:other` holds `m:good`"):
        store.get(Tag("m", "other"))
    with pytest.raises(InvalidModel, match="holds no"):
        store.get(Tag("m", "half"))


def test_a_folder_of_another_model_is_never_the_latest(store: LocalStore) -> None:
    make(store, "m:v1")
    make(store, "n:v1", 9)
    (store.home.models / "n/v1").rename(store.home.models / "m/strange")
    (store.home.models / "m/latest").unlink()
    assert store.get(Tag("m")).tag == Tag("m", "v1")


def test_delete_one_version_mends_latest(store: LocalStore) -> None:
    for day, version in enumerate(("v1", "v2", "v3")):
        make(store, f"m:{version}", day)
    assert store.delete(Tag("m", "v3")) == [Tag("m", "v3")]
    assert (store.home.models / "m/latest").read_text() == "v2"
    assert store.delete(Tag("m", "v1")) == [Tag("m", "v1")]
    assert (store.home.models / "m/latest").read_text() == "v2"
    assert store.delete(Tag("m", "v2")) == [Tag("m", "v2")]
    assert not (store.home.models / "m").exists()
    assert list(store.home.tmp.iterdir()) == []
    with pytest.raises(ModelNotFound):
        store.delete(Tag("m", "v2"))


def test_delete_by_name_by_latest_and_by_version_mean_what_they_say(store: LocalStore) -> None:
    home = store.home.path
    for name in ("m", "n"):
        for day, version in enumerate(("v1", "v2", "v3")):
            make(store, f"{name}:{version}", day)
    assert api.delete("m:latest", home=home) == [Tag("m", "v3")]
    assert api.delete("m:v1", home=home) == [Tag("m", "v1")]
    assert api.delete("n", home=home) == [Tag("n", version) for version in ("v1", "v2", "v3")]
    assert tags(store.models()) == ["m:v2"]
    for gone in ("n", "n:latest", "n:v1", "m:v"):
        with pytest.raises(ModelNotFound):
            api.delete(gone, home=home)


def test_a_half_model_can_be_deleted(store: LocalStore) -> None:
    (store.home.models / "m/half").mkdir(parents=True)
    assert store.delete(Tag("m", "half")) == [Tag("m", "half")]
    assert not (store.home.models / "m").exists()


def test_install_moves_the_folder_and_latest_follows_the_newest(store: LocalStore) -> None:
    folder = staged(store, "m:v2", 2)
    model = store.install(folder, Tag("m", "v2"))
    assert (model.path, folder.exists()) == (store.home.models / "m/v2", False)
    store.install(staged(store, "m:v1", 1), Tag("m", "v1"))
    assert (store.home.models / "m/latest").read_text() == "v2"
    store.install(staged(store, "m:v3", 2), Tag("m", "v3"))
    assert (store.home.models / "m/latest").read_text() == "v3"


def test_install_replaces_only_when_told_to(store: LocalStore) -> None:
    make(store, "m:v1")
    folder = staged(store, "m:v1", content=b"other")
    with pytest.raises(ModelExists):
        store.install(folder, Tag("m", "v1"))
    assert (store.home.models / "m/v1/f").read_bytes() == b"1"
    store.install(folder, Tag("m", "v1"), replace=True)
    assert (store.home.models / "m/v1/f").read_bytes() == b"other"
    assert not folder.exists()
    assert sorted(path.name for path in (store.home.models / "m").iterdir()) == ["latest", "v1"]


def test_install_refuses_another_model_and_leaves_the_store_alone(store: LocalStore) -> None:
    make(store, "m:v1")
    with pytest.raises(InvalidModel, match="`m:v1` holds `p:v1`"):
        store.install(staged(store, "p:v1"), Tag("m", "v1"), replace=True)
    assert (store.home.models / "m/v1/f").read_bytes() == b"1"
    assert tags(store.models()) == ["m:v1"]


def test_a_model_says_what_it_is(store: LocalStore) -> None:
    path = make(store, "m:v1", labels={"stage": "dev"})
    model = store.get(Tag("m", "v1"))
    assert model.size == sum(file.stat().st_size for file in path.iterdir())
    assert model.archive.mtime == MTIME
    assert model.to_dict() == {
        **{"tag": "m:v1", "size": model.size, "labels": {"stage": "dev"}, "module": "", "metadata": {}},
        **{"creation_time": CREATED.isoformat(), "path": str(path)},
    }
    assert (str(model), repr(model).startswith("Model(m:v1, ")) == ("m:v1", True)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system")
def test_a_store_on_another_disk_is_noticed_before_anything_is_made(store: LocalStore) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        if os.stat(other).st_dev == store.home.path.stat().st_dev:
            pytest.skip("no second file system")
        store.home.models.symlink_to(other)
        with pytest.raises(UsageError, match="different file systems") as refusal:
            api.create("m:v1", home=store.home.path).__enter__()
        assert other in refusal.value.hint
        place = Path(other).with_name(f"{Path(other).name}-tmp")
        place.mkdir()
        store.home.tmp.rmdir()
        store.home.tmp.symlink_to(place)
        with api.create("m:v1", home=store.home.path) as making:
            (making.path / "f").write_bytes(b"1")
        assert tags(store.models()) == ["m:v1"]
        place.rmdir()


def test_of_many_versions_each_has_its_time(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many are read by several threads, and as few are."""
    for day in range(30):
        make(store, f"m:v{day}", day)
    (store.home.models / "m" / "v7" / "model.yaml").write_text("broken: [")
    times = store.creation_times("m", lambda tag: True)
    assert times == {Tag("m", f"v{day}"): CREATED + timedelta(days=day) for day in range(30) if day != 7}
    monkeypatch.setattr(model, "FEW", 3)
    assert store.creation_times("m", lambda tag: True) == times
    assert tags(store.models(limit=3)) == ["m:v29", "m:v28", "m:v27"]


def test_what_was_deleted_is_restored_as_it_was_and_nobody_else_sees_it(store: LocalStore) -> None:
    here = api.Client(store.home.path)
    for day, version in enumerate(("v1", "v2", "v3")):
        make(store, f"m:{version}", day)
    digest = here.digest(here.get("m:v3"), hash=True)
    assert here.delete("m:v3") == [Tag("m", "v3")]
    assert here.delete("m") == [Tag("m", "v1"), Tag("m", "v2")]
    assert not (store.home.models / "m").exists()
    store.heal("m")
    here.gc()
    assert {str(each.tag) for each in here.deleted()} == {"m:v1", "m:v2", "m:v3"}
    assert here.restore("m:v2") == [Tag("m", "v2")]
    assert set(here.restore("m")) == {Tag("m", "v1"), Tag("m", "v3")}
    assert (store.home.models / "m/latest").read_text() == "v3"
    assert here.digest(here.get("m:v3")) == digest  # no file is read for that
    assert (here.deleted(), list(store.home.tmp.iterdir())) == ([], [])
    with pytest.raises(ModelNotFound, match="not among the deleted"):
        here.restore("m:v3")


def test_of_two_that_had_a_tag_the_last_comes_back_and_never_over_a_third(store: LocalStore) -> None:
    here = api.Client(store.home.path)
    for content in (b"first", b"second"):
        make(store, "m:v1", content=content)
        here.delete("m:v1")
    make(store, "m:v1", content=b"third")
    with pytest.raises(ModelExists, match="another `m:v1`"):
        here.restore("m:v1")
    assert here.get("m:v1").path.joinpath("f").read_bytes() == b"third"
    here.delete("m:v1", permanently=True)
    for content in (b"second", b"first"):
        assert here.restore("m:v1") == [Tag("m", "v1")]
        assert here.get("m:v1").path.joinpath("f").read_bytes() == content
        here.delete("m:v1", permanently=True)


def test_the_trash_is_emptied_by_time_by_gc_and_where_a_pull_needs_the_space(store: LocalStore) -> None:
    here = api.Client(store.home.path)
    for version in ("v1", "v2", "v3", "v4"):
        make(store, f"m:{version}", content=bytes(100_000))
        here.delete(f"m:{version}")
    week = time.time() - 7 * 86_400 - 1
    (old,) = store.home.tmp.glob("modelsync-trash-m@v1-*")
    os.utime(old, (week, week))
    assert [str(each.tag) for each in here.deleted()] == ["m:v4", "m:v3", "m:v2"]
    store.heal("other")
    assert not old.exists()
    store.trash.make_room(100_000)
    assert [str(each.tag) for each in here.deleted()] == ["m:v4", "m:v3"]
    assert here.gc(trash=True, dry_run=True).freed >= 200_000
    assert len(here.deleted()) == 2
    assert here.gc(trash=True).freed >= 200_000
    assert (here.deleted(), list(store.home.tmp.iterdir())) == ([], [])
