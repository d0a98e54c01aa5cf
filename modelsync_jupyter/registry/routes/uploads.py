"""Uploads of a version: presigned, multipart or through us."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from modelsync_jupyter.core.config import MAX_THREADS
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.wire import API, Extension, ModelJSON

from .. import body, multipart, presence, publishing
from ..catalog import models, uploads
from ..catalog.events import note
from ..catalog.models import find_model
from ..catalog.rows import Facts
from ..catalog.words import Right, UploadState, UploadStatus
from ..errors import ApiError, BadRequest, NotFound
from ..replies import model_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import MAX_PART_NUMBER
from .models import register
from .objects import MAX_URLS, direct_store, presigned

_MAX_REASON = 4096
blueprint = Blueprint("uploads", __name__, url_prefix=f"{API}/model_repositories/<name>/models/<version>")


@blueprint.patch("/start_upload")
@needs(Right.WRITER)
def start_upload(name: str, version: str) -> ModelJSON:
    """Note that bytes are coming."""
    with current().database.write(durable=False) as connection:
        model = find_model(connection, name, version, lock=True)
        access.require_replacing(connection, caller(), model)
        models.note_start(connection, model)
        return _show(connection, name, version)


@blueprint.patch("/presign_upload_url")
@needs(Right.WRITER)
def presign_upload(name: str, version: str) -> ModelJSON:
    """Sign a URL for the whole archive in one PUT."""
    with current().database.write(durable=False) as connection:
        uid = _open(connection, name, version, Facts())
        link = presigned("PUT", f"/objects/uploads/{uid}")
        return _show(connection, name, version, presigned_upload_url=link)


@blueprint.patch("/start_multipart_upload")
@needs(Right.WRITER)
def start_multipart(name: str, version: str) -> ModelJSON:
    """Begin an upload; with our extension, note what it will hold, and tell which of it is here already.

    With a description, too, the version is registered where it is not yet.
    """
    fields = body.fields(body.MAX_LIST).object("modelsync")
    declared = fields.parts() if "parts" in fields else ()
    digest = fields.content_digest()
    facts = Facts(
        manifest=fields.manifest() if "manifest" in fields else None,
        labels=fields.labels() if "labels" in fields else None,
        build_at=fields.time("build_at"),
    )
    with current().database.write(durable=False) as connection:
        if "description" in fields:
            try:
                find_model(connection, name, version, lock=True)
            except NotFound:
                register(connection, name, version, fields)
        uid = _open(connection, name, version, facts, declared, digest)
        if declared:  # clients of ours begin an upload with this one request
            models.note_start(connection, find_model(connection, name, version))
        reply = _show(connection, name, version, upload_id=uid)
    if declared:
        # Who pushes the same files again wants to replace bytes that have gone bad: all of them have to come.
        again = digest is not None and reply.get("modelsync", {}).get("content_digest") == digest
        direct = direct_store(fields) if fields.flag("direct") else None
        threads = fields.integer("threads", 1, MAX_THREADS) if "threads" in fields else 0
        present, coming = presence.note_present(
            current(), caller(), uid, declared, direct, threads=threads, again=again
        )
        extension: Extension = {**reply.get("modelsync", {}), "present": present}
        if direct:
            urls = direct.sign("PUT", [each.name for each in coming[:MAX_URLS]], current().settings.url_ttl)
            keys = [each.numbers for each in coming] if threads else [str(each.parts[0].number) for each in coming]
            told = zip(keys, chain(urls, repeat("")), strict=False)
            extension["urls"] = {key: url for key, url in told if url or threads}
            extension["headers"] = dict(direct.put_headers)
        else:
            extension["runs"] = presigned("PUT", f"/objects/uploads/{uid}/parts")
        reply["modelsync"] = extension
    return reply


@blueprint.patch("/presign_multipart_upload_url")
@needs(Right.WRITER)
def presign_part(name: str, version: str) -> ModelJSON:
    """Sign a URL for one part."""
    fields = body.fields()
    uid, number = fields.text("upload_id", 64), fields.integer("part_number", 1, MAX_PART_NUMBER)
    with current().database.read() as connection:
        model = find_model(connection, name, version)
        upload = uploads.find_upload(connection, uid, model_id=model.id, caller=caller())
        part = uploads.find_part(connection, upload.id, number)
    direct = direct_store() if part and part.place and not part.received_digest else None
    if direct and part and part.place:
        (link,) = direct.sign("PUT", [part.place], current().settings.url_ttl)
    else:
        link = presigned("PUT", f"/objects/uploads/{uid}/parts/{number}")
    extension: Extension = {} if direct else {"runs": presigned("PUT", f"/objects/uploads/{uid}/parts")}
    strategy = current().settings.strategy
    return model_json(model, strategy, presigned_upload_url=link, upload_id=uid, modelsync=extension)


@blueprint.patch("/complete_multipart_upload")
@needs(Right.WRITER)
def complete_multipart(name: str, version: str) -> ModelJSON:
    """Make an archive of the parts, which are all there. It is not visible yet."""
    fields = body.fields(body.MAX_LIST)
    uid, listed = fields.text("upload_id", 64), fields.etags("parts")
    with current().database.read() as connection:
        model_id = find_model(connection, name, version).id
    multipart.complete(current(), caller(), uid, model_id, listed)
    with current().database.read() as connection:
        return _show(connection, name, version, upload_id=uid)


@blueprint.patch("/abort_multipart_upload")
@needs(Right.WRITER)
def abort_multipart(name: str, version: str) -> ModelJSON:
    """Forget an upload: one's own, or as an owner of the repository anybody's."""
    uid = body.fields().text("upload_id", 64)
    with current().database.write() as connection:
        model = find_model(connection, name, version, lock=True)
        owner = access.right_in(connection, caller(), model.repository) == Right.OWNER
        opener = None if owner else caller()
        upload = uploads.find_upload(connection, uid, model_id=model.id, caller=opener, lock=True)
        if upload.state != UploadState.PUBLISHED:
            uploads.set_upload(connection, upload.id, state=UploadState.ABORTED)
            note(connection, caller(), "upload-aborted", "model", f"{name}:{version}")
        return _show(connection, name, version)


@blueprint.patch("/finish_upload")
@needs(Right.WRITER)
def finish_upload(name: str, version: str) -> ModelJSON:
    """Take the client's last word: `success` makes the complete upload visible, `failed` leaves what there was."""
    fields = body.fields()
    status, reason = fields.text("status", 16), fields.text("reason", 1 << 20)[:_MAX_REASON]
    uid = fields.object("modelsync").text("upload_id", 64)
    with current().database.write() as connection:
        if status == UploadStatus.SUCCESS:
            publishing.publish(connection, caller(), name, version, uid)
        elif status == UploadStatus.FAILED:
            publishing.note_failure(connection, caller(), name, version, reason, uid)
        else:
            raise BadRequest(f"`status` is `{UploadStatus.SUCCESS}` or `{UploadStatus.FAILED}`")
        return _show(connection, name, version)


@blueprint.put("/upload")
@needs(Right.WRITER)
def upload(name: str, version: str) -> Response:
    """Receive the whole archive through the API; success or failure is noted without the client's word."""
    size = body.content_length()
    with current().database.write() as connection:
        uid = _open(connection, name, version, Facts())
        models.note_start(connection, find_model(connection, name, version))
    try:
        multipart.receive_whole(current(), uid, request.environ["wsgi.input"], size)
    except (ApiError, ModelSyncError) as error:
        with current().database.write() as connection:
            publishing.note_failure(connection, caller(), name, version, error.message, uid)
        raise
    with current().database.write() as connection:
        publishing.publish(connection, caller(), name, version, uid)
    return Response(status=200)


def _open(
    connection: Connection,
    name: str,
    version: str,
    facts: Facts,
    declared: Sequence[Part] = (),
    digest: str | None = None,
) -> str:
    model = find_model(connection, name, version, lock=True)
    access.require_replacing(connection, caller(), model)
    note(connection, caller(), "upload-started", "model", f"{name}:{version}")
    return uploads.open_upload(connection, caller(), model.id, facts, declared, digest)


def _show(connection: Connection, name: str, version: str, **extra: Any) -> ModelJSON:
    return model_json(find_model(connection, name, version), current().settings.strategy, **extra)
