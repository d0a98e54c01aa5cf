"""The audit log."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import API

from .. import body
from ..auth import needs
from ..catalog.events import list_events
from ..catalog.users import GUEST
from ..replies import event_json, page_json
from ..service import current

blueprint = Blueprint("events", __name__)


@blueprint.get(f"{API}/current_org/events")
@needs(GUEST)
def index() -> dict[str, Any]:
    """What was done here, newest first."""
    page = body.page(default=100)
    with current().database.read() as connection:
        total, rows = list_events(connection, page)
    return page_json(page, total, map(event_json, rows))
