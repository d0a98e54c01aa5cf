"""API tokens: kept as a hash, limited by scopes, by time, by revocation, and by the token that made them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, or_, select, update

from ..errors import BadRequest, Forbidden, NotFound, Unauthorized
from .database import Page, new_uid, now
from .rows import TokenRow
from .tables import tokens, users
from .users import Caller
from .words import Right

#: What each scope lets a token do of what its user may do.
SCOPES = {
    "api": Right.OWNER,
    "operate_organization": Right.OWNER,
    "write_organization": Right.WRITER,
    "read_organization": Right.READER,
}
#: How a token begins: it is known for one where it does not belong, and is never taken for an option of a command.
_PREFIX = "mst_"
#: Id of the token that the server itself makes.
FIRST_UID = "admin"
#: How many tokens, each made by the one before, may hang on one; and how many a user may have.
_MAX_DEPTH, _MAX_TOKENS = 8, 1000
_USE_INTERVAL = timedelta(minutes=1)
_parents = tokens.alias("parents")
_TOKENS: Select[Any] = (
    select(
        tokens,
        *(users.c[name].label(f"user_{name}") for name in ("name", "role", "robot", "created_at", "disabled_at")),
        _parents.c.uid.label("parent_uid"),
    )
    .join(users, tokens.c.user_id == users.c.id)
    .outerjoin(_parents, tokens.c.parent_id == _parents.c.id)
)
_VALID = _TOKENS.where(tokens.c.revoked_at.is_(None))
# Made once, for each request asks this.
_BY_DIGEST = _TOKENS.where(tokens.c.digest == bindparam("hash"))
_EXPIRY = (
    select(tokens.c.expired_at, users.c.name)
    .join(users, tokens.c.user_id == users.c.id)
    .where(tokens.c.id == bindparam("token"), tokens.c.revoked_at.is_(None), users.c.disabled_at.is_(None))
)


class Refused(Unauthorized):
    """A sign-in that failed with a token that is known.

    Args:
        message: Why.
        token: The token.
    """

    def __init__(self, message: str, token: TokenRow) -> None:
        super().__init__(message)
        self.token = token


class Disabled(Refused):
    """The token is good, but its user may not sign in: another token does not help."""

    status = 403
    code = "permission-denied"
    step = "Ask an admin of the registry to enable the user."


def hash_token(value: str) -> str:
    """Hash a token, to keep only that of it. Tokens are 32 random bytes, so one round is enough."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def reach(scopes: Sequence[str]) -> Right:
    """Return what scopes let a token do: the most that one of them does."""
    given = (SCOPES.get(scope, Right.NONE) for scope in scopes)
    return max(given, key=lambda right: right.rank, default=Right.NONE)


def identify(connection: Connection, value: str, address: str = "") -> tuple[Caller, TokenRow]:
    """Find the user of a token, and the token.

    Args:
        connection: A read.
        value: The token.
        address: Where the request comes from.

    Raises:
        Unauthorized: It is not known.
        Refused: It is expired or revoked.
        Disabled: Its user is disabled.
    """
    row = connection.execute(_BY_DIGEST, {"hash": hash_token(value)}).first()
    if row is None:
        raise Unauthorized("the API token is not valid")
    token = TokenRow.of(row)
    if token.revoked_at is not None:
        raise Refused("the API token was revoked", token)
    if token.expired_at is not None and token.expired_at <= now():
        raise Refused("the API token has expired", token)
    if token.user.disabled_at is not None:
        raise Disabled(f"permission denied: the user `{token.user.name}` is disabled", token)
    user = token.user
    return Caller(user.id, user.name, user.role, reach(token.scopes), token.id, token.name, address), token


def check_valid(connection: Connection, token_id: int) -> str:
    """Require that a token, for which a URL was presigned, is still valid and its user not disabled.

    Returns:
        The user's name.

    Raises:
        Forbidden: It is not.
    """
    row = connection.execute(_EXPIRY, {"token": token_id}).first()
    if row is None or (row.expired_at is not None and row.expired_at <= now()):
        raise Forbidden("the token that this URL was made for is no longer valid")
    return str(row.name)


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
    maker: Caller | None = None,
    value: str | None = None,
    uid: str | None = None,
) -> tuple[str, str]:
    """Make a token and return its id and its value, which is not kept.

    Args:
        connection: A write.
        user_id: Whose token it will be.
        name: What people call it.
        description: What it is for.
        scopes: What it is good for.
        expired_at: When it stops being valid; never later than the token that makes it for its own user.
        maker: Who makes it; None for the server.
        value: The token; by default a random one.
        uid: Its id; by default a new one.

    Raises:
        Unauthorized: The maker's token was revoked meanwhile.
        BadRequest: There are too many.
    """
    value, uid = value or f"{_PREFIX}{secrets.token_urlsafe(32)}", uid or new_uid()
    row = {"uid": uid, "user_id": user_id, "name": name, "description": description, "digest": hash_token(value)}
    row |= {"scopes": json.dumps(list(scopes)), "created_at": now(), "expired_at": expired_at}
    if maker is not None and maker.user_id == user_id:
        row["parent_id"] = maker.token_id
        row["expired_at"] = _hang_on(connection, maker.token_id, expired_at)
    elif maker is not None:
        row["issuer_id"] = maker.token_id
    alive = or_(tokens.c.expired_at.is_(None), tokens.c.expired_at > now())
    count = select(func.count()).where(tokens.c.user_id == user_id, tokens.c.revoked_at.is_(None), alive)
    if connection.execute(count).scalar_one() >= _MAX_TOKENS:
        raise BadRequest(f"a user has at most {_MAX_TOKENS} tokens: revoke some first")
    connection.execute(insert(tokens).values(**row))
    return uid, value


def set_first_token(connection: Connection, user_id: int, value: str) -> bool:
    """Make `value` the server's own admin token, in place of an older one, which ends, and all that it made for itself.

    An older one may come back, where an operator goes back to the settings of yesterday, but not one that was revoked.

    Returns:
        Whether it is valid.
    """
    known = connection.execute(select(tokens).where(tokens.c.digest == hash_token(value))).first()
    if known is not None and (known.revoked_at is not None or known.user_id != user_id):
        return False
    first = connection.execute(select(tokens.c.id).where(tokens.c.uid == FIRST_UID)).scalar()
    if known is not None and known.id == first:
        return True
    if first is not None:
        made = connection.execute(select(tokens.c.id).where(tokens.c.parent_id == first)).scalars().all()
        for each in made:
            revoke_token(connection, each)
        connection.execute(update(tokens).where(tokens.c.id == first).values(uid=new_uid(), expired_at=now()))
    if known is not None:
        connection.execute(update(tokens).where(tokens.c.id == known.id).values(uid=FIRST_UID, expired_at=None))
    else:
        add_token(connection, user_id, FIRST_UID, description="made by the server", value=value, uid=FIRST_UID)
    return True


def list_tokens(
    connection: Connection, page: Page, search: str = "", user: str | None = None
) -> tuple[int, list[TokenRow]]:
    """Count the tokens that are not revoked, and return one page of them; of one user where given."""
    query = _VALID.where(tokens.c.name.icontains(search, autoescape=True))
    if user is not None:
        query = query.where(users.c.name == user)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return total, list(map(TokenRow.of, connection.execute(page.cut(query.order_by(tokens.c.id)))))


def find_token(connection: Connection, uid: str) -> TokenRow:
    """Find a token that is not revoked.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_VALID.where(tokens.c.uid == uid)).first()
    if row is None:
        raise NotFound("token not found", "Check its id in the list of tokens.")
    return TokenRow.of(row)


def scopes_of(connection: Connection, token_id: int) -> list[str]:
    """Return the scopes of a token."""
    text = connection.execute(select(tokens.c.scopes).where(tokens.c.id == token_id)).scalar_one()
    return list(json.loads(text))


def descends_from(connection: Connection, token_id: int, ancestor_id: int) -> bool:
    """Return whether a token is another one, or was made by it, or by one that it made."""
    return ancestor_id in _line(connection, token_id)


def revoke_token(connection: Connection, token_id: int, *, issued: bool = False) -> int:
    """Make a token useless from now on, and all that it made for its own user.

    One generation after the other: where another process is just making a token, its parent is locked, and the token
    is there when that generation is done.

    Args:
        connection: A write.
        token_id: The token.
        issued: Whether those that it made for other users end too.

    Returns:
        How many tokens were revoked.
    """
    moment, generation, count = now(), [token_id], 0
    while generation:
        valid = (tokens.c.id.in_(generation), tokens.c.revoked_at.is_(None))
        count += connection.execute(update(tokens).where(*valid).values(revoked_at=moment)).rowcount
        makers = [tokens.c.parent_id, *([tokens.c.issuer_id] if issued else [])]
        made = select(tokens.c.id).where(or_(*(maker.in_(generation) for maker in makers)))
        generation = list(connection.execute(made).scalars())
    return count


def _hang_on(connection: Connection, parent_id: int, expired_at: datetime | None) -> datetime | None:
    """Lock the token that makes another one, and return when that one has to expire.

    Raises:
        Unauthorized: It was revoked meanwhile.
        BadRequest: It is too far down already.
    """
    query = select(tokens.c.expired_at, tokens.c.revoked_at).where(tokens.c.id == parent_id).with_for_update()
    parent = connection.execute(query).one()
    if parent.revoked_at is not None:
        raise Unauthorized("the API token was revoked")
    if len(_line(connection, parent_id)) >= _MAX_DEPTH:
        raise BadRequest(f"this token is {_MAX_DEPTH} generations down: make new ones with the first of them")
    return min(filter(None, (expired_at, parent.expired_at)), default=None)


def _line(connection: Connection, token_id: int) -> list[int]:
    """List a token and those that it ends with, up to the first."""
    line: list[int] = []
    parent: int | None = token_id
    while parent is not None:
        line.append(parent)
        parent = connection.execute(select(tokens.c.parent_id).where(tokens.c.id == parent)).scalar()
    return line
