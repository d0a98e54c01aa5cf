"""Pushing and pulling the way a plain client does, one endpoint at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ModelInfo
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.replies import Download, RemoteModel
from modelsync_jupyter.remotes.http import blocks
from modelsync_jupyter.wire import (
    PROXY,
    SUCCESS,
    CreateModelJSON,
    format_time,
    labels_json,
    manifest_json,
    model_path,
)
from tests.harness.models import CREATED, MIB, make_model
from tests.unit.archives import pack

from .backends import Backend


class Body:
    """Bytes as a body."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[memoryview]:
        yield memoryview(self.data)


def create(remote: Remote, tag: Tag, created: datetime = CREATED, **labels: str) -> RemoteModel:
    """Register a version that has no bytes yet."""
    remote.ensure_repository(tag.name)
    info = ModelInfo(tag, created, module="bentoml.sklearn", labels=labels, metadata={"acc": 0.5})
    body: CreateModelJSON = {
        "version": str(tag.version),
        "description": "",
        "manifest": manifest_json(info, 123),
        "build_at": format_time(created),
        "labels": labels_json(labels),
    }
    return remote.create_model(tag, body)


def archive(folder: Path, tag: Tag, size: int = 1000, created: datetime = CREATED, **labels: str) -> bytes:
    """The archive of a model with one file of so many bytes."""
    return pack(make_model(folder, str(tag), size=size, created=created, labels=labels, latest=False))


def upload(remote: Remote, tag: Tag, data: bytes) -> None:
    """Send an archive the way a plain client does: whole, or in parts of 5 MiB."""
    found = remote.model(tag)
    assert found
    remote.start_upload(tag)
    if found.strategy == PROXY:
        remote.http.put_api(model_path(tag, "upload"), Body(data))
        return
    if not found.strategy:
        remote.http.put(remote.presign_upload(tag), Body(data))
    else:
        begun = remote.start_multipart(tag)
        upload_id, present = begun.id, begun.present
        assert present == set()
        pieces = {index // (5 * MIB) + 1: data[index : index + 5 * MIB] for index in range(0, len(data), 5 * MIB)}
        etags = {n: remote.http.put(remote.presign_part(tag, upload_id, n), Body(pieces[n])) for n in reversed(pieces)}
        remote.complete_multipart(tag, upload_id, etags)
    remote.finish_upload(tag, SUCCESS)


def download(remote: Remote, backend: Backend, tag: Tag, headers: dict[str, str] | None = None) -> bytes:
    """The archive, or a range of it, by the way the registry wants it to go."""
    presigned: Download = remote.presign_download(tag)
    through_api = backend.strategy == PROXY
    opened = (
        remote.http.get_api(model_path(tag, "download"), headers or {})
        if through_api
        else remote.http.get(presigned.url, headers or {})
    )
    with opened as reply:
        return b"".join(bytes(view) for view in blocks(reply))
