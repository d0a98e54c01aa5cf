"""Users, their roles, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from .database import now
from .tables import users

GUEST, DEVELOPER, ADMIN = "guest", "developer", "admin"
ROLES = (GUEST, DEVELOPER, ADMIN)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request.

    Args:
        user_id: Row of the user.
        name: Name of the user.
        role: What the token lets them do: the user's role, or less where the token's scopes say so.
        token: Name of the token.
    """

    user_id: int
    name: str
    role: str
    token: str

    def may(self, role: str) -> bool:
        """Whether the caller has at least `role`."""
        return rank(self.role) >= rank(role)


def rank(role: str) -> int:
    """Roles by power; -1 for none."""
    return ROLES.index(role) if role in ROLES else -1


def find_user(connection: Connection, name: str) -> tuple[int, str] | None:
    """Row and role of a user."""
    row = connection.execute(select(users.c.id, users.c.role).where(users.c.name == name)).first()
    return (row.id, row.role) if row else None


def add_user(connection: Connection, name: str, role: str) -> int:
    """Make a user and return its row."""
    result = connection.execute(insert(users).values(name=name, role=role, created_at=now()))
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # a table with a primary key returns one
