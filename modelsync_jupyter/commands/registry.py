"""`registry …`: users, tokens, grants and the audit trail of the registry one is signed in to."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.units import format_age

from . import client_of
from .answers import Answer
from .face import Face
from .tables import Facts, Table
from .views import labels_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import Event, Grant, Management, Token, User

T = TypeVar("T", "User", "Token", "Grant", "Event")
_USERS = ("NAME", "ROLE", "KIND", "CREATED", "STATE")
_TOKENS = ("ID", "NAME", "USER", "SCOPES", "CREATED", "USED", "EXPIRES (UTC)")
_GRANTS = ("USER", "RIGHT", "SINCE")
_EVENTS = ("TIME (UTC)", "USER", "TOKEN", "FROM", "ACTION", "TARGET", "DETAILS")
_ROWS = 100


def list_users_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry user list`: who may sign in, and with which role."""
    return _listing(_registry(args).users(args.search or ""), _USERS, _user_row, "There are no such users.")


def show_user_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry user show NAME`: one user, and what they were granted; oneself, or as an admin anybody."""
    user = _registry(args).user(args.name)
    name, role, kind, created, state = _user_row(user)
    granted = [(f"{right} of", repository) for repository, right in (user.grants or {}).items()]
    text = Facts([("user", name), ("role", role), ("kind", kind), ("created", created), ("state", state), *granted])
    return Answer(user, text, user.to_dict())


def add_user_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry user add NAME`: make a user; a token is made apart."""
    user = _registry(args).add_user(args.name, _role(args.role), robot=args.robot)
    hint = face.words.command("registry token add", user=user.name)
    return Answer(user, f"Created user `{user.name}`. Create a token to sign in with: {hint}", user.to_dict())


def set_user_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry user set NAME --role ROLE`: change the role of a user."""
    user = _registry(args).set_user(args.name, role=_role(args.role))
    return Answer(user, f"The role of `{user.name}` is now `{user.role or 'none'}`.", user.to_dict())


def disable_user_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry user disable NAME`, `registry user enable NAME`: refuse all tokens of a user, or no longer."""
    user = _registry(args).set_user(args.name, disabled=args.action == "disable")
    said = "can no longer sign in; their tokens are refused" if user.disabled else "can sign in again"
    return Answer(user, f"`{user.name}` {said}.", user.to_dict())


def list_tokens_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry token list`: one's own tokens; an admin's list has everybody's."""
    return _listing(_registry(args).tokens(args.user), _TOKENS, _token_row, "There are no such tokens.")


def add_token_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry token add NAME`: make a token; it goes to a file, or is the only line on standard output."""
    if face.stored and not args.token_file:
        step = "Add `--token-file FILE`: the token is written there, for you alone."
        raise UsageError("A notebook keeps what is printed in it, tokens too.", step)
    registry = _registry(args)
    if args.token_file and args.token_file.exists():
        raise UsageError(f"`{args.token_file}` exists already.", step="Choose another file, or delete that one.")
    token = registry.add_token(args.name, user=args.user, scope=args.scope, expires=args.expires)
    until = f", valid until {_moment(token.expires)} UTC" if token.expires else ""
    said = f"Created token `{token.name}` of `{token.user}` (id `{token.id}`{until})"
    if args.token_file:
        try:
            token.save(args.token_file)
        except BaseException:  # nobody has seen it, and nobody will
            registry.revoke_token(token.id)
            raise
        return Answer(token, f"{said}; it is in `{args.token_file}`.", token.to_dict())
    face.note(f"{said}. It is shown only now:")
    return Answer(token, token.value, {**token.to_dict(), "token": token.value})


def revoke_token_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry token revoke ID`: make a token useless, and those that it made."""
    token = _registry(args).revoke_token(args.id, issued=args.issued)
    more = " and for others" if args.issued else ""
    text = f"Revoked the token `{token.name}` of `{token.user}`, and all that it made for itself{more}."
    return Answer(token, text, token.to_dict())


def list_grants_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry grant list REPOSITORY`: who was granted what there."""
    return _listing(_registry(args).grants(args.repository), _GRANTS, _grant_row, "Nobody was granted anything there.")


def add_grant_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry grant add REPOSITORY USER RIGHT`: grant a right, in place of the one there was."""
    grant = _registry(args).grant(args.repository, args.user, args.right)
    return Answer(grant, f"`{grant.user}` is now {grant.right} of `{args.repository}`.", grant.to_dict())


def remove_grant_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry grant remove REPOSITORY USER`: take away what was granted."""
    grant = _registry(args).grant(args.repository, args.user, "")
    return Answer(grant, f"`{args.user}` has no right granted in `{args.repository}` any more.", grant.to_dict())


def create_repository_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry create NAME`: make a repository before anything is pushed into it."""
    _registry(args).add_repository(args.name, private=args.private, description=args.description)
    said = "private: only you and the admins know of it until you grant others a right" if args.private else "public"
    data = {"repository": args.name, "private": args.private}
    return Answer(None, f"Created repository `{args.name}`. It is {said}.", data)


def describe_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry describe REPOSITORY [TEXT]`: show, or change, what people wrote about a repository."""
    change = {"description": args.description, "labels": dict(args.label), "remove": tuple(args.remove)}
    if args.description is None and not (args.label or args.remove):
        found = _registry(args).repository(args.repository)
    else:
        found = _registry(args).describe(args.repository, **change)
    seen = "private" if found.private else "public"
    pairs = [("description", found.description), ("labels", labels_text(found.labels))]
    right = [("your access", found.right)]
    text = Facts([("repository", found.name), *pairs, ("visibility", seen), ("created by", found.creator), *right])
    return Answer(found, text, found.to_dict())


def visibility_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry visibility REPOSITORY [private|public]`: show or change who can see a repository."""
    registry = _registry(args)
    if args.visibility:
        private = registry.set_private(args.repository, args.visibility == "private")
    else:
        private = registry.is_private(args.repository)
    seen = "only by those who were granted a right in it" if private else "by everybody who has a role"
    text = f"`{args.repository}` is {'private' if private else 'public'}: it can be seen {seen}."
    return Answer(private, text, {"repository": args.repository, "private": private})


def audit_command(args: argparse.Namespace, face: Face) -> Answer:
    """`registry audit`: what was done in the registry, newest first."""
    limit = args.limit or (_ROWS if args.output == "table" else None)
    wanted = {"user": args.user, "operation": args.operation, "resource_name": args.of, "address": args.address}
    found = _registry(args).events(
        limit=None if limit is None else limit + 1, since=args.since, until=args.until, **wanted
    )
    events = list(islice(found, limit))
    if args.limit is None and next(found, None):
        face.note(f"These are the newest {len(events)} events; `--limit` shows more.")
    return _listing(events, _EVENTS, _event_row, "There are no such events that you may see.")


def _registry(args: argparse.Namespace) -> Management:
    return client_of(args).registry


def _role(text: str | None) -> str:
    return "" if text in (None, "none") else str(text)


def _listing(found: Iterable[T], head: Sequence[str], row: Callable[[T], Sequence[str]], empty: str) -> Answer:
    table = Table(found, head, row, empty)
    return Answer(table, str(table), [item.to_dict() for item in table])


def _user_row(user: User) -> tuple[str, ...]:
    state = f"disabled {_age(user.disabled)}" if user.disabled else "enabled"
    return user.name, user.role or "none", "robot" if user.robot else "person", _age(user.created), state


def _token_row(token: Token) -> tuple[str, ...]:
    expires = _moment(token.expires) if token.expires else "never"
    used = _age(token.used) if token.used else "never"
    return token.id, token.name, token.user, ", ".join(token.scopes), _age(token.created), used, expires


def _grant_row(grant: Grant) -> tuple[str, ...]:
    return grant.user, grant.right, _age(grant.created)


def _event_row(event: Event) -> tuple[str, ...]:
    more = ", ".join(f"{key}={value}" for key, value in event.info.items() if value not in (None, "", False))
    time = _moment(event.time) if event.time else ""
    to = f"{event.kind} {event.name}".rstrip()
    return time, event.user, event.token, event.address, event.operation, to, more


def _age(time: datetime | None) -> str:
    return format_age(time) if time else ""


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
