"""The store while others create, replace and delete, and what looking at many versions costs."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import InvalidModel, ModelNotFound
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.create import draft
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model, folder_size
from tests.harness.models import CREATED, make_model


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(Home(tmp_path))
    for number in range(20):
        make_model(tmp_path, f"m:v{number}", {"f": b"1"}, created=CREATED + timedelta(days=number))
    return store


def versions(models: list[Model]) -> list[str | None]:
    return [model.tag.version for model in models]


Spoil = Callable[[Path], None]
NEWEST_FIRST = [f"v{number}" for number in reversed(range(20))]


def test_a_page_is_part_of_the_whole(store: LocalStore) -> None:
    make_model(store.home.path, "a:v1")
    whole = store.models()
    assert (versions(whole), whole.total) == (["v1", *NEWEST_FIRST], 21)
    for start, limit in ((0, 5), (3, 4), (20, 5), (40, 5), (0, 0)):
        page = store.models(start=start, limit=limit)
        assert (page, page.total) == (whole[start : start + limit], 21)
    page = store.models("m", start=18)
    assert (versions(page), page.total) == (["v1", "v0"], 20)
    page = api.list_models(search="M:V1", limit=2, home=store.home.path)
    assert (versions(page), page.total) == (["v19", "v18"], 11)


class Parses:
    """Counts each model.yaml that is parsed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = yaml.load

        def load(*args: Any) -> Any:
            self.count += 1
            return real(*args)

        monkeypatch.setattr(yaml, "load", load)

    def of(self, work: Callable[[], object]) -> int:
        self.count = 0
        work()
        return self.count


def test_only_what_is_shown_or_touched_is_parsed(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    parses = Parses(monkeypatch)

    def create() -> None:
        with draft(store, Tag("m", "new"), {}):
            pass

    assert parses.of(lambda: store.models(limit=3)) == 3
    assert parses.of(lambda: store.get(Tag("m"))) == 1
    assert parses.of(create) <= 4
    assert parses.of(lambda: store.delete(Tag("m", "v3"))) == 0
    assert parses.of(lambda: store.delete(Tag("m", "new"))) == 0
    (store.home.models / "m/latest").unlink()
    assert parses.of(lambda: store.heal("m")) == 0
    assert parses.of(lambda: store.get(Tag("m"))) == 1


@pytest.mark.parametrize(
    "time",
    [
        "creation_time: 2024-12-01T00:00:00+00:00",
        "creation_time: 2024-12-01 00:00:00",
        'creation_time: "2024-12-01T00:00:00+00:00"',
        "creation_time: '2024-12-01T00:00:00Z'",
        "? creation_time\n: '2024-12-01T00:00:00+00:00'",
        "'creation_time': '2024-12-01T00:00:00+00:00'",
        "creation_time: '2024-12-01T00:00:00+00:00'\nmetadata:\n  creation_time: '1999-12-01T00:00:00+00:00'",
        "metadata:\n  x: |\n    creation_time: '1999-12-01T00:00:00+00:00'\ncreation_time: '2024-12-01T00:00:00+00:00'",
        "metadata: {x: '\ncreation_time: ''1999-12-01T00:00:00+00:00''\n'}\ncreation_time: '2024-12-01T00:00:00+00:00'",
        "metadata: {x: '\n\ncreation_time: '}\n\"creation\\x5ftime\": '2024-12-01T00:00:00+00:00'",
    ],
)
def test_however_a_time_is_written_it_counts(time: str, store: LocalStore) -> None:
    folder = store.home.models / "m/odd"
    folder.mkdir()
    (folder / "model.yaml").write_text(f"name: m\nversion: odd\n{time}\n")
    assert versions(store.models(limit=2)) == ["odd", "v19"] == versions(store.models())[:2]
    (store.home.models / "m/latest").unlink()
    assert store.get(Tag("m")).tag.version == "odd"


def test_a_time_that_turns_out_to_be_another_is_sorted_again(store: LocalStore) -> None:
    """No program writes this: what looks like the time at the start of a line is text in quotes."""
    folder = store.home.models / "m/liar"
    folder.mkdir()
    text = "metadata: {x: \"\ncreation_time: '2031-12-01T00:00:00+00:00'\n\"}\n\"creation\\x5ftime\": '2001-12-01'\n"
    (folder / "model.yaml").write_text(f"name: m\nversion: liar\n{text}")
    page = store.models(limit=2)
    assert (versions(page), page.total) == (["v19", "v18"], 21)


def test_what_looks_like_a_model_and_is_not_does_not_count_when_it_would_be_shown(store: LocalStore) -> None:
    folder = store.home.models / "m/broken"
    folder.mkdir()
    (folder / "model.yaml").write_text("name: m\nversion: broken\ncreation_time: '2031-12-01T00:00:00+00:00'\n[")
    page = store.models(limit=2)
    assert (versions(page), page.total) == (["v19", "v18"], 20)


def test_a_list_while_models_come_and_go(store: LocalStore) -> None:
    """Another thread deletes and replaces all the time; whatever is listed was there, whole, at some moment."""
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            for number in range(5, 19):
                tag = Tag("m", f"v{number}")
                staged = Path(shutil.copytree(store.folder(tag), store.new_folder("test") / "model"))
                (staged / "f").write_bytes(b"1")
                store.delete(tag)
                store.install(staged, tag)
                shutil.rmtree(staged.parent)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(15):
            for limit in (None, 10):
                models = store.models(limit=limit)
                assert all(model.to_dict()["size"] > 100 for model in models)
                assert {"v19", "v4"} <= {model.tag.version for model in store.models()}
            store.get(Tag("m", "v0"))
            store.find(Tag("m", "v7"))
            store.find(Tag("m"))
    finally:
        done.set()
        thread.join()


def test_a_model_deleted_between_two_looks_is_left_out(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Model.load

    def slow(path: Path) -> Model:
        if path.name == "v7":
            shutil.rmtree(path)
        return load(path)

    monkeypatch.setattr(Model, "load", slow)
    assert "v7" not in versions(store.models())
    make_model(store.home.path, "m:v7")
    assert store.find(Tag("m", "v7")) is None
    make_model(store.home.path, "m:v7")
    with pytest.raises(ModelNotFound):
        store.get(Tag("m", "v7"))


def test_a_model_replaced_while_it_is_read_is_read_again(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Model.load
    replaced: list[Path] = []

    def slow(path: Path) -> Model:
        model = load(path)
        if path.name == "v7" and not replaced:
            replaced.append(path.rename(store.home.path / "old"))
            make_model(store.home.path, "m:v7", {"f": b"a longer one"}, labels={"new": "yes"})
        return model

    monkeypatch.setattr(Model, "load", slow)
    (model,) = store.models("m", matches=lambda tag: tag.version == "v7")
    assert (model.info.labels, model.size) == ({"new": "yes"}, folder_size(model.path))


def test_delete_goes_on_beside_another_delete(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    new_folder = LocalStore.new_folder

    def slow(self: LocalStore, purpose: str) -> Path:
        for version in ("v3", "v12"):
            shutil.rmtree(store.folder(Tag("m", version)), ignore_errors=True)
        return new_folder(self, purpose)

    monkeypatch.setattr(LocalStore, "new_folder", slow)
    gone = store.delete(Tag("m"))
    assert len(gone) == 18
    assert not (store.home.models / "m").exists()
    assert list(store.home.tmp.iterdir()) == []


def test_two_deletes_of_one_name_at_once(store: LocalStore) -> None:
    gone: list[Tag] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            gone.extend(store.delete(Tag("m")))
        except ModelNotFound as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, gone)) == sorted(f"m:v{number}" for number in range(20))
    assert not (store.home.models / "m").exists()


def _nothing(folder: Path) -> None:
    (folder / "model.yaml").unlink()


def _broken(folder: Path) -> None:
    (folder / "model.yaml").write_bytes(b"[")


def _pipe(folder: Path) -> None:
    (folder / "model.yaml").unlink()
    os.mkfifo(folder / "model.yaml")


def _link_to_a_device(folder: Path) -> None:
    (folder / "model.yaml").unlink()
    (folder / "model.yaml").symlink_to("/dev/zero")


def _huge(folder: Path) -> None:
    os.truncate(folder / "model.yaml", (1 << 20) + 1)


@pytest.mark.parametrize("spoil", [_nothing, _broken, _pipe, _link_to_a_device, _huge])
@pytest.mark.parametrize("tag", ["m:v7", "m"])
def test_half_a_model_is_not_listed_but_can_be_deleted(tag: str, spoil: Spoil, store: LocalStore) -> None:
    spoil(store.folder(Tag("m", "v7")))
    assert "v7" not in versions(store.models()) + versions(store.models(limit=20))
    with pytest.raises(InvalidModel):
        store.get(Tag("m", "v7"))
    assert Tag("m", "v7") in api.delete(tag, home=store.home.path)
    assert not store.folder(Tag("m", "v7")).exists()


def test_a_list_shows_a_model_that_cannot_be_pushed(store: LocalStore) -> None:
    """Stock bentoml saves links that leave the folder; one such model does not hide all others."""
    (store.folder(Tag("m", "v7")) / "link").symlink_to("/etc/hostname")
    assert [model.to_dict()["tag"] for model in store.models()] == [f"m:{version}" for version in NEWEST_FIRST]
    model = store.get(Tag("m", "v7"))
    assert (model.size > 0, store.digest(model)) == (True, None)
    with pytest.raises(InvalidModel, match="link"):
        store.describe(model)


def test_the_folder_of_a_name_may_vanish_while_a_model_comes(store: LocalStore) -> None:
    """One thread deletes the last model of a name, and with it the folder, while the other installs."""
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            store.heal("n")

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for number in range(30):
            with draft(store, Tag("n", f"v{number}"), {}):
                pass
            store.delete(Tag("n", f"v{number}"))
    finally:
        done.set()
        thread.join()
