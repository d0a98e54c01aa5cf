"""API tokens: make, list, revoke."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint
from sqlalchemy import Connection

from modelsync_jupyter.wire import API

from .. import body
from ..auth import caller, needs, require
from ..catalog import tokens
from ..catalog.events import note
from ..catalog.rows import Role, TokenRow, UserRow
from ..catalog.users import Caller, add_user, find_user
from ..errors import BadRequest, Forbidden, NotFound
from ..replies import page_json, token_json
from ..service import current
from ..values import Fields

blueprint = Blueprint("tokens", __name__, url_prefix=f"{API}/api_tokens")
_USER = re.compile(r"[a-zA-Z0-9]([-._@a-zA-Z0-9]{0,61}[a-zA-Z0-9])?", re.ASCII)


@blueprint.get("")
@needs(Role.GUEST)
def index() -> dict[str, Any]:
    """List the caller's tokens; an admin sees all."""
    page, search = body.page(default=100), body.text("search")
    with current().database.read() as connection:
        mine = None if caller().may(Role.ADMIN) else caller().user_id
        total, rows = tokens.list_tokens(connection, page, search, mine)
    return page_json(page, total, map(token_json, rows))


@blueprint.post("")
@needs(Role.GUEST)
def create() -> dict[str, Any]:
    """Make a token for the caller, or for another user where an admin asks; its value is in this reply only."""
    fields = body.fields()
    name, scopes = fields.text("name", 128), fields.texts("scopes", 16) or ["api"]
    if not name:
        raise BadRequest("`name` is needed")
    with current().database.write() as connection:
        user = _owner(connection, caller(), fields.object("modelsync"))
        if not caller().may(tokens.limit(user.role, scopes)):
            raise Forbidden("permission denied: a token cannot make one that may do more")
        uid, value = tokens.add_token(
            connection,
            user.id,
            name,
            description=fields.text("description"),
            scopes=scopes,
            expired_at=fields.time("expired_at"),
        )
        note(connection, caller(), "created", "api_token", name, uid=uid)
        return token_json(tokens.find_token(connection, uid), value)


@blueprint.get("/<uid>")
@needs(Role.GUEST)
def show(uid: str) -> dict[str, Any]:
    """Show one token, without its value."""
    with current().database.read() as connection:
        return token_json(_own(connection, uid))


@blueprint.delete("/<uid>")
@needs(Role.GUEST)
def revoke(uid: str) -> dict[str, Any]:
    """Make a token useless."""
    with current().database.write() as connection:
        row = _own(connection, uid)
        tokens.revoke_token(connection, row.id)
        note(connection, caller(), "revoked", "api_token", row.name, uid=row.uid)
    return token_json(row)


def _own(connection: Connection, uid: str) -> TokenRow:
    """Find a token of the caller; for an admin, anybody's."""
    row = tokens.find_token(connection, uid)
    if row.user_id != caller().user_id and not caller().may(Role.ADMIN):
        raise NotFound("API token not found")
    return row


def _owner(connection: Connection, who: Caller, wish: Fields) -> UserRow:
    """Find the user that the token is for; make one where an admin names a new one."""
    name = wish.text("user", 63)
    if not name:
        found = find_user(connection, who.name)
        assert found is not None, "the caller is a user"
        return found
    require(who, Role.ADMIN)
    asked = wish.text("role", 16)
    if not _USER.fullmatch(name) or asked not in set(Role):
        roles = ", ".join(filter(None, Role))
        raise BadRequest(f"a user has a name of letters, digits, `.`, `_`, `@`, `-` and a role: {roles}")
    role = Role(asked)
    found = find_user(connection, name)
    if found is None:
        role = role or Role.DEVELOPER
        note(connection, who, "created", "user", name, role=role)
        return add_user(connection, name, role)
    if role and role != found.role:
        raise BadRequest(f"user `{name}` exists and has the role `{found.role}`")
    return found
