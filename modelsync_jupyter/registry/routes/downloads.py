"""Downloads of a version: presigned, or through us."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy import Connection

from modelsync_jupyter.core.parts import parts_json
from modelsync_jupyter.wire import API, PROXY, Extension, ModelJSON

from .. import body
from ..archives.aliased import end_as
from ..catalog.aliases import resolve_model
from ..catalog.archives import layout_of, parts_between
from ..catalog.rows import ArchiveRow, ModelRow
from ..catalog.words import Right
from ..errors import NotFound
from ..lane.sending import send_archive
from ..replies import archive_json, model_json
from ..security.auth import needs
from ..service import current
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
            extension = _extension(connection, archive, fields.flag("direct") or False)
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


def _extension(connection: Connection, archive: ArchiveRow, directly: bool) -> Extension:
    parts = parts_between(connection, archive.id, 0, archive.size)
    extension = archive_json(archive)
    extension |= {"parts": parts_json(parts), "base": archive.base}
    if directly and (direct := direct_store()):
        names = [part.name for part in parts[:MAX_URLS]]
        extension["urls"] = list(direct.sign("GET", names, current().settings.url_ttl))
    layout = layout_of(connection, archive.id)
    if layout is not None:
        extension["layout"] = layout
    return extension
