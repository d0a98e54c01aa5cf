"""The registry as a Flask app: its routes, and an answer in JSON to whatever goes wrong."""

from __future__ import annotations

import errno
import logging
import secrets
from itertools import chain, zip_longest
from typing import Any

from flask import Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from modelsync_jupyter.core.errors import ModelSyncError

from . import body
from .blobs.protocol import StoreAway
from .catalog.kept import Kept
from .errors import ApiError, NotFound, TooMany
from .pages import blueprint as pages
from .routes import BLUEPRINTS
from .security.auth import rule_of
from .service import EXTENSION, Registry

log = logging.getLogger(__name__)
_FULL = {errno.ENOSPC, errno.EDQUOT}


def create_app(registry: Registry) -> Flask:
    """Make the app over a registry."""
    app = Flask(__name__, static_folder=None)
    app.json = _JSON(app)
    app.extensions[EXTENSION] = registry
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for blueprint in (*BLUEPRINTS, pages):
        app.register_blueprint(blueprint)
    for endpoint, view in app.view_functions.items():
        assert rule_of(view) is not None, f"the route {endpoint} does not say who may use it"
    app.before_request(_say_route)
    app.teardown_request(body.leave_place)
    app.register_error_handler(Exception, _reply)
    app.url_value_preprocessor(_refuse_nul)
    if registry.settings.trust_forwarded:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    return app


class _JSON(DefaultJSONProvider):
    """JSON in which what is kept as JSON goes out as it is: to read and write it took most of the time of a page."""

    sort_keys = False
    _mark = secrets.token_hex(16)  # nobody can write it into a record

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        texts: list[str] = []

        def write(value: Any) -> Any:
            if isinstance(value, Kept):
                texts.append(value.text)
                return self._mark
            return DefaultJSONProvider.default(value)

        between = super().dumps(obj, default=write, **kwargs).split(f'"{self._mark}"')
        return "".join(chain.from_iterable(zip_longest(between, texts, fillvalue="")))


def answer(error: Exception, method: str, path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Choose status, JSON and headers of the reply to a request that failed; log what is our fault.

    Where a step is to be taken, the JSON says it in words for all clients, and for ours both apart.

    Args:
        error: Why.
        method: Of the request.
        path: Of the request.
    """
    if isinstance(error, ApiError):
        said: dict[str, Any] = {"error": error.message, **error.said}
        if error.step:
            said["error"] = f"{error.message}. {error.step.rstrip('.')}"
            said["modelsync"] = {"code": error.code, "message": error.message, "step": error.step}
        return error.status, said, {"Retry-After": str(error.seconds)} if isinstance(error, TooMany) else {}
    if isinstance(error, ModelSyncError):  # raised by core: the request caused it
        return 400, {"error": error.message}, {}
    if isinstance(error, HTTPException):
        allowed = getattr(error, "valid_methods", None)
        headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
        return error.code or 500, {"error": error.description or error.name}, headers
    if isinstance(error, IntegrityError):
        return 400, {"error": "another request changed this at the same time: read it again and retry"}, {}
    if isinstance(error, OperationalError) and _is_full(error.orig):
        log.error("%s %s: the catalog's disk is full", method, path)
        return 507, {"error": "the disk of the registry's catalog is full"}, {}
    if isinstance(error, (OperationalError, PoolTimeout)):
        log.error("%s %s: the catalog does not answer: %s", method, path, type(error).__name__)
        return 503, {"error": "the registry is busy: try again"}, {"Retry-After": "1"}
    if isinstance(error, OSError) and error.errno in _FULL:
        return 507, {"error": "the registry's disk is full"}, {}
    if isinstance(error, StoreAway):
        log.error("%s %s: %s", method, path, error)
        return 503, {"error": "the registry's store of blobs does not answer: try again"}, {"Retry-After": "5"}
    log.error("%s %s failed", method, path, exc_info=error)
    return 500, {"error": "internal error: see the registry's log"}, {}


def _is_full(cause: BaseException | None) -> bool:
    """Return whether a database has no room: SQLite says it in words, PostgreSQL as error 53100."""
    return "disk is full" in str(cause) or getattr(cause, "sqlstate", None) == "53100"


def _reply(error: Exception) -> Response:
    status, said, headers = answer(error, request.method, request.path)
    reply = jsonify(said)
    reply.status_code = status
    reply.headers.update(headers)
    return reply


def _say_route() -> None:
    """Tell the server which route answers, for its log and its numbers."""
    if request.url_rule:
        request.environ["modelsync.route"] = request.url_rule.rule


def _refuse_nul(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Refuse NUL in a path: no record has such a name, and databases treat it differently."""
    if any("\0" in str(value) for value in (values or {}).values()):
        raise NotFound("no such record")
