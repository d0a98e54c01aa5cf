"""Who am I, where am I, what was done here: what a client asks when it signs in, an admin, and a load balancer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

import modelsync_jupyter
from modelsync_jupyter.wire import API

from .. import body
from ..auth import caller, needs
from ..catalog.events import list_events
from ..catalog.rows import Role
from ..replies import ORGANIZATION, event_json, page_json, user_json
from ..service import current

blueprint = Blueprint("account", __name__)


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer that this process serves requests."""
    return {"status": "ok"}


@blueprint.get("/version")
@blueprint.get(f"{API}/version")
def version() -> dict[str, str]:
    """Tell what runs here."""
    return {"version": modelsync_jupyter.__version__, "git_commit": "", "build_date": ""}


@blueprint.get(f"{API}/auth/current")
@needs(Role.GUEST)
def current_user() -> dict[str, Any]:
    """Show the caller, with what the token permits."""
    return {**user_json(caller().name), "modelsync": {"role": caller().role}}


@blueprint.get(f"{API}/current_org")
@needs(Role.GUEST)
def current_organization() -> dict[str, Any]:
    """Show the one organisation of this registry."""
    return ORGANIZATION


@blueprint.get(f"{API}/current_org/events")
@needs(Role.GUEST)
def events() -> dict[str, Any]:
    """List what was done here, newest first."""
    page = body.page(default=100)
    with current().database.read() as connection:
        total, rows = list_events(connection, page)
    return page_json(page, total, map(event_json, rows))
