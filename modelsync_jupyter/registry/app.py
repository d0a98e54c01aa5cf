"""The registry as a Flask app: its routes, and an answer in JSON to whatever goes wrong."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from modelsync_jupyter.core.errors import ModelSyncError

from .auth import rule_of
from .blobs.protocol import BLOCK
from .errors import ApiError, NotFound, TooMany
from .routes import BLUEPRINTS
from .service import EXTENSION, Registry
from .settings import Settings

log = logging.getLogger(__name__)
_STALL_SECONDS = 300
_MAX_DRAIN = 1 << 30
_FULL = {errno.ENOSPC, errno.EDQUOT}


def create_app(settings: Settings) -> Flask:
    """Make the app of one process over the registry in `settings.data`."""
    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = Registry.open(settings)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for endpoint, view in app.view_functions.items():
        assert rule_of(view) is not None, f"the route {endpoint} does not say who may use it"
    for kind, handler in _HANDLERS.items():
        app.register_error_handler(kind, handler)
    app.before_request(_limit_stalls)
    app.after_request(_drain)
    app.url_value_preprocessor(_refuse_nul)
    if settings.trust_forwarded:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    return app


def _limit_stalls() -> None:
    """Close the connection of a client that sends or takes nothing for minutes: it holds a thread."""
    if connection := request.environ.get("gunicorn.socket"):
        connection.settimeout(_STALL_SECONDS)


def _drain(reply: Response) -> Response:
    """Read the rest of a refused body: a client that still sends would see a broken connection, not our reply."""
    left = min(request.content_length or 0, _MAX_DRAIN)
    with suppress(OSError):
        while left > 0 and (block := request.environ["wsgi.input"].read(min(BLOCK, left))):
            left -= len(block)
    return reply


def _refuse_nul(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Refuse NUL in a path: no record has such a name, and databases treat it differently."""
    if any("\0" in str(value) for value in (values or {}).values()):
        raise NotFound("no such record")


def _reply(status: int, message: str, code: str = "", step: str = "") -> Response:
    """Answer with an error; where a step is to be taken, in words for all clients and for ours with both apart."""
    body: dict[str, Any] = {"error": f"{message}. {step.rstrip('.')}" if step else message}
    if step:
        body["modelsync"] = {"code": code, "message": message, "step": step}
    reply = jsonify(body)
    reply.status_code = status
    return reply


def _api_error(error: ApiError) -> Response:
    reply = _reply(error.status, error.message, error.code, error.step)
    if isinstance(error, TooMany):
        reply.headers["Retry-After"] = str(error.seconds)
    return reply


def _client_error(error: ModelSyncError) -> Response:
    """Answer 400 to errors raised by core: the request caused them."""
    return _reply(400, error.message)


def _http_error(error: HTTPException) -> Response:
    reply = _reply(error.code or 500, error.description or error.name)
    if allowed := getattr(error, "valid_methods", None):
        reply.headers["Allow"] = ", ".join(sorted(allowed))
    return reply


def _collision(error: IntegrityError) -> Response:
    return _reply(400, "another request changed this at the same time: read it again and retry")


def _busy(error: Exception) -> Response:
    log.error("%s %s: the catalog does not answer: %s", request.method, request.path, type(error).__name__)
    reply = _reply(503, "the registry is busy: try again")
    reply.headers["Retry-After"] = "1"
    return reply


def _unexpected(error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in _FULL:
        return _reply(507, "the registry's disk is full")
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _reply(500, "internal error: see the registry's log")


_HANDLERS: dict[type[Exception], Callable[[Any], Response]] = {
    ApiError: _api_error,
    ModelSyncError: _client_error,
    HTTPException: _http_error,
    IntegrityError: _collision,
    OperationalError: _busy,
    PoolTimeout: _busy,
    Exception: _unexpected,
}
