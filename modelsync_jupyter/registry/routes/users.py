"""Users: list, make, change, disable. For admins; everybody may look at themselves."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import API

from .. import body
from ..catalog.database import now
from ..catalog.events import note
from ..catalog.grants import grants_of
from ..catalog.users import add_user, find_user, get_user, list_users, set_user
from ..catalog.words import Role
from ..errors import BadRequest
from ..replies import account_json, page_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import Fields

blueprint = Blueprint("users", __name__, url_prefix=f"{API}/users")
_NAME = re.compile(r"[a-zA-Z0-9]([-._@a-zA-Z0-9]{0,61}[a-zA-Z0-9])?", re.ASCII)


@blueprint.get("")
@needs(Role.ADMIN)
def index() -> dict[str, Any]:
    """List the users by name."""
    page, search = body.page(), body.text("search")
    with current().database.read() as connection:
        total, rows = list_users(connection, page, search)
    return page_json(page, total, map(account_json, rows))


@blueprint.post("")
@needs(Role.ADMIN)
def create() -> dict[str, Any]:
    """Make a user, who has no token yet."""
    fields = body.fields()
    name, role = check_user_name(fields.text("name", 63)), role_in(fields) or Role.NONE
    robot = bool(fields.flag("robot"))
    with current().database.write() as connection:
        if find_user(connection, name):
            raise BadRequest(f"user `{name}` already exists")
        row = add_user(connection, name, role, robot=robot)
        note(connection, caller(), "created", "user", name, role=role, robot=robot)
    return account_json(row)


@blueprint.get("/<user>")
@needs(Role.NONE)
def show(user: str) -> dict[str, Any]:
    """Show one user, with what they were granted: oneself, or as an admin anybody."""
    with current().database.read() as connection:
        if user != caller().name:
            access.require(connection, caller(), Role.ADMIN)
        row = get_user(connection, user)
        return account_json(row, grants_of(connection, row.id))


@blueprint.patch("/<user>")
@needs(Role.ADMIN)
def change(user: str) -> dict[str, Any]:
    """Change the role of a user, or disable them: their tokens are refused until they are enabled again."""
    fields = body.fields()
    role, disabled = role_in(fields), fields.flag("disabled")
    with current().database.write() as connection:
        row = get_user(connection, user, lock=True)
        disabled_at = row.disabled_at if disabled is None else (row.disabled_at or now()) if disabled else None
        changed = set_user(connection, row, row.role if role is None else role, disabled_at)
        if changed.role != row.role:
            note(connection, caller(), "updated", "user", user, role=changed.role, before=row.role)
        if changed.disabled_at != row.disabled_at:
            note(connection, caller(), "disabled" if disabled else "enabled", "user", user)
    return account_json(changed)


def check_user_name(name: str) -> str:
    """Check the name of a user.

    Raises:
        BadRequest: It is not.
    """
    if not _NAME.fullmatch(name):
        raise BadRequest("the name of a user has 1 to 63 letters, digits, `.`, `_`, `@` or `-`")
    return name


def role_in(fields: Fields) -> Role | None:
    """Return the role that a request asks for, or None where it does not say one; `none` is not a role.

    Raises:
        BadRequest: There is no such role.
    """
    if "role" not in fields:
        return None
    text = fields.text("role", 16)
    text = "" if text == "none" else text
    if text not in set(Role):
        raise BadRequest(f"`role` is one of: none, {', '.join(filter(None, Role))}")
    return Role(text)
