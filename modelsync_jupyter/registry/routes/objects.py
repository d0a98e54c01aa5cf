"""Objects behind presigned URLs: no token is needed, the URL is the permission. Parts are received by `lane.front`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from modelsync_jupyter.wire import PRESIGNED

from .. import body, multipart
from ..archives.aliased import end_as
from ..blobs.protocol import Direct
from ..catalog.archives import find_archive
from ..catalog.tokens import check_valid
from ..lane.sending import send_archive
from ..security.auth import caller, open_to_all
from ..service import current
from ..values import Fields, check_version

blueprint = Blueprint("objects", __name__, url_prefix="/objects")
#: Signed URLs in one reply, of about 500 bytes each; a client asks for more one by one, or has the bytes through us.
MAX_URLS = 2000
_MAX_HEADERS = 16
_presigned = open_to_all("the URL is the permission: it was signed for somebody who may")


def direct_store(sender: Fields | None = None) -> Direct | None:
    """Return the store of blobs where clients may move bytes to and from it themselves, else None.

    Args:
        sender: What a client says of itself that is to send there: it has to know what headers go along.
    """
    registry = current()
    blobs = registry.blobs if registry.settings.direct and registry.settings.strategy == PRESIGNED else None
    if not isinstance(blobs, Direct) or not blobs.signs():
        return None
    return None if sender and not blobs.put_headers.keys() <= set(sender.texts("headers", _MAX_HEADERS)) else blobs


def presigned(method: str, path: str) -> str:
    """Sign a URL, on the origin that the client itself used, that permits `method` on `path` for a while.

    It is good for as long as the caller's token is, and the upload or the version that it is about.

    Args:
        method: "GET" or "PUT".
        path: Without the prefix under which a proxy shows us.
    """
    prefix = request.root_path.rstrip("/")
    signed = current().signer.sign(method, path, caller().token_id)
    return f"{request.host_url.rstrip('/')}{prefix}{path}?{signed}"


@blueprint.put("/uploads/<uid>")
@_presigned
def put_whole(uid: str) -> Response:
    """Receive a whole archive in one request."""
    body.take_place(_check_presigned("PUT"))
    size = body.content_length()
    multipart.receive_whole(current(), uid, request.environ["wsgi.input"], size)
    return Response(status=200)


@blueprint.get("/archives/<uid>")
@_presigned
def get_archive(uid: str) -> Response:
    """Send an archive, or one range of it."""
    _check_presigned("GET")
    with current().database.read() as connection:
        archive = find_archive(connection, uid)
    return send_archive(current(), archive)


@blueprint.get("/archives/<uid>/<alias>")
@_presigned
def get_aliased(uid: str, alias: str) -> Response:
    """Send an archive under the name of an alias, or one range of it."""
    _check_presigned("GET")
    with current().database.read() as connection:
        archive = find_archive(connection, uid)
    return send_archive(current(), archive, end_as(current(), archive, check_version(alias)))


def _check_presigned(method: str) -> str:
    """Accept a request whose URL we presigned; returns the name of the user for whom.

    Raises:
        Forbidden: The URL is forged or expired, or the token that asked for it is no longer valid.
    """
    token_id = current().signer.check(method, request.path, request.args)
    with current().database.read() as connection:
        return check_valid(connection, token_id)
