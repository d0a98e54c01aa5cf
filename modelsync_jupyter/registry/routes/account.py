"""Who am I, where am I, what was done here: what a client asks when it signs in, an admin, and a load balancer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, request

import modelsync_jupyter
from modelsync_jupyter.wire import API

from .. import body
from ..catalog.events import Filter, list_events
from ..catalog.words import Role
from ..errors import BadRequest
from ..replies import ORGANIZATION, event_json, page_json, user_json
from ..security.auth import caller, needs, open_to_all
from ..service import current
from ..values import read_time

blueprint = Blueprint("account", __name__)
_EVENTS_AT_ONCE = 1000


@blueprint.get("/healthz")
@open_to_all("load balancers have no token")
def healthz() -> dict[str, str]:
    """Answer that this process serves requests."""
    return {"status": "ok"}


@blueprint.get("/version")
@blueprint.get(f"{API}/version")
@open_to_all("clients ask before they sign in")
def version() -> dict[str, str]:
    """Tell what runs here."""
    return {"version": modelsync_jupyter.__version__, "git_commit": "", "build_date": ""}


@blueprint.get(f"{API}/auth/current")
@needs(Role.NONE)
def current_user() -> dict[str, Any]:
    """Show the caller, with what the token permits. Stock clients greet by the e-mail address, which is not known."""
    who = caller()
    return {**user_json(who.name), "email": who.name, "modelsync": {"role": who.role, "reach": who.reach}}


@blueprint.get(f"{API}/current_org")
@needs(Role.NONE)
def current_organization() -> dict[str, Any]:
    """Show the one organisation of this registry."""
    return ORGANIZATION


@blueprint.get(f"{API}/current_org/events")
@needs(Role.NONE)
def events() -> dict[str, Any]:
    """List what was done here, newest first, as far as the caller may see it."""
    page = body.page(default=100, most=_EVENTS_AT_ONCE)
    wanted = Filter(
        user=body.text("user"),
        operation=body.text("operation"),
        kind=body.text("resource_type"),
        name=body.text("resource_name"),
        address=body.text("address"),
        since=_time("since"),
        until=_time("until"),
        before=body.text("before"),
    )
    with current().database.read() as connection:
        total, rows = list_events(connection, caller(), wanted, page)
    return page_json(page, total, map(event_json, rows))


def _time(key: str) -> datetime | None:
    text = request.args.get(key, "")
    if not text:
        return None
    time = read_time(text)
    if time is None:
        raise BadRequest(f"`{key}` is not a time like `2026-01-31 13:59:59`")
    return time
