"""The wire: times, parts, manifests, and replies from registries that answer anything at all."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.core.errors import IntegrityError, InvalidReply
from modelsync_jupyter.core.parts import Part, parse_parts, parts_json
from modelsync_jupyter.core.plain import plain
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ModelInfo
from modelsync_jupyter.remotes.bentocloud.replies import (
    Begun,
    Download,
    items,
    mapping,
    parse_begun,
    parse_download,
    parse_model,
)
from modelsync_jupyter.wire import (
    TOKEN_HEADER,
    format_time,
    manifest_json,
    model_path,
    models_path,
    parse_time,
    repository_path,
)

DIGEST = "blake3:" + "0f" * 32
NOON = datetime(2024, 5, 17, 12, 0, 0, 345000, timezone.utc)
MODEL: dict[str, Any] = {
    "uid": "u1",
    "version": "v1",
    "upload_status": "success",
    "build_at": "2024-05-17 12:00:00.345000",
    "created_at": "2024-05-18T00:00:00Z",
    "labels": [{"key": "a", "value": "b"}],
    "creator": {"name": "me"},
    "transmission_strategy": "presigned_url",
    "upload_finished_at": "2024-05-18T00:00:01Z",
    "manifest": {"module": "bentoml.sklearn", "size_bytes": 7, "metadata": {"x": 1}},
    "modelsync": {"content_digest": DIGEST, "cut": CUT, "digest": "blake3:" + "1e" * 32},
}
HOSTILE: list[Any] = [None, True, 0, -1, 1.5, float("nan"), float("inf"), 1e999, 1 << 80, "", "x", "\ud800", [], {}]
HOSTILE += [
    [None],
    [1],
    ["key"],
    [[]],
    [{}],
    [{"key": None}],
    {"key": 1},
    {"metadata": 5},
    {"metadata": {"modelsync": 5}},
]


def test_times_go_out_as_yatai_takes_them() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert format_time(NOON) == format_time(east) == "2024-05-17 12:00:00.345000"
    assert parse_time(format_time(NOON)) == NOON


@pytest.mark.parametrize(
    "text",
    [
        *("2024-05-17 12:00:00.345000", "2024-05-17T12:00:00.345Z", "2024-05-17T12:00:00.345000+00:00"),
        *("2024-05-17T12:00:00.345000999Z", "2024-05-17T14:00:00.34500+02:00", "2024-05-17T12:00:00.3450"),
    ],
)
def test_times_come_in_as_anybody_writes_them(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize("text", [None, "", "yesterday", "2024-99-01", 5, [], {}, True, "2024-05-17T12:00:00+99:00"])
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_time(text) is None


def test_parts_survive_the_wire() -> None:
    parts = (Part(1, 0, 5, DIGEST), Part(2, 5, 6, DIGEST))
    assert parse_parts(json.loads(json.dumps(parts_json(parts)))) == parts
    assert parse_parts([]) == ()


@pytest.mark.parametrize(
    "data",
    [
        *(None, {}, "x", 5, [None], [[]], [{}], [{"size": 1}], [{"digest": DIGEST}]),
        *([{"size": size, "digest": DIGEST}] for size in (0, -1, 1.0, "1", None, True, [1])),
        *([{"size": 1, "digest": digest}] for digest in (None, "", "x", DIGEST[:-1], DIGEST.upper(), 5, [DIGEST])),
        [{"size": 1, "digest": DIGEST}, None],
    ],
    ids=repr,
)
def test_bad_parts_are_refused(data: object) -> None:
    with pytest.raises(IntegrityError):
        parse_parts(data)


def test_names_in_paths_are_quoted() -> None:
    assert repository_path() == "/api/v1/model_repositories"
    assert models_path("a/b?c") == "/api/v1/model_repositories/a%2Fb%3Fc/models"
    assert model_path(Tag("m", "1.0"), "download") == "/api/v1/model_repositories/m/models/1.0/download"


def test_a_manifest_is_plain_json() -> None:
    metadata = {"when": NOON, "deep": [(1, {2: None})], "acc": 0.5}
    info = ModelInfo(Tag("m", "v1"), NOON, metadata=metadata, context={"bentoml_version": "1.2.3"})
    manifest = manifest_json(info, 9)
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest["metadata"] == {"when": NOON.isoformat(), "deep": [[1, {"2": None}]], "acc": 0.5}
    assert (manifest["bentoml_version"], manifest["size_bytes"]) == ("1.2.3", 9)
    assert plain({1, 2}) == [1, 2]


def test_a_model_is_read() -> None:
    model = parse_model(MODEL, "m")
    assert (model.tag, model.uid, model.complete, model.size) == (Tag("m", "v1"), "u1", True, 7)
    assert (model.creation_time, model.labels, model.module) == (NOON, {"a": "b"}, "bentoml.sklearn")
    assert (model.creator, model.strategy, model.digest) == ("me", "presigned_url", DIGEST)
    assert model.updated == "2024-05-18T00:00:01Z"
    assert json.loads(json.dumps(model.to_dict()))["tag"] == "m:v1"


def test_the_repository_may_be_in_the_record() -> None:
    assert parse_model({**MODEL, "repository": {"name": "n"}}).tag == Tag("n", "v1")


def test_little_is_enough() -> None:
    model = parse_model({"version": "v1"}, "m")
    assert (model.complete, model.size, model.labels, model.strategy) == (False, 0, {}, "")
    assert model.creation_time == datetime.fromtimestamp(0, timezone.utc)


@pytest.mark.parametrize("key", [*MODEL, "repository"])
def test_hostile_models_are_read_or_refused(key: str) -> None:
    for value in HOSTILE:
        with suppress(InvalidReply):
            model = parse_model({**MODEL, key: value}, "" if key == "repository" else "m")
            assert json.dumps(model.to_dict())


@pytest.mark.parametrize("key", [*MODEL["manifest"], "context"])
def test_hostile_manifests_are_read_or_refused(key: str) -> None:
    for value in HOSTILE:
        with suppress(InvalidReply):
            parse_model({**MODEL, "manifest": {**MODEL["manifest"], key: value}}, "m")


@pytest.mark.parametrize("data", [None, [], "x", 5, True, {}, {"version": None}, {"version": ""}, {"version": "../x"}])
def test_what_is_no_model_is_refused(data: object) -> None:
    with pytest.raises(InvalidReply):
        parse_model(data, "m")


def test_a_download_is_read() -> None:
    extension = {"digest": DIGEST, "parts": [{"size": 3, "digest": DIGEST}], "layout": [{"path": "f"}]}
    data = {"presigned_download_url": "http://x.test/o?s=1", "modelsync": extension}
    assert parse_download(data) == Download("http://x.test/o?s=1", DIGEST, (Part(1, 0, 3, DIGEST),), [{"path": "f"}])
    assert parse_download({"presigned_download_url": None}) == Download("")


@pytest.mark.parametrize("key", ["modelsync", "presigned_download_url", "parts", "digest"])
def test_hostile_downloads_are_read_or_refused(key: str) -> None:
    for value in HOSTILE:
        data: dict[str, Any] = {"modelsync": {key: value}} if key in ("parts", "digest") else {key: value}
        with suppress(InvalidReply):
            assert isinstance(parse_download(data).url, str)


def test_an_upload_that_has_begun_is_read() -> None:
    extension = {
        "present": [1, 3, "4", True],
        "urls": {"2": "http://x.test/2", "\N{SUPERSCRIPT TWO}": "", "1" * 5000: ""},
        "headers": {"x-ms-blob-type": "BlockBlob", TOKEN_HEADER: "t", "Host": "other"},
    }
    headers = {"x-ms-blob-type": "BlockBlob"}
    assert parse_begun({"upload_id": 7}) == Begun("7", set(), {})
    begun = parse_begun({"upload_id": "u", "modelsync": extension})
    assert begun == Begun("u", {1, 3}, {2: "http://x.test/2"}, headers=headers, lasts={2: 2})
    for value in ("BlockBlob\r\nHost: other", "\N{SUPERSCRIPT TWO}", "", {"a": 1}):
        assert parse_begun({"upload_id": "u", "modelsync": {"headers": {"x-ms-blob-type": value}}}).headers == {}


@pytest.mark.parametrize("key", ["upload_id", "modelsync", "present", "urls", "runs", "headers"])
def test_hostile_uploads_are_read_or_refused(key: str) -> None:
    for value in HOSTILE:
        data: dict[str, Any] = {key: value} if key in ("upload_id", "modelsync") else {"modelsync": {key: value}}
        with suppress(InvalidReply):
            assert isinstance(parse_begun({"upload_id": "u", **data}).runs, str)


def test_only_objects_and_lists_are_taken_for_them() -> None:
    assert mapping({"a": 1}) == {"a": 1}
    assert items({"items": [1]}) == [1]
    hostile: list[Any] = [None, 5, "x", [], {"items": None}, {"items": {}}, {}]
    for data in hostile:
        with pytest.raises(InvalidReply):
            items(data)


def test_numbers_that_json_lacks_become_text() -> None:
    given = {"loss": float("nan"), "best": [float("inf"), 0.5]}
    assert plain(given, nan_as_text=True) == {"loss": "nan", "best": ["inf", 0.5]}
    assert plain(given) == {"loss": None, "best": [None, 0.5]}
