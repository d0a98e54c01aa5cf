"""Objects behind presigned URLs: no token is needed, the URL is the permission."""

from __future__ import annotations

from flask import Blueprint, Response, request

from .. import body, multipart
from ..blobs import hex_of
from ..catalog.archives import find_archive
from ..catalog.uploads import OPEN, find_upload
from ..errors import BadRequest
from ..sending import send_archive
from ..service import current
from .links import check_presigned

blueprint = Blueprint("objects", __name__, url_prefix="/objects")


@blueprint.put("/uploads/<uid>/parts/<int:number>")
def put_part(uid: str, number: int) -> Response:
    """One part of a multipart upload; its ETag is its digest."""
    check_presigned("PUT")
    blob = multipart.receive_part(current(), uid, number, request.environ["wsgi.input"], body.content_length())
    return Response(status=200, headers={"ETag": f'"{hex_of(blob.digest)}"'})


@blueprint.put("/uploads/<uid>")
def put_whole(uid: str) -> Response:
    """A whole archive in one request."""
    check_presigned("PUT")
    size = body.content_length()
    with current().database.read() as connection:
        upload = find_upload(connection, uid)
    if upload.state != OPEN:
        raise BadRequest("the upload is complete already")
    parts = multipart.receive_whole(current(), request.environ["wsgi.input"], size)
    multipart.finish(current(), upload, parts)
    return Response(status=200)


@blueprint.get("/archives/<uid>")
def get_archive(uid: str) -> Response:
    """An archive, or one range of it."""
    check_presigned("GET")
    with current().database.read() as connection:
        archive = find_archive(connection, uid)
    return send_archive(current(), archive)
