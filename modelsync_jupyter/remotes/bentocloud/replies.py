"""The replies of a registry about models, checked once and trusted afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from modelsync_jupyter.core.errors import IntegrityError, InvalidReply, InvalidTag
from modelsync_jupyter.core.parts import Part, parse_parts
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.wire import SUCCESS, parse_time


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A version in the registry.

    Args:
        tag: Name and version.
        uid: The registry's own name of the record.
        upload_status: "pending", "uploading", "success" or "failed".
        size: Bytes in its files.
        creation_time: When the model was created.
        labels: Words to find it by.
        module: The BentoML framework module that saved it, or "".
        creator: Who pushed it.
        metadata: What its author noted.
        strategy: How bytes travel: "presigned_url", "proxy" or "".
        digest: Content digest of its files, or "" where the registry does not say it.
        updated: When the record or its upload last changed, as the registry wrote it.
        description: What people wrote about it.
    """

    tag: Tag
    uid: str
    upload_status: str
    size: int
    creation_time: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    creator: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = ""
    digest: str = ""
    updated: str = ""
    description: str = ""

    @property
    def complete(self) -> bool:
        """Whether all its bytes have arrived."""
        return self.upload_status == SUCCESS

    def to_dict(self) -> dict[str, Any]:
        """Return the model as JSON, for lists."""
        return {
            "tag": str(self.tag),
            "size": self.size,
            "labels": dict(self.labels),
            "creation_time": self.creation_time.isoformat(),
            "upload_status": self.upload_status,
            "module": self.module,
            "creator": self.creator,
            "uid": self.uid,
            "digest": self.digest,
        }

    def details(self) -> dict[str, Any]:
        """Return the model as JSON with all that people noted about it."""
        return {**self.to_dict(), "metadata": dict(self.metadata), "description": self.description}


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the models that the registry has.

    Args:
        items: Those asked for.
        total: How many there are in all.
    """

    items: tuple[RemoteModel, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Download:
    """Where an archive can be had.

    Args:
        url: Presigned URL, or "" where the bytes come through the API itself.
        digest: Digest of the archive, or "".
        parts: Parts with digests, or none.
        layout: The layout as JSON, or None.
        content_digest: Content digest of its files, or "".
    """

    url: str
    digest: str = ""
    parts: tuple[Part, ...] = ()
    layout: object = None
    content_digest: str = ""


def parse_model(data: object, name: str = "") -> RemoteModel:
    """Read a model from a reply.

    Args:
        data: The JSON.
        name: Name of its repository, where the JSON does not say it.

    Raises:
        InvalidReply: It is not a model.
    """
    record = mapping(data)
    manifest = mapping(record.get("manifest") or {})
    repository = mapping(record.get("repository") or {})
    creator = mapping(record.get("creator") or {})
    extension = mapping(record.get("modelsync") or {})
    try:
        tag = Tag.parse(":".join((name or repository["name"], record["version"])))
    except (KeyError, TypeError, InvalidTag):
        raise InvalidReply("The registry returned a model without a valid name or version.") from None
    build = parse_time(record.get("build_at")) or parse_time(record.get("created_at"))
    return RemoteModel(
        tag=tag,
        uid=str(record.get("uid") or ""),
        upload_status=str(record.get("upload_status") or ""),
        size=_size(manifest.get("size_bytes")),
        creation_time=build or datetime.fromtimestamp(0, timezone.utc),
        labels=_labels(record.get("labels")),
        module=str(manifest.get("module") or ""),
        creator=str(creator.get("name") or ""),
        metadata=mapping(manifest.get("metadata") or {}),
        strategy=str(record.get("transmission_strategy") or ""),
        digest=str(extension.get("content_digest") or ""),
        updated=str(record.get("upload_finished_at") or record.get("updated_at") or ""),
        description=str(record.get("description") or ""),
    )


def parse_download(data: object) -> Download:
    """Read the reply to `presign_download_url`.

    Raises:
        InvalidReply: It is not such a reply.
    """
    record = mapping(data)
    extension = mapping(record.get("modelsync") or {})
    try:
        parts = parse_parts(extension["parts"]) if "parts" in extension else ()
    except IntegrityError as error:
        raise InvalidReply(error.message) from None
    url = record.get("presigned_download_url") or ""
    digest, content = (str(extension.get(key) or "") for key in ("digest", "content_digest"))
    return Download(str(url), digest, parts, extension.get("layout"), content)


def mapping(data: object) -> Mapping[str, Any]:
    """Return `data` if it is a JSON object.

    Raises:
        InvalidReply: It is not.
    """
    if not isinstance(data, Mapping):
        raise InvalidReply("The registry's reply is not what was asked for.")
    return data


def items(data: object) -> list[Any]:
    """Return the items of a list reply.

    Raises:
        InvalidReply: It is not a list.
    """
    found = mapping(data).get("items")
    if not isinstance(found, list):
        raise InvalidReply("The registry's reply is not a list.")
    return found


def _labels(data: object) -> dict[str, str]:
    labels = [mapping(item) for item in items({"items": data or []})]
    return {str(label["key"]): str(label.get("value") or "") for label in labels if "key" in label}


def _size(data: object) -> int:
    return int(data) if isinstance(data, (int, float)) and 0 <= data < 1 << 63 else 0
