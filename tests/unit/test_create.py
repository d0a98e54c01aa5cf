"""Creating models: what is wrong is said before the work, and no work is lost to what shows after it."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, ModelExists, ModelSyncError, UsageError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ModelInfo, check_limits
from modelsync_jupyter.store.create import copy_in, draft
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import CREATED, ODD_FILES, differences, make_model


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(Home(tmp_path / "home"))


def written(store: LocalStore, tag: Tag) -> dict[str, Any]:
    data = yaml.safe_load((store.folder(tag) / "model.yaml").read_text())
    assert isinstance(data, dict)
    return data


def test_a_draft_is_visible_only_when_the_block_ends(store: LocalStore) -> None:
    with draft(store, Tag("m", "v1"), {"labels": {"stage": "dev"}, "module": "bentoml.sklearn"}) as making:
        (making.path / "f").write_bytes(b"weights")
        assert store.models() == []
        assert making.path.is_relative_to(store.home.tmp)
    assert making.model == store.get(Tag("m"))
    assert making.path == store.home.models / "m/v1"
    assert dict(making.model.info.labels) == {"stage": "dev"}
    assert making.model.info.module == "bentoml.sklearn"
    assert list(store.home.tmp.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_nothing(error: type[BaseException], store: LocalStore) -> None:
    def fail() -> None:
        with draft(store, Tag("m"), {}) as making:
            (making.path / "f").write_bytes(b"weights")
            raise error

    with pytest.raises(error):
        fail()
    assert store.models() == []
    assert not store.home.models.exists()
    assert list(store.home.tmp.iterdir()) == []


def test_what_cannot_be_in_a_model_leaves_nothing(store: LocalStore) -> None:
    with pytest.raises(InvalidModel), draft(store, Tag("m"), {}) as making:
        os.mkfifo(making.path / "pipe")
    assert not store.home.models.exists()


def test_a_version_that_is_there_is_not_made_again(store: LocalStore) -> None:
    make_model(store.home.path, "m:v1", {"f": b"1"})
    with pytest.raises(ModelExists), draft(store, Tag("m", "v1"), {}):
        pytest.fail("the block must not run")
    with pytest.raises(ModelExists), draft(store, Tag("m", "v2"), {}):
        make_model(store.home.path, "m:v2", {"f": b"1"})
    assert (store.home.models / "m/v2/f").read_bytes() == b"1"


def test_a_name_alone_gets_a_fresh_version_that_is_latest(store: LocalStore) -> None:
    before = datetime.now(timezone.utc)
    with draft(store, Tag("m"), {}) as one, draft(store, Tag("m"), {}) as two:
        pass
    assert one.tag != two.tag
    assert two.model
    assert one.model
    assert before <= one.model.info.creation_time <= two.model.info.creation_time <= datetime.now(timezone.utc)
    assert store.get(Tag("m")).tag == two.tag


class Stage(str, enum.Enum):
    PROD = "prod"


class Count(enum.IntEnum):
    TWO = 2


class Moment(datetime):
    """As pandas' Timestamp is one."""


class Never(datetime):
    """As pandas' NaT is one."""

    def __eq__(self, other: object) -> bool:
        return False


def test_values_of_numpy_and_enumerations_become_plain(store: LocalStore) -> None:
    metadata: dict[Any, Any] = {
        **{"f32": np.float32(0.5), "f64": np.float64(0.25), "i": np.int64(3), "b": np.bool_(True), "s": np.str_("x")},
        **{"a": np.arange(3), "m": np.ones((2, 2)), "zero": np.array(7), "t": (1, {2}), 5: "five", "e": Stage.PROD},
        **{"two": Count.TWO, "when": Moment(2024, 1, 2, tzinfo=timezone.utc), "true": True, "day": date(2024, 1, 2)},
        **{"raw": b"\0\xff", "np day": np.datetime64("2024-01-02"), "np raw": np.bytes_(b"x")},
    }
    with draft(store, Tag("m", "v1"), {"metadata": metadata, "labels": {Stage.PROD: Stage.PROD}}):
        pass
    data = written(store, Tag("m", "v1"))
    assert data["metadata"] == {
        **{"f32": 0.5, "f64": 0.25, "i": 3, "b": True, "s": "x", "a": [0, 1, 2], "m": [[1.0, 1.0], [1.0, 1.0]]},
        **{"zero": 7, "t": [1, [2]], "5": "five", "e": "prod", "two": 2, "true": True},
        **{"when": datetime(2024, 1, 2, tzinfo=timezone.utc), "day": date(2024, 1, 2), "np day": date(2024, 1, 2)},
        **{"raw": b"\0\xff", "np raw": b"x"},
    }
    assert data["labels"] == {"prod": "prod"}


def test_signatures_are_written_as_stock_bentoml_reads_them(store: LocalStore) -> None:
    signatures = {"a": {"batchable": True, "batch_dim": 1}, "b": {"batch_dim": (0, 1)}, "c": {}}
    with draft(store, Tag("m", "v1"), {"signatures": signatures}):
        pass
    assert written(store, Tag("m", "v1"))["signatures"] == {
        **{"a": {"batchable": True, "batch_dim": [1, 1]}, "b": {"batch_dim": [0, 1]}, "c": {}}
    }


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP
REFUSED: list[dict[str, Any]] = [
    {"labels": {"a": 1}},
    {"labels": {1: "a"}},
    {"labels": {"a": "\ud800"}},
    *({"metadata": {"a": value}} for value in (None, object(), 1j, timedelta(1), Never(2024, 1, 1), "\ud800", LOOP)),
    {"metadata": {"a": [{"b": None}]}},
    {"metadata": {1: "a", "1": "b"}},
    {"metadata": {"a": 10**5000}},
    {"metadata": {"a": "x" * (1 << 20)}},
    {"metadata": {"a": [[[[]]]] * 90_000}},
    {"options": {"a": object()}},
    {"context": {"framework_versions": ["torch"]}},
    {"context": {"framework_versions": {"torch": 2}}},
    {"context": {"framework_name": 1}},
    {"signatures": {"predict": None}},
    {"signatures": {"predict": "x"}},
    {"signatures": {"predict": {"batch_dim": "x"}}},
    {"signatures": {"predict": {"batch_dim": [1, 2, 3]}}},
]


@pytest.mark.parametrize("fields", REFUSED)
def test_what_cannot_be_stored_is_refused_before_the_work(fields: dict[str, Any], store: LocalStore) -> None:
    with pytest.raises(UsageError), draft(store, Tag("m"), fields):
        pytest.fail("the block must not run")
    assert not store.home.path.exists()


def test_a_tag_in_metadata_is_text(store: LocalStore) -> None:
    with draft(store, Tag("m", "v1"), {"metadata": {"parent": Tag("base", "v2")}}):
        pass
    assert store.get(Tag("m", "v1")).info.metadata["parent"] == "base:v2"


def test_the_message_says_which_value_it_is(store: LocalStore) -> None:
    with pytest.raises(UsageError, match=r"`metadata\.a\[1\]\.b` cannot hold a `NoneType`"):
        draft(store, Tag("m"), {"metadata": {"a": [1, {"b": None}]}}).__enter__()


def put_bad_metadata(store: LocalStore, making: Any) -> None:
    making.info.metadata["x"] = None


def put_a_pipe(store: LocalStore, making: Any) -> None:
    os.mkfifo(making.path / "pipe")


def put_a_link(store: LocalStore, making: Any) -> None:
    (making.path / "link").symlink_to("/etc/hostname")


def put_the_same_version(store: LocalStore, making: Any) -> None:
    make_model(store.home.path, str(making.tag), {"f": b"theirs"})


@pytest.mark.parametrize("spoil", [put_bad_metadata, put_a_pipe, put_a_link, put_the_same_version])
def test_files_survive_what_is_noticed_after_the_work(spoil: Callable[..., None], store: LocalStore) -> None:
    def work() -> None:
        with draft(store, Tag("m", "v1"), {}) as making:
            (making.path / "weights").write_bytes(b"of many hours")
            spoil(store, making)

    with pytest.raises(ModelSyncError) as failure:
        work()
    kept = Path(failure.value.step.args["path"])
    assert str(kept) in failure.value.hint
    assert (kept / "weights").read_bytes() == b"of many hours"
    store.heal("m")
    for odd in ("pipe", "link"):
        (kept / odd).unlink(missing_ok=True)
    saved = api.save("m:v2", kept, home=store.home.path)
    assert (saved.path / "weights").read_bytes() == b"of many hours"
    assert saved.info.tag == Tag("m", "v2")


def test_a_model_yaml_of_the_block_s_own_is_replaced(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("untouched")
    with draft(store, Tag("m", "v1"), {}) as making:
        (making.path / "model.yaml").symlink_to(tmp_path / "outside")
    with draft(store, Tag("m", "v2"), {}) as making:
        os.mkfifo(making.path / "model.yaml")
    assert (tmp_path / "outside").read_text() == "untouched"
    assert [model.tag.version for model in store.models()] == ["v2", "v1"]


def test_save_copies_files_folders_and_links(store: LocalStore, tmp_path: Path) -> None:
    made = make_model(tmp_path / "in", "x:v1", ODD_FILES)
    (made / "model.yaml").unlink()
    model = api.save("m:v1", made, labels={"a": "b"}, metadata={"c": 1}, home=store.home.path)
    assert differences(made, model.path) == [f"only in {model.path}: model.yaml"]
    one = api.save("m:v2", made / "one", home=store.home.path)
    assert {path.name for path in one.path.iterdir()} == {"one", "model.yaml"}
    with pytest.raises(UsageError):
        copy_in(tmp_path / "nothing", tmp_path)
    with pytest.raises(InvalidTag):
        api.save("not a tag", made, home=store.home.path)


def test_a_folder_of_the_hugging_face_cache_is_saved_with_its_files(store: LocalStore, tmp_path: Path) -> None:
    cache = tmp_path / "models--org--name"
    snapshot = cache / "snapshots" / "0a1b"
    (snapshot / "onnx").mkdir(parents=True)
    (cache / "blobs").mkdir()
    for name, link in (("weights", "model.safetensors"), ("config", "config.json"), ("onnx", "onnx/model.onnx")):
        (cache / "blobs" / name).write_text(name)
        (snapshot / link).symlink_to("../" * (2 + link.count("/")) + f"blobs/{name}")
    (snapshot / "alias.json").symlink_to("config.json")
    (snapshot / "whole").symlink_to(cache / "blobs")
    model = api.save("m:v1", snapshot, home=store.home.path)
    assert (model.path / "model.safetensors").read_text() == "weights"
    assert (model.path / "onnx/model.onnx").read_text() == "onnx"
    assert (model.path / "whole/config").read_text() == "config"
    links = {path.name: os.readlink(path) for path in model.path.rglob("*") if path.is_symlink()}
    assert links == {"alias.json": "config.json"}
    assert store.digest(model)


def test_a_folder_that_cannot_be_copied_says_why_and_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    for number, spoil in enumerate(
        (
            lambda folder: os.mkfifo(folder / "pipe"),
            lambda folder: (folder / "gone").symlink_to("../nothing"),
            lambda folder: (folder / "up").symlink_to(folder.parent),
            lambda folder: (folder / "null").symlink_to("/dev/null"),
        )
    ):
        folder = tmp_path / str(number) / "in"
        folder.mkdir(parents=True)
        spoil(folder)
        with pytest.raises(UsageError):
            api.save("m:v1", folder, home=store.home.path)
    assert store.models() == []
    assert list(store.home.tmp.iterdir()) == []


def test_limits_of_the_registry_are_checked_without_it() -> None:
    def info(**labels: str) -> ModelInfo:
        return ModelInfo(Tag("m", "v1"), CREATED, labels=labels)

    check_limits(info(a="b" * 1024, **{"k" * 128: ""}))
    for bad in (info(a="b" * 1025), info(**{"k" * 129: ""}), info(**{f"k{number}": "" for number in range(1001)})):
        with pytest.raises(UsageError, match="label"):
            check_limits(bad)
