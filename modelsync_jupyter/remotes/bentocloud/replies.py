"""What a registry tells of its models: each reply is checked here, once, and made into values that are trusted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, NamedTuple

from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.core.errors import IntegrityError, InvalidReply, InvalidTag
from modelsync_jupyter.core.parts import Part, parse_parts
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.wire import PUT_HEADERS, SUCCESS, is_elsewhere, parse_time

#: Items of a page that are asked for, and pages after which a list counts as endless.
_PAGE, _PAGES = 500, 10_000
#: Numbers of the first and the last part of an object to send, or of its only one.
_OBJECT = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


class RemoteModel(NamedTuple):
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
    labels: Mapping[str, str] = {}
    module: str = ""
    creator: str = ""
    metadata: Mapping[str, Any] = {}
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

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is a link: Hugging Face has its bytes, and the registry none."""
        return is_elsewhere(self.metadata)

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


class Page(NamedTuple):
    """Some of the models that the registry has.

    Args:
        items: Those asked for.
        total: How many there are in all.
    """

    items: tuple[RemoteModel, ...]
    total: int


class Span(NamedTuple):
    """A stretch of an archive that lies in one object of the store of blobs.

    Args:
        start: Its first byte in the archive.
        stop: The byte behind its last.
        url: Presigned URL of the object.
        offset: Where in the object it begins.
    """

    start: int
    stop: int
    url: str
    offset: int


class Download(NamedTuple):
    """Where an archive can be had.

    Args:
        url: Presigned URL, or "" where the bytes come through the API itself.
        digest: Digest of the archive, or "".
        parts: Parts with digests, or none.
        layout: The layout as JSON, or None.
        content_digest: Content digest of its files, or "".
        spans: The first stretches of the archive, where these can be had from the store of blobs itself.
        base: Bytes of its own description in front, which parts and layout count, or 0.
    """

    url: str
    digest: str = ""
    parts: tuple[Part, ...] = ()
    layout: object = None
    content_digest: str = ""
    spans: tuple[Span, ...] = ()
    base: int = 0


class Begun(NamedTuple):
    """A multipart upload that has begun.

    Args:
        id: What the registry calls it.
        present: Numbers of the parts that are there already.
        urls: URLs of objects to send others to, by the number of the first part in each, or "" where none was signed.
        runs: The URL that takes neighbours in one body, or "".
        headers: What to send along to the store of blobs; no others than `PUT_HEADERS`, whatever the registry says.
        lasts: The number of the last part in each object, by that of the first.
    """

    id: str
    present: set[int]
    urls: dict[int, str]
    runs: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    lasts: Mapping[int, int] = MappingProxyType({})


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
    size, aliases = manifest.get("size_bytes"), extension.get("aliases") or []
    if not isinstance(aliases, list):
        raise InvalidReply("The aliases in the registry's reply are not a list.")
    return RemoteModel(
        tag=tag,
        uid=str(record.get("uid") or ""),
        upload_status=str(record.get("upload_status") or ""),
        size=int(size) if isinstance(size, (int, float)) and 0 <= size < 1 << 63 else 0,
        creation_time=build or datetime.fromtimestamp(0, timezone.utc),
        labels=parse_labels(record),
        module=str(manifest.get("module") or ""),
        creator=str(extension.get("pushed_by") or creator.get("name") or ""),
        metadata=mapping(manifest.get("metadata") or {}),
        strategy=str(record.get("transmission_strategy") or ""),
        digest=_content_digest(extension),
        updated=str(record.get("upload_finished_at") or record.get("updated_at") or ""),
        description=str(record.get("description") or ""),
        alias=str(extension.get("alias") or ""),
        aliases=tuple(map(str, aliases)),
        downloads=downloads if isinstance(downloads := extension.get("downloads"), int) else 0,
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
    digest, content = str(extension.get("digest") or ""), _content_digest(extension)
    base = extension.get("base")
    spans = _spans(extension, parts)
    return Download(str(url), digest, parts, extension.get("layout"), content, spans, base if type(base) is int else 0)


def _spans(extension: Mapping[str, Any], parts: Sequence[Part]) -> tuple[Span, ...]:
    """Return which bytes of an archive are in which object; where no more is said, each has a part."""
    urls = [str(url) for url in items({"items": extension.get("urls") or []})]
    told = extension.get("spans") or [[index, 0, part.size] for index, part in enumerate(parts[: len(urls)])]
    spans: list[Span] = []
    start = 0
    for span in items({"items": told}):
        if not isinstance(span, list) or len(span) != 3 or not all(type(number) is int for number in span):
            raise InvalidReply("The registry did not say where the archive's bytes are.")
        index, offset, size = span
        if not 0 <= index < len(urls) or offset < 0 or size <= 0:
            raise InvalidReply("The registry did not say where the archive's bytes are.")
        spans.append(Span(start, start + size, urls[index], offset))
        start += size
    if spans and start > parts[-1].stop if parts else spans:
        raise InvalidReply("The registry says where more bytes are than the archive has.")
    return tuple(spans)


def parse_begun(data: object) -> Begun:
    """Read the reply to `start_multipart_upload`.

    Raises:
        InvalidReply: It is not such a reply.
    """
    record = mapping(data)
    upload_id = record.get("upload_id")
    if not upload_id:
        raise InvalidReply("The registry began an upload but gave it no id.")
    extension = mapping(record.get("modelsync") or {})
    present, urls = extension.get("present") or [], mapping(extension.get("urls") or {})
    if not isinstance(present, list):
        raise InvalidReply("The registry did not say which parts it has.")
    objects = {key: _OBJECT.fullmatch(key) for key in urls}
    lasts = {int(found[1]): int(found[2] or found[1]) for found in objects.values() if found}
    links = {int(found[1]): str(urls[key]) for key, found in objects.items() if found}
    numbers = {number for number in present if type(number) is int}
    said = mapping(extension.get("headers") or {})
    headers = {
        name: value
        for name in PUT_HEADERS
        if isinstance(value := said.get(name), str) and value.isascii() and value.isalnum()
    }
    return Begun(str(upload_id), numbers, links, str(extension.get("runs") or ""), headers, lasts)


def _content_digest(extension: Mapping[str, Any]) -> str:
    """Return the content digest in a reply, or "" where it is built on other rules of cutting than ours."""
    return str(extension.get("content_digest") or "") if extension.get("cut") == CUT else ""


def parse_labels(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of a record.

    Raises:
        InvalidReply: They are not a list of objects.
    """
    labels = record.get("labels") or []
    if not isinstance(labels, list):
        raise InvalidReply("The labels in the registry's reply are not a list.")
    return {str(each["key"]): str(each.get("value") or "") for each in map(mapping, labels) if "key" in each}


def mapping(data: object) -> Mapping[str, Any]:
    """Return `data` if it is a JSON object.

    Raises:
        InvalidReply: It is not.
    """
    if not isinstance(data, Mapping):
        raise InvalidReply("The registry's reply is not what was asked for.")
    return data


def read_list(ask: Callable[[int, int], Any], limit: int | None = None) -> list[Any]:
    """Read a list to its end, or as far as asked; a page may be shorter than was asked for.

    Args:
        ask: Asks for a page, by how many items to pass over and how many to return.
        limit: How many at most.

    Raises:
        InvalidReply: The list does not end.
    """
    found: list[Any] = []
    total = 1
    for _ in range(_PAGES):
        if len(found) >= (total if limit is None else min(limit, total)):
            return found
        reply = ask(len(found), _PAGE if limit is None else min(_PAGE, limit - len(found)))
        page, said = items(reply), reply.get("total")
        found += page
        total = said if page and isinstance(said, int) else 0
    raise InvalidReply("The registry's list does not end.")


def items(data: object) -> list[Any]:
    """Return the items of a list reply.

    Raises:
        InvalidReply: It is not a list.
    """
    found = mapping(data).get("items")
    if not isinstance(found, list):
        raise InvalidReply("The registry's reply is not a list.")
    return found
