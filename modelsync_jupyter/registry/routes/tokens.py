"""API tokens: make, list, revoke.

A token made for oneself ends with the token that made it, and does no more than that one. Admins make tokens for
others, robots too: these end with neither, unless the admin's token is revoked together with all that it issued.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from sqlalchemy import Connection

from modelsync_jupyter.wire import API

from .. import body
from ..catalog import tokens
from ..catalog.events import note
from ..catalog.rows import TokenRow, UserRow
from ..catalog.users import Caller, add_user, find_user, get_user
from ..catalog.words import Right, Role
from ..errors import BadRequest, Forbidden, NotFound
from ..replies import page_json, token_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import Fields
from .users import check_user_name, role_in

blueprint = Blueprint("tokens", __name__, url_prefix=f"{API}/api_tokens")


@blueprint.get("")
@needs(Role.NONE)
def index() -> dict[str, Any]:
    """List the caller's tokens; an admin sees all, or those of one `user`."""
    page, search, user = body.page(default=100), body.text("search"), body.text("user")
    with current().database.read() as connection:
        who = caller()
        if user and user != who.name:
            access.require(connection, who, Role.ADMIN)
        of = user or (None if who.may(Role.ADMIN) else who.name)
        total, rows = tokens.list_tokens(connection, page, search, of)
    return page_json(page, total, map(token_json, rows))


@blueprint.post("")
@needs(Role.NONE)
def create() -> dict[str, Any]:
    """Make a token for the caller, or for another user where an admin asks; its value is in this reply only."""
    fields, who = body.fields(), caller()
    name, scopes = fields.text("name", 128), fields.texts("scopes", 16) or ["api"]
    expired_at = fields.time("expired_at")
    if not name:
        raise BadRequest("`name` is needed")
    access.require_reach(who, Right.WRITER)
    with current().database.write() as connection:
        user = _owner(connection, who, fields.object("modelsync"))
        if not who.reach.includes(tokens.reach(scopes)):
            raise Forbidden("permission denied: a token cannot make one that may do more", access.ANOTHER_TOKEN)
        uid, value = tokens.add_token(
            connection,
            user.id,
            name,
            description=fields.text("description"),
            scopes=scopes,
            expired_at=expired_at,
            maker=who,
        )
        note(connection, who, "created", "api_token", name, uid=uid, user=user.name, scopes=scopes)
        return token_json(tokens.find_token(connection, uid), value)


@blueprint.get("/<uid>")
@needs(Role.NONE)
def show(uid: str) -> dict[str, Any]:
    """Show one token, without its value."""
    with current().database.read() as connection:
        return token_json(_own(connection, uid))


@blueprint.delete("/<uid>")
@needs(Role.NONE)
def revoke(uid: str) -> dict[str, Any]:
    """Make a token useless, and all that it made for its user; with `issued=true` also what it made for others.

    Every token may do that to itself and to what it made; to other tokens of its user if it may do as much as they.
    """
    who, issued = caller(), request.args.get("issued", "") in ("1", "true")
    with current().database.write() as connection:
        row = _own(connection, uid)
        mine = tokens.descends_from(connection, row.id, who.token_id)
        strong = who.reach.includes(Right.WRITER) and who.reach.includes(tokens.reach(row.scopes))
        if not (mine or strong):
            raise Forbidden(
                "permission denied: the scopes of your token do not permit revoking one that may do more",
                access.ANOTHER_TOKEN,
            )
        if issued:
            access.require(connection, who, Role.ADMIN)
        count = tokens.revoke_token(connection, row.id, issued=issued)
        note(connection, who, "revoked", "api_token", row.name, uid=row.uid, user=row.user.name, count=count)
    return token_json(row)


def _own(connection: Connection, uid: str) -> TokenRow:
    """Find a token of the caller; for an admin, anybody's."""
    row = tokens.find_token(connection, uid)
    if row.user.id != caller().user_id and not caller().may(Role.ADMIN):
        raise NotFound("token not found", "Check its id in the list of tokens.")
    return row


def _owner(connection: Connection, who: Caller, asked: Fields) -> UserRow:
    """Find the user that the token is for; make one where an admin names a new one and its role."""
    name = asked.text("user", 63)
    if not name or name == who.name:
        return get_user(connection, who.name)
    access.require(connection, who, Role.ADMIN)
    role = role_in(asked)
    found = find_user(connection, check_user_name(name))
    if found is None:
        role = Role.DEVELOPER if role is None else role
        note(connection, who, "created", "user", name, role=role, robot=False)
        return add_user(connection, name, role)
    if role not in (None, found.role):
        raise BadRequest(f"user `{name}` exists and has the role `{found.role or 'none'}`")
    return found
