"""Call routes of the API in this process, as a client of it: with the token of the session."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import current_app, g, request

from modelsync_jupyter.wire import TOKEN_HEADER

from ..errors import NotFound

T = TypeVar("T")
Query = Mapping[str, str | int]
#: What the registry says of itself as a client, in histories of versions.
CLIENT = "browser"
#: What of the browser's request the inner one has too.
_KEPT = (
    *("REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SCRIPT_NAME", "HTTP_HOST"),
    *("wsgi.url_scheme", "wsgi.version", "wsgi.errors", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"),
)
_TOKEN = f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}"


def call(
    route: Callable[..., T],
    *,
    query: Query | None = None,
    body: Mapping[str, Any] | None = None,
    token: str = "",
    **values: str,
) -> T:
    """Call a route as the network would, but for the network: it authenticates, checks, writes and notes by itself.

    Args:
        route: The function of the route.
        query: Its query string; empty values are left out.
        body: Its JSON.
        token: Another token than that of the session.
        values: The variable words of its path.

    Raises:
        ApiError, ModelSyncError: As the route says; `app` answers them, and `session` shows the answer as a page.
    """
    if any("\0" in value for value in values.values()):
        raise NotFound("no such record")
    data = b"" if body is None else json.dumps(body).encode()
    environ = {
        **{key: request.environ[key] for key in _KEPT if key in request.environ},
        "REQUEST_METHOD": "GET" if body is None else "POST",
        "PATH_INFO": request.environ["PATH_INFO"],
        "QUERY_STRING": urlencode({key: value for key, value in (query or {}).items() if value != ""}),
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
        "HTTP_USER_AGENT": CLIENT,
        _TOKEN: token or g.session,
    }
    with current_app.request_context(environ):
        return route(**values)
