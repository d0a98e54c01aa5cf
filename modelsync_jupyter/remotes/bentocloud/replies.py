"""What a registry tells of its models, as values: `client` checks each reply once, and makes them out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.wire import SUCCESS


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
        creator: Who pushed it; where the registry does not say that, who registered it.
        metadata: What its author noted.
        strategy: How bytes travel: "presigned_url", "proxy" or "".
        digest: Content digest of its files, or "" where the registry does not say it.
        updated: When the record or its upload last changed, as the registry wrote it.
        description: What people wrote about it.
        alias: The alias that it was asked for by, or "".
        aliases: The aliases that point at it, where the registry says so.
        downloads: How often it was downloaded, as far as the registry counts.
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
    alias: str = ""
    aliases: tuple[str, ...] = ()
    downloads: int = 0

    def __repr__(self) -> str:
        return f"RemoteModel({self.tag}, {format_size(self.size)}, {self.upload_status})"

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
        said = {"description": self.description, "aliases": list(self.aliases), "downloads": self.downloads}
        return {**self.to_dict(), "metadata": dict(self.metadata), **said}


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
        urls: Presigned URLs of the first parts, where these can be had from the store of blobs itself.
    """

    url: str
    digest: str = ""
    parts: tuple[Part, ...] = ()
    layout: object = None
    content_digest: str = ""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """A multipart upload that has begun.

    Args:
        id: What the registry calls it.
        present: Numbers of the parts that are there already.
        urls: URLs to send others to, by their numbers, as far as they were signed ahead.
        runs: The URL that takes neighbours in one body, or "".
    """

    id: str
    present: set[int]
    urls: dict[int, str]
    runs: str = ""
