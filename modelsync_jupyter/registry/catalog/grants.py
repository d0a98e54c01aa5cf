"""Grants: what users may do in single repositories. `security.access` decides by them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, false, insert, or_, select, true, update

from .database import now
from .rows import GrantRow, RepositoryRow, UserRow
from .tables import grants, repositories, users
from .users import Caller
from .words import Right, Role

#: What a role lets one do in repositories that are not private.
_EVERYWHERE = {Role.NONE: Right.NONE, Role.GUEST: Right.READER, Role.DEVELOPER: Right.WRITER, Role.ADMIN: Right.OWNER}


def right_in(connection: Connection, who: Caller, repository: RepositoryRow) -> Right:
    """Return what a caller may do in a repository: what the user may, as far as the token's scopes go."""
    return min(right_of_user(connection, who, repository), who.reach, key=_rank)


def right_of_user(connection: Connection, who: Caller, repository: RepositoryRow) -> Right:
    """Return what the user of a token may do in a repository, whatever the token's scopes."""
    if who.user_role == Role.ADMIN:
        return Right.OWNER
    query = select(grants.c.access).where(grants.c.repository_id == repository.id, grants.c.user_id == who.user_id)
    granted = connection.execute(query).scalar() or Right.NONE
    role = Right.NONE if repository.private else _EVERYWHERE[who.user_role]
    return max(granted, role, key=_rank)


def visible(who: Caller, least: Right = Right.READER) -> ColumnElement[bool]:
    """Return the condition on `repositories` that a caller has at least the right `least` there.

    It says the same as `right_in`, for lists and searches; every query of them must have it.
    """
    if not who.reach.includes(least):
        return false()
    if who.user_role == Role.ADMIN:
        return true()
    enough = [right for right in Right if right.includes(least)]
    granted = (
        select(grants.c.user_id)
        .where(
            grants.c.repository_id == repositories.c.id,
            grants.c.user_id == who.user_id,
            grants.c.access.in_(enough),
        )
        .exists()
    )
    return or_(~repositories.c.private, granted) if _EVERYWHERE[who.user_role].includes(least) else granted


def owners(connection: Connection, repository_id: int) -> list[str]:
    """List the names of a repository's owners who can sign in."""
    query = select(users.c.name).join(grants).where(grants.c.repository_id == repository_id)
    query = query.where(grants.c.access == Right.OWNER, users.c.disabled_at.is_(None)).order_by(grants.c.created_at)
    return list(connection.execute(query).scalars())


def list_grants(connection: Connection, repository_id: int) -> list[GrantRow]:
    """List what was granted in a repository, by user."""
    query = select(users, grants.c.access, grants.c.created_at.label("granted_at")).join(grants)
    query = query.where(grants.c.repository_id == repository_id).order_by(users.c.name)
    return [
        GrantRow(
            UserRow(row.id, row.name, row.role, row.robot, row.created_at, row.disabled_at), row.access, row.granted_at
        )
        for row in connection.execute(query)
    ]


def grants_of(connection: Connection, user_id: int) -> list[tuple[str, Right]]:
    """List the repositories in which a user was granted something, and what."""
    query = select(repositories.c.name, grants.c.access).join(grants).where(grants.c.user_id == user_id)
    return [(row.name, row.access) for row in connection.execute(query.order_by(repositories.c.name))]


def set_grant(connection: Connection, repository_id: int, user_id: int, right: Right) -> None:
    """Give a user this right in a repository, in place of another; none takes it away."""
    here = (grants.c.repository_id == repository_id) & (grants.c.user_id == user_id)
    if right == Right.NONE:
        connection.execute(delete(grants).where(here))
    elif not connection.execute(update(grants).where(here).values(access=right)).rowcount:
        row = {"repository_id": repository_id, "user_id": user_id, "access": right, "created_at": now()}
        connection.execute(insert(grants).values(**row))


def _rank(right: Right) -> int:
    return right.rank
