"""Users, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from ..errors import BadRequest, NotFound
from .database import Page, now
from .rows import UserRow
from .tables import users
from .words import Right, Role

_USERS = select(users.c.id, users.c.name, users.c.role, users.c.robot, users.c.created_at, users.c.disabled_at)
#: The most that a token may be in the whole registry, by what it may do.
_MOST = {Right.NONE: Role.NONE, Right.READER: Role.GUEST, Right.WRITER: Role.DEVELOPER, Right.OWNER: Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    Args:
        user_id: Row of the user.
        name: Name of the user.
        user_role: Role of the user in the whole registry.
        reach: What the token's scopes leave of what the user may do: reading, writing, or all.
        token_id: Row of the token.
        token: Name of the token.
        address: Where the request comes from, or "".
        client: Program that sends it, as it calls itself, or "".
    """

    user_id: int
    name: str
    user_role: Role
    reach: Right
    token_id: int
    token: str
    address: str = ""
    client: str = ""

    @property
    def role(self) -> Role:
        """The role of this token: that of its user, or less where its scopes say so."""
        return min(self.user_role, _MOST[self.reach], key=lambda role: role.rank)

    def may(self, role: Role) -> bool:
        """Return whether the caller has at least `role` in the whole registry."""
        return self.role.includes(role)


def find_user(connection: Connection, name: str) -> UserRow | None:
    """Find the user called `name`, or None."""
    row = connection.execute(_USERS.where(users.c.name == name)).first()
    return UserRow(*row) if row else None


def get_user(connection: Connection, name: str, *, lock: bool = False) -> UserRow:
    """Find the user called `name`.

    Args:
        connection: A read or a write.
        name: The name.
        lock: Keep others from changing any admin until this write ends, so that one of them stays.

    Raises:
        NotFound: There is none.
    """
    if lock:
        connection.execute(select(users.c.id).where(users.c.role == Role.ADMIN).with_for_update()).all()
    user = find_user(connection, name)
    if user is None:
        raise NotFound(f"user `{name[:200]}` not found", "Check the name in the list of users.")
    return user


def list_users(connection: Connection, page: Page, search: str = "") -> tuple[int, list[UserRow]]:
    """Count the users whose name has `search` in it, and return one page of them by name."""
    query = _USERS.where(users.c.name.icontains(search, autoescape=True))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return total, [UserRow(*row) for row in connection.execute(page.cut(query.order_by(users.c.name)))]


def admins(connection: Connection) -> list[str]:
    """List the names of all admins who can sign in, the first one first."""
    query = select(users.c.name).where(users.c.role == Role.ADMIN, users.c.disabled_at.is_(None)).order_by(users.c.id)
    return list(connection.execute(query).scalars())


def add_user(connection: Connection, name: str, role: Role, *, robot: bool = False) -> UserRow:
    """Make a user."""
    moment = now()
    values = {"name": name, "role": role, "robot": robot, "created_at": moment}
    result = connection.execute(insert(users).values(**values))
    user_id = int(result.inserted_primary_key[0])  # type: ignore[index]  # a table with a key returns it
    return UserRow(user_id, name, role, robot, moment, None)


def set_user(connection: Connection, user: UserRow, role: Role, disabled_at: datetime | None) -> UserRow:
    """Change a user's role, and whether they can sign in; `get_user` must have locked the admins.

    Raises:
        BadRequest: No admin would be left.
    """
    is_admin = role == Role.ADMIN and disabled_at is None
    if not is_admin and admins(connection) == [user.name]:
        raise BadRequest(f"`{user.name}` is the only admin: make another one first")
    connection.execute(update(users).where(users.c.id == user.id).values(role=role, disabled_at=disabled_at))
    return UserRow(user.id, user.name, role, user.robot, user.created_at, disabled_at)
