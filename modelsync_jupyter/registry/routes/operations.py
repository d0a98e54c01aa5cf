"""For those who run the registry or write clients of it: metrics for Prometheus, and the API's own description."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, current_app, request

from modelsync_jupyter.wire import API

from ..errors import Unauthorized
from ..openapi import describe
from ..security.auth import open_to_all
from ..service import current

blueprint = Blueprint("operations", __name__)


@blueprint.get("/metrics")
@open_to_all("the metrics name nobody and nothing; where MODELSYNC_METRICS_TOKEN is set, it is asked for")
def metrics() -> Response:
    """Tell Prometheus how many requests there were, and what they took."""
    from ..observing import Metrics  # counts in files that are named only when the server runs

    token = current().settings.metrics_token.encode()
    if token and not hmac.compare_digest(_bearer().encode("utf-8", "replace"), token):
        raise Unauthorized(
            "the metrics need the token of MODELSYNC_METRICS_TOKEN", "Send it as `Authorization: Bearer`."
        )
    found: Metrics = current_app.extensions.setdefault("modelsync.metrics", Metrics(current()))
    return Response(found.read(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _bearer() -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


@blueprint.get(f"{API}/openapi.json")
@open_to_all("clients read it before they sign in")
def openapi() -> dict[str, Any]:
    """Describe the API."""
    return describe(current_app._get_current_object())  # type: ignore[attr-defined]  # of Flask's proxies
