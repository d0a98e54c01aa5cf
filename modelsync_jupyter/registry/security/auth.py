"""Authenticate requests and hold them to the rule of their route; `access` decides who may do what.

Every route says its rule, `create_app` refuses one without, and a test walks all of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from modelsync_jupyter.wire import TOKEN_HEADER, VERSION_HEADER

from .. import body
from ..catalog import events, tokens
from ..catalog.users import Caller
from ..catalog.words import Right, Role
from ..errors import TooMany, Unauthorized
from ..service import Registry, current
from . import access

_LONGEST_ADDRESS = 64
log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Open:
    """The rule of a route that needs no token.

    Args:
        why: Why that is right.
    """

    why: str


@dataclass(frozen=True)
class Paged:
    """The rule of a page for people who are signed in: it asks routes of the API, each of which has its own rule."""


Rule = Role | Right | Open | Paged


def needs(rule: Role | Right) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a route be used only by a caller with enough power.

    Args:
        rule: A role in the whole registry, where `Role.NONE` asks for a token of any use and the route itself for what
            it may show; or a right in the repository that `<name>` in the path names.
    """

    def decorate(route: Callable[P, R]) -> Callable[P, R]:
        @wraps(route)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            def check(connection: Connection, who: Caller) -> None:
                request.environ["modelsync.user"] = who.name  # for the log of requests, also of those refused below
                if isinstance(rule, Role):
                    access.require(connection, who, rule)
                else:
                    access.find(connection, who, rule, str(kwargs["name"]))

            address = (request.remote_addr or "")[:_LONGEST_ADDRESS]  # behind a proxy it is what the proxy says
            who = identify(current(), request.headers.get(TOKEN_HEADER, ""), address, check)
            body.take_place(who.name)
            g.caller = replace(who, client=client_name())
            return route(*args, **kwargs)

        return set_rule(guarded, rule)

    return decorate


def open_to_all(why: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a route be used without a token.

    Args:
        why: Why that is right.
    """
    return lambda route: set_rule(route, Open(why))


def set_rule(route: Callable[P, R], rule: Rule) -> Callable[P, R]:
    """Write the rule of a route on it."""
    route.rule = rule  # type: ignore[attr-defined]  # functions may have any attribute
    return route


def rule_of(route: Callable[..., object]) -> Rule | None:
    """Return the rule of a route, or None where nobody said one."""
    return getattr(route, "rule", None)


def caller() -> Caller:
    """Return who sent this request."""
    found = g.caller
    assert isinstance(found, Caller)
    return found


def identify(
    registry: Registry, value: str, address: str, check: Callable[[Connection, Caller], None] | None = None
) -> Caller:
    """Find who is calling; a failure is logged, counted and noted in the audit trail.

    Args:
        registry: The registry.
        value: The token, or "".
        address: Where the request comes from.
        check: Called with the same look at the catalog; may raise to refuse the caller.

    Raises:
        Unauthorized: There is no token, or it is not valid.
        TooMany: Too many have failed from this address.
    """
    if not value:
        raise Unauthorized(f"no API token: send one in the header {TOKEN_HEADER}")
    digest = tokens.hash_token(value)
    if seconds := registry.throttle.wait(address, digest):
        raise TooMany("too many sign-ins have failed from your address", math.ceil(seconds))
    try:
        with registry.database.read() as connection:
            who, row = tokens.identify(connection, value, address)
            registry.throttle.succeeded(address, digest)
            if check:
                check(connection, who)
    except Unauthorized as error:
        unseen = registry.throttle.failed(address, digest)
        if unseen is not None:
            _note_failure(registry, error, address, unseen)
        raise
    if tokens.is_use_due(row):
        # a read must not fail for it, nor wait for the disk
        with suppress(OperationalError), registry.database.write(durable=False) as connection:
            tokens.note_use(connection, row.id)
    return who


def client_name() -> str:
    """Return what the sending program calls itself; what only names its HTTP library is told as the BentoML it is."""
    agent, version = request.user_agent.string, request.headers.get(VERSION_HEADER, "")
    name = f"bentoml/{version}" if version and agent.startswith("python-httpx/") else agent
    return name.encode(errors="replace").decode()  # bytes that are not UTF-8 came as surrogates, which cannot be stored


def _note_failure(registry: Registry, error: Unauthorized, address: str, unseen: int) -> None:
    token = error.token if isinstance(error, tokens.Refused) else None
    name = token.name if token else ""
    log.warning("a sign-in from %s failed: %s (token %r, %d more)", address, error.message, name, unseen)
    with suppress(OperationalError), registry.database.write() as connection:
        events.note_failure(connection, token.user.id if token else None, name, error.message, address, unseen)
