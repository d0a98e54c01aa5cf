"""Parts of archives: which of them a push would not have to send."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import PRESENT

from .. import body, presence
from ..catalog.words import Role
from ..security.auth import caller, needs
from ..service import current
from .objects import direct_store

blueprint = Blueprint("parts", __name__)


@blueprint.post(PRESENT)
@needs(Role.NONE)
def find_parts() -> dict[str, Any]:
    """Tell which of some parts need not be sent: those of versions that one may read, and those one sent before."""
    fields = body.fields(body.MAX_LIST).object("modelsync")
    direct = direct_store(fields) if fields.flag("direct") else None
    return {"modelsync": {"present": presence.find_present(current(), caller(), fields.parts(), direct)}}
