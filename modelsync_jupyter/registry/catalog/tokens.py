"""API tokens: kept as a hash, limited by scopes, by time and by revocation."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from ..errors import NotFound, Unauthorized
from .database import Page, new_uid, now
from .rows import Role, TokenRow
from .tables import tokens, users
from .users import Caller

#: The role that each scope lets a token have; the user's own role is the limit.
SCOPES = {
    "api": Role.ADMIN,
    "operate_organization": Role.ADMIN,
    "write_organization": Role.DEVELOPER,
    "read_organization": Role.GUEST,
}
#: Id of the token that the server itself makes.
FIRST_UID = "admin"
_USE_INTERVAL = timedelta(minutes=1)
_TOKENS: Select[Any] = (
    select(tokens, users.c.name.label("user_name"), users.c.role.label("user_role"))
    .join(users)
    .where(tokens.c.revoked_at.is_(None))
)


def hash_token(value: str) -> str:
    """Hash a token, to keep only that of it. Tokens are 32 random bytes, so one round is enough."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def limit(role: Role, scopes: Sequence[str]) -> Role:
    """Return the role of a token: the highest its scopes give, at most the user's."""
    given = max((SCOPES.get(scope, Role.NONE) for scope in scopes), key=lambda found: found.rank, default=Role.NONE)
    return role if given.includes(role) else given


def identify(connection: Connection, value: str) -> tuple[Caller, TokenRow]:
    """Find the user of a token, and the token.

    Raises:
        Unauthorized: It is not known, expired or revoked.
    """
    row = connection.execute(_TOKENS.where(tokens.c.digest == hash_token(value))).first()
    if row is None:
        raise Unauthorized("the API token is not valid")
    token = TokenRow.of(row)
    if token.expired_at is not None and token.expired_at <= now():
        raise Unauthorized("the API token has expired")
    return Caller(token.user_id, token.user, limit(token.user_role, token.scopes), token.name), token


def is_use_due(token: TokenRow) -> bool:
    """Return whether this use of a token should be written down: at most once a minute."""
    return token.last_used_at is None or now() - token.last_used_at > _USE_INTERVAL


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


def list_tokens(connection: Connection, page: Page, search: str, user_id: int | None) -> tuple[int, list[TokenRow]]:
    """Count the tokens that are not revoked, and return one page of them; of one user where given."""
    query = _TOKENS.where(tokens.c.name.icontains(search, autoescape=True))
    if user_id is not None:
        query = query.where(tokens.c.user_id == user_id)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return total, list(map(TokenRow.of, connection.execute(page.cut(query.order_by(tokens.c.id)))))


def find_token(connection: Connection, uid: str) -> TokenRow:
    """Find a token that is not revoked.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_TOKENS.where(tokens.c.uid == uid)).first()
    if row is None:
        raise NotFound("API token not found")
    return TokenRow.of(row)


def revoke_token(connection: Connection, token_id: int) -> None:
    """Make a token useless from now on."""
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(revoked_at=now()))
