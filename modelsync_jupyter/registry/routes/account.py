"""Who am I, where am I: what a client asks when it signs in, and what a load balancer asks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

import modelsync_jupyter
from modelsync_jupyter.wire import API

from ..auth import caller, needs
from ..catalog.users import GUEST
from ..replies import ORGANIZATION, user_json

blueprint = Blueprint("account", __name__)


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    """The process serves requests."""
    return {"status": "ok"}


@blueprint.get("/version")
@blueprint.get(f"{API}/version")
def version() -> dict[str, str]:
    """What runs here."""
    return {"version": modelsync_jupyter.__version__, "git_commit": "", "build_date": ""}


@blueprint.get(f"{API}/auth/current")
@needs(GUEST)
def current_user() -> dict[str, Any]:
    """The caller, with what the token lets them do."""
    return {**user_json(caller().name), "modelsync": {"role": caller().role}}


@blueprint.get(f"{API}/current_org")
@needs(GUEST)
def current_organization() -> dict[str, Any]:
    """The one organisation of this registry."""
    return ORGANIZATION
