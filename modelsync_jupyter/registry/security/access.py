"""Who may do what: the one place that decides, for routes and pages.

A caller is a token of a user. What it may do is what its user may do, as far as the token's scopes go:

- In the whole registry the user's `Role` counts.
- In a repository the highest of these counts: OWNER for an admin; what the user was granted there; and, unless the
  repository is private, READER for a guest and WRITER for a developer.
- A version may be replaced and deleted by a WRITER who pushed it, and by an OWNER.

A repository in which one may not even read does not exist for one: `find` answers as for a name that nobody has, and
lists are made with `catalog.grants.visible`, which says the same as a condition. Refusals name whom to ask.
"""

from __future__ import annotations

from sqlalchemy import Connection

from ..catalog.grants import owners, right_in, right_of_user, visible
from ..catalog.repositories import find_repository, no_repository
from ..catalog.rows import ModelRow, RepositoryRow
from ..catalog.users import Caller, admins
from ..catalog.words import Right, Role, UploadStatus
from ..errors import Forbidden

__all__ = ["find", "may_replace", "require", "require_reach", "require_replacing", "right_in", "visible"]
_NAMES = 3


def require(connection: Connection, who: Caller, role: Role) -> None:
    """Require at least `role` in the whole registry; `Role.NONE` asks for no more than a token of any use.

    Raises:
        Forbidden: The role is too low.
    """
    require_reach(who, Right.READER)
    if not who.may(role):
        has = f"a token of the role `{who.role}`" if who.role else "no role in the registry"
        if who.user_role.includes(role):
            raise Forbidden(f"permission denied: this needs the role `{role}`, you have {has}", ANOTHER_TOKEN)
        raise Forbidden(
            f"permission denied: this needs the role `{role}`, you have {has}", f"Ask {_some(admins(connection))}."
        )


def require_reach(who: Caller, right: Right) -> None:
    """Require a token whose scopes permit reading, writing, or all.

    Raises:
        Forbidden: They do not.
    """
    if not who.reach.includes(right):
        what = {Right.READER: "reading", Right.WRITER: "writing"}.get(right, "managing")
        raise Forbidden(f"permission denied: the scopes of your token do not permit {what}", ANOTHER_TOKEN)


def find(connection: Connection, who: Caller, right: Right, name: str) -> RepositoryRow:
    """Find a repository in which a caller has at least `right`.

    Raises:
        NotFound: There is none that the caller may know of.
        Forbidden: The right is too low.
    """
    require_reach(who, Right.READER)
    repository = find_repository(connection, name)
    has = right_of_user(connection, who, repository)
    if has == Right.NONE:
        raise no_repository(name)
    if not has.includes(right):
        message = f"permission denied: this needs the right `{right}` in `{repository.name}`, you have `{has}`"
        raise Forbidden(message, _ask(connection, repository))
    require_reach(who, right)
    return repository


def may_replace(connection: Connection, who: Caller, model: ModelRow) -> bool:
    """Return whether a caller may replace the bytes of a version, or delete it."""
    has = right_in(connection, who, model.repository)
    pushed = (model.pusher_id or model.creator_id) == who.user_id
    return has == Right.OWNER or (pushed and has == Right.WRITER)


def require_replacing(connection: Connection, who: Caller, model: ModelRow) -> None:
    """Require that a caller may replace the bytes of a version; anybody who may write may bring the first ones.

    Raises:
        Forbidden: The caller may not.
    """
    if model.upload_status == UploadStatus.SUCCESS:
        require_deleting(connection, who, model)


def require_deleting(connection: Connection, who: Caller, model: ModelRow) -> None:
    """Require that a caller may delete a version.

    Raises:
        Forbidden: The caller may not.
    """
    if not may_replace(connection, who, model):
        pusher = model.pusher or model.creator
        message = f"permission denied: `{model.tag}` was pushed by `{pusher}`, and you do not own its repository"
        raise Forbidden(
            message, f"Choose another version, or ask {_some([pusher, *owners(connection, model.repository.id)])}."
        )


#: The step where the user may do more than the token.
ANOTHER_TOKEN = "Sign in with a token that has more scopes."


def _ask(connection: Connection, repository: RepositoryRow) -> str:
    who = owners(connection, repository.id)
    return f"Ask an owner of `{repository.name}`: {_some(who)}." if who else f"Ask {_some(admins(connection))}."


def _some(names: list[str]) -> str:
    known = list(dict.fromkeys(names))[:_NAMES]
    return " or ".join(f"`{name}`" for name in known) or "an admin of the registry"
