"""For those who run the registry or write clients of it: numbers for Prometheus, and the API's own description."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from modelsync_jupyter.wire import API

from ..openapi import describe
from ..security.auth import open_to_all
from ..service import current

blueprint = Blueprint("operations", __name__)


@blueprint.get("/metrics")
@open_to_all("Prometheus has no token, and the numbers name nobody and nothing")
def metrics() -> Response:
    """Tell Prometheus how many requests there were, and what they took."""
    from ..observing import metrics  # counts in files that are named only when the server runs

    return Response(metrics(current()), content_type="text/plain; version=0.0.4; charset=utf-8")


@blueprint.get(f"{API}/openapi.json")
@open_to_all("clients read it before they sign in")
def openapi() -> dict[str, Any]:
    """Describe the API."""
    return describe(current_app._get_current_object())  # type: ignore[attr-defined]  # of Flask's proxies
