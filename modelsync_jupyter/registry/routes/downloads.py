"""Downloads of a version: presigned, or through us."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from flask import Blueprint, Response
from sqlalchemy import Connection

from modelsync_jupyter.core.parts import parts_json
from modelsync_jupyter.wire import API, PROXY, Extension, ModelJSON

from .. import body
from ..archives.aliased import end_as
from ..blobs.protocol import blob_of
from ..catalog.aliases import resolve_model
from ..catalog.archives import layout_of, parts_between
from ..catalog.rows import ArchiveRow, ModelRow, StoredPart
from ..catalog.words import Right
from ..errors import NotFound
from ..lane.sending import send_archive
from ..replies import archive_json, model_json
from ..security.auth import needs
from ..service import current
from ..values import Fields
from .objects import MAX_URLS, direct_store, presigned

blueprint = Blueprint("downloads", __name__, url_prefix=f"{API}/model_repositories/<name>/models/<version>")


@blueprint.patch("/presign_download_url")
@needs(Right.READER)
def presign_download(name: str, version: str) -> ModelJSON:
    """Sign a URL of the archive as it is now: a later forced push does not change what it gives, nor a moved alias.

    Asked for by an alias, the archive goes by that name.
    """
    strategy, fields = current().settings.strategy, body.fields().object("modelsync")
    with current().database.read() as connection:
        model = resolve_model(connection, name, version)
        if model.is_elsewhere:
            return model_json(model, strategy)
        archive = _archive(model)
        extension: Extension
        if version == model.version:
            link = presigned("GET", f"/objects/archives/{archive.uid}")
            extension = _extension(connection, archive, fields)
        else:
            link = presigned("GET", f"/objects/archives/{archive.uid}/{version}")
            extension = {"alias": version}
    if strategy != PROXY and not fields.flag("look"):
        current().downloads.count(model.id)
    return model_json(model, strategy, presigned_download_url=link, modelsync=extension)


@blueprint.get("/download")
@needs(Right.READER)
def download(name: str, version: str) -> Response:
    """Send the archive; asked for by an alias, it goes by that name."""
    with current().database.read() as connection:
        model = resolve_model(connection, name, version)
    archive = _archive(model)
    ending = None if version == model.version else end_as(current(), archive, version)
    reply = send_archive(current(), archive, ending)
    if reply.status_code == 200 or reply.headers.get("Content-Range", "").startswith("bytes 0-"):
        current().downloads.count(model.id)  # once, not for each range
    return reply


def _archive(model: ModelRow) -> ArchiveRow:
    if model.archive is None:
        raise NotFound(f"`{model.tag}` has no archive: its upload is {model.upload_status}")
    return model.archive


def _extension(connection: Connection, archive: ArchiveRow, fields: Fields) -> Extension:
    parts = parts_between(connection, archive.id, 0, archive.size)
    extension = archive_json(archive)
    extension |= {"parts": parts_json(parts), "base": archive.base}
    if fields.flag("direct") and (direct := direct_store()):
        names, spans = _objects(parts, spans=fields.flag("spans") or False)
        extension["urls"] = list(direct.sign("GET", names, current().settings.url_ttl))
        if spans:
            extension["spans"] = spans
    layout = layout_of(connection, archive.id)
    if layout is not None:
        extension["layout"] = layout
    return extension


def _objects(parts: Sequence[StoredPart], *, spans: bool) -> tuple[list[str], list[list[int]]]:
    """Return the names of the first objects that hold an archive, and which of its bytes each of them has.

    Args:
        parts: The parts of the archive.
        spans: Whether the client takes objects with several parts. For one that does not, each has one, and none has
            more: what is behind the first one that has comes through us.
    """
    if not spans:
        alone = takewhile(lambda part: blob_of(part.name, part.size)[1] == part.size, parts[:MAX_URLS])
        return [part.name for part in alone], []
    names: dict[str, int] = {}
    found: list[list[int]] = []
    for part in parts:
        index = names.setdefault(part.name, len(names))
        if index == MAX_URLS:
            del names[part.name]
            break
        if found and found[-1][0] == index and sum(found[-1][1:]) == part.place_start:
            found[-1][2] += part.size
        else:
            found.append([index, part.place_start, part.size])
    return list(names), found
