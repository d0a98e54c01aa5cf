"""Users, their roles, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from .database import now
from .rows import Role, UserRow
from .tables import users


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    Args:
        user_id: Row of the user.
        name: Name of the user.
        role: What the token lets them do: the user's role, or less where the token's scopes say so.
        token: Name of the token.
    """

    user_id: int
    name: str
    role: Role
    token: str

    def may(self, role: Role) -> bool:
        """Return whether the caller has at least `role`."""
        return self.role.includes(role)


def find_user(connection: Connection, name: str) -> UserRow | None:
    """Find the user called `name`, or None."""
    row = connection.execute(select(users.c.id, users.c.name, users.c.role).where(users.c.name == name)).first()
    return UserRow(*row) if row else None


def add_user(connection: Connection, name: str, role: Role) -> UserRow:
    """Make a user."""
    result = connection.execute(insert(users).values(name=name, role=role, created_at=now()))
    return UserRow(int(result.inserted_primary_key[0]), name, role)  # type: ignore[index]  # a table with a key returns it
