"""API tokens: kept as a hash, limited by scopes, by time and by revocation."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from ..errors import NotFound, Unauthorized
from .database import new_uid, now
from .pages import Page
from .tables import tokens, users
from .users import ADMIN, DEVELOPER, GUEST, Caller, rank

#: The role that each scope lets a token have; the user's own role is the limit.
SCOPES = {"api": ADMIN, "operate_organization": ADMIN, "write_organization": DEVELOPER, "read_organization": GUEST}
#: Id of the token that the server itself makes.
FIRST_UID = "admin"
_USE_INTERVAL = timedelta(minutes=1)


def hash_token(value: str) -> str:
    """What is kept of a token. Tokens are 32 random bytes, so one round is enough."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def limit(role: str, scopes: Sequence[str]) -> str:
    """The role of a token: the highest its scopes give, at most the user's; "" for none."""
    given = max((rank(SCOPES.get(scope, "")) for scope in scopes), default=-1)
    return min(role, ("", GUEST, DEVELOPER, ADMIN)[given + 1], key=rank)


def identify(connection: Connection, value: str) -> tuple[Caller, Row[Any]]:
    """Whose token it is, and its row.

    Raises:
        Unauthorized: Nobody's, or it is expired or revoked.
    """
    query = select(tokens, users.c.name.label("user_name"), users.c.role).join(users)
    row = connection.execute(query.where(tokens.c.digest == hash_token(value))).first()
    if row is None or row.revoked_at is not None:
        raise Unauthorized("the API token is not valid")
    if row.expired_at is not None and row.expired_at <= now():
        raise Unauthorized("the API token has expired")
    return Caller(row.user_id, row.user_name, limit(row.role, json.loads(row.scopes)), row.name), row


def is_use_due(row: Row[Any]) -> bool:
    """Whether this use of a token should be written down: at most once a minute."""
    return row.last_used_at is None or now() - row.last_used_at > _USE_INTERVAL


def note_use(connection: Connection, token_id: int) -> None:
    """Write down that a token was used."""
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=now()))


def add_token(
    connection: Connection,
    user_id: int,
    name: str,
    *,
    description: str = "",
    scopes: Sequence[str] = ("api",),
    expired_at: datetime | None = None,
    value: str | None = None,
    uid: str | None = None,
) -> tuple[str, str]:
    """Make a token and return its id and its value, which is not kept."""
    value, uid = value or secrets.token_urlsafe(32), uid or new_uid()
    row = {"uid": uid, "user_id": user_id, "name": name, "description": description, "digest": hash_token(value)}
    row |= {"scopes": json.dumps(list(scopes)), "created_at": now(), "expired_at": expired_at}
    connection.execute(insert(tokens).values(**row))
    return uid, value


def set_first_token(connection: Connection, user_id: int, value: str) -> None:
    """Make `value` the server's own admin token, in place of an older one."""
    change = update(tokens).where(tokens.c.uid == FIRST_UID)
    changed = connection.execute(change.values(digest=hash_token(value), revoked_at=None, user_id=user_id))
    if not changed.rowcount:
        add_token(connection, user_id, FIRST_UID, description="made by the server", value=value, uid=FIRST_UID)


def list_tokens(connection: Connection, page: Page, search: str, user_id: int | None) -> tuple[int, Sequence[Row[Any]]]:
    """How many tokens are not revoked, and one page of them; of one user where given."""
    query = _select().where(tokens.c.name.icontains(search, autoescape=True))
    if user_id is not None:
        query = query.where(tokens.c.user_id == user_id)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return total, connection.execute(page.cut(query.order_by(tokens.c.id))).all()


def find_token(connection: Connection, uid: str) -> Row[Any]:
    """A token that is not revoked.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_select().where(tokens.c.uid == uid)).first()
    if row is None:
        raise NotFound("API token not found")
    return row


def revoke_token(connection: Connection, token_id: int) -> None:
    """Make a token useless from now on."""
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(revoked_at=now()))


def _select() -> Select[Any]:
    return select(tokens, users.c.name.label("user_name")).join(users).where(tokens.c.revoked_at.is_(None))
