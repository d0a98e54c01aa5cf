"""What our client promises of a registry, whichever it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import requests

from modelsync_jupyter.core.errors import Conflict, ModelSyncError, NotAuthenticated, RemoteNotFound, UploadLost
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.wire import FAILED, PROXY, SUCCESS
from tests.harness.models import CREATED

from .backends import Backend
from .plainly import MIB, Body, archive, create, download, upload


class TestRemote:
    """One class, every registry."""

    def test_a_good_token_has_a_user(self, remote: Remote) -> None:
        assert {"name", "email"} <= set(remote.current_user())

    def test_a_bad_token_is_told_apart_from_all_else(self, backend: Backend, name: str) -> None:
        with backend.remote("wrong") as stranger:
            for call in (stranger.current_user, lambda: stranger.model(Tag(name, "v1")), stranger.models):
                with pytest.raises(NotAuthenticated):
                    call()

    def test_it_says_whether_it_knows_our_extension_each_time(
        self, remote: Remote, backend: Backend, name: str
    ) -> None:
        assert [remote.ensure_repository(name) for _ in range(2)] == [backend.extended] * 2
        page = remote.page(Tag(name, "v1"))
        assert page == (f"{remote.http.endpoint}/models/{name}/v1" if backend.extended else "")

    def test_what_nobody_pushed_is_none(self, remote: Remote, name: str) -> None:
        assert remote.model(Tag(name, "v1")) is None
        assert remote.latest(name) is None
        assert remote.versions(name) == []
        remote.ensure_repository(name)
        assert remote.model(Tag(name, "v1")) is None
        assert (remote.latest(name), remote.versions(name)) == (None, [])

    def test_actions_on_what_nobody_pushed_are_not_found(self, remote: Remote, name: str) -> None:
        remote.ensure_repository(name)
        tag = Tag(name, "v1")
        for action in (remote.start_upload, remote.start_multipart, remote.presign_upload, remote.presign_download):
            with pytest.raises(RemoteNotFound):
                action(tag)

    def test_a_record_keeps_what_its_maker_said(self, remote: Remote, backend: Backend, name: str) -> None:
        tag = Tag(name, "v1")
        made = create(remote, tag, stage="dev", größe="ß")
        assert made == remote.model(tag)
        assert (made.tag, made.upload_status, made.complete, made.size) == (tag, "pending", False, 123)
        assert (made.creation_time, made.module) == (CREATED, "bentoml.sklearn")
        assert made.labels == {"stage": "dev", "größe": "ß"}
        assert (made.metadata["acc"], made.strategy, bool(made.uid)) == (0.5, backend.strategy, True)

    def test_a_record_that_is_there_is_found_instead(self, remote: Remote, name: str) -> None:
        first = create(remote, Tag(name, "v1"), stage="dev")
        second = create(remote, Tag(name, "v1"), CREATED + timedelta(days=1), stage="prod")
        assert (second.uid, second.labels) == (first.uid, {"stage": "dev"})

    def test_what_was_uploaded_comes_back(self, remote: Remote, backend: Backend, name: str, tmp_path: Path) -> None:
        for version, size in (("small", 10), ("large", 12 * MIB)):
            tag = Tag(name, version)
            data = archive(tmp_path, tag, size)
            create(remote, tag)
            upload(remote, tag, data)
            found = remote.model(tag)
            assert found
            assert found.complete
            assert download(remote, backend, tag) == data

    def test_status_goes_from_pending_over_uploading_to_success(
        self, remote: Remote, name: str, tmp_path: Path
    ) -> None:
        tag = Tag(name, "v1")
        seen = [create(remote, tag).upload_status]
        remote.start_upload(tag)
        seen += [model.upload_status for model in [remote.model(tag)] if model]
        upload(remote, tag, archive(tmp_path, tag))
        seen += [model.upload_status for model in [remote.model(tag)] if model]
        assert seen == ["pending", "uploading", "success"]

    def test_a_failed_upload_says_so_and_can_be_made_good(
        self, remote: Remote, backend: Backend, name: str, tmp_path: Path
    ) -> None:
        tag = Tag(name, "v1")
        create(remote, tag)
        remote.start_upload(tag)
        assert remote.finish_upload(tag, FAILED, "gave up").upload_status == "failed"
        assert remote.latest(name) is None
        data = archive(tmp_path, tag)
        upload(remote, tag, data)
        assert download(remote, backend, tag) == data

    def test_latest_is_the_newest_whole_version_by_build_time(self, remote: Remote, name: str, tmp_path: Path) -> None:
        for version, day in (("old", 1), ("new", 9), ("mid", 5)):
            created = CREATED + timedelta(days=day)
            create(remote, Tag(name, version), created)
            upload(remote, Tag(name, version), archive(tmp_path, Tag(name, version), created=created))
        create(remote, Tag(name, "pending"), CREATED + timedelta(days=99))
        create(remote, Tag(name, "failed"), CREATED + timedelta(days=98))
        remote.finish_upload(Tag(name, "failed"), FAILED, "gave up")
        latest = remote.latest(name)
        assert latest
        assert latest.tag == Tag(name, "new")
        whole = [model.tag.version for model in remote.versions(name) if model.complete]
        assert whole == ["new", "mid", "old"]

    def test_lists_are_read_to_their_end_or_as_far_as_asked(self, remote: Remote, name: str, tmp_path: Path) -> None:
        remote = Remote(remote.http, page=3)
        tags = {Tag(name, f"v{index}") for index in range(7)}
        for tag in tags:
            create(remote, tag)
            upload(remote, tag, archive(tmp_path, tag))
        found = {model.tag for model in remote.models(search=name).items}
        assert found == tags
        assert len(remote.models(search=name, limit=5).items) == 5
        assert len(remote.models(search=name, limit=3).items) == 3
        assert remote.models(search=name + "x").items == ()
        assert {model.tag.name for model in remote.models().items} >= {name}

    def test_a_label_is_searched_for(self, remote: Remote, name: str, tmp_path: Path) -> None:
        for version, stage in (("v1", "dev"), ("v2", "prod")):
            create(remote, Tag(name, version), stage=stage)
            upload(remote, Tag(name, version), archive(tmp_path, Tag(name, version), stage=stage))
        found = remote.models(search=name, query="label:stage=prod").items
        assert [model.tag for model in found] == [Tag(name, "v2")]

    def test_an_upload_that_nobody_began_is_lost(self, remote: Remote, backend: Backend, name: str) -> None:
        tag = Tag(name, "v1")
        create(remote, tag)
        with pytest.raises((UploadLost, Conflict, RemoteNotFound)):
            remote.complete_multipart(tag, "nothing", {1: '"0"'})
        found = remote.model(tag)
        assert found
        assert not found.complete

    def test_incomplete_parts_are_refused_and_the_upload_goes_on(
        self, remote: Remote, backend: Backend, name: str, tmp_path: Path
    ) -> None:
        if backend.strategy != "presigned_url":
            pytest.skip("no multipart upload")
        tag = Tag(name, "v1")
        create(remote, tag)
        remote.start_upload(tag)
        upload_id = remote.start_multipart(tag).id
        data = archive(tmp_path, tag)
        etag = remote.http.put(remote.presign_part(tag, upload_id, 1), Body(data))
        with pytest.raises(ModelSyncError):
            remote.complete_multipart(tag, upload_id, {1: etag, 2: '"00000000000000000000000000000000"'})
        remote.complete_multipart(tag, upload_id, {1: etag})
        remote.finish_upload(tag, SUCCESS)
        assert download(remote, backend, tag) == data

    def test_ranges_are_exact_where_they_are_answered(
        self, remote: Remote, backend: Backend, name: str, tmp_path: Path
    ) -> None:
        if backend.strategy == PROXY:
            pytest.skip("a proxy download has no ranges")
        tag = Tag(name, "v1")
        create(remote, tag)
        data = archive(tmp_path, tag, 70_000)
        upload(remote, tag, data)
        for start, stop in ((0, 1), (511, 513), (0, len(data)), (len(data) - 1, len(data)), (1000, 66_000)):
            assert download(remote, backend, tag, {"Range": f"bytes={start}-{stop - 1}"}) == data[start:stop]

    def test_a_presigned_url_needs_no_token_and_takes_no_other_signature(
        self, remote: Remote, backend: Backend, name: str, tmp_path: Path
    ) -> None:
        if backend.strategy == PROXY:
            pytest.skip("a proxy download has no URL")
        tag = Tag(name, "v1")
        create(remote, tag)
        data = archive(tmp_path, tag)
        upload(remote, tag, data)
        url = remote.presign_download(tag).url
        assert requests.get(url, timeout=30).content == data
        assert requests.get(url[:-3] + "000", timeout=30).status_code in (401, 403)
        assert requests.get(url.partition("?")[0], timeout=30).status_code in (400, 401, 403)
