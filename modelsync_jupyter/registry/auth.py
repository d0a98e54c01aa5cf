"""Authenticate requests and check roles."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from sqlalchemy.exc import OperationalError

from modelsync_jupyter.wire import TOKEN_HEADER

from .catalog import tokens
from .catalog.rows import Role
from .catalog.users import Caller
from .errors import Forbidden, Unauthorized
from .service import current

P = ParamSpec("P")
R = TypeVar("R")


def needs(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a route be used only with a token of at least `role`."""

    def decorate(route: Callable[P, R]) -> Callable[P, R]:
        @wraps(route)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.caller = _identify()
            require(g.caller, role)
            return route(*args, **kwargs)

        return guarded

    return decorate


def caller() -> Caller:
    """Return who sent this request."""
    found = g.caller
    assert isinstance(found, Caller)
    return found


def require(who: Caller, role: Role) -> None:
    """Go on only with enough power.

    Raises:
        Forbidden: The role is too low.
    """
    if not who.may(role):
        raise Forbidden(f"permission denied: this needs the role `{role}`, the token has `{who.role or 'none'}`")


def _identify() -> Caller:
    value = request.headers.get(TOKEN_HEADER, "")
    if not value:
        raise Unauthorized(f"no API token: send one in the header {TOKEN_HEADER}")
    with current().database.read() as connection:
        who, row = tokens.identify(connection, value)
    if tokens.is_use_due(row):
        _note_use(row.id)
    return who


def _note_use(token_id: int) -> None:
    """Write down that the token was used, unless the catalog is busy: a read must not fail for it."""
    with suppress(OperationalError), current().database.write() as connection:
        tokens.note_use(connection, token_id)
