"""What a registry of ours tells about users, tokens, grants, repositories and events, and how its replies are read.

Each `parse_` function takes the JSON of a reply, and raises `InvalidReply` where that is something else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from modelsync_jupyter.files import write_text
from modelsync_jupyter.wire import parse_time

from .replies import items, mapping, parse_labels


class AsJSON:
    """A dataclass with a form in JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}  # type: ignore[arg-type]  # of subclasses
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}


@dataclass(frozen=True, slots=True)
class User(AsJSON):
    """A user of the registry.

    Args:
        name: The name.
        role: Role in the whole registry: "guest", "developer" or "admin"; "" for one who has only what was granted.
        robot: Whether it is a program, not a person.
        created: When it was made.
        disabled: Since when it cannot sign in, or None.
        grants: What it was granted in single repositories, by their names; None where that was not asked for.
    """

    name: str
    role: str
    robot: bool
    created: datetime | None
    disabled: datetime | None
    grants: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Token(AsJSON):
    """An API token.

    Args:
        id: The registry's name of it.
        name: What people call it.
        user: Whose it is.
        scopes: What it may do, as the wire says it.
        created: When it was made.
        expires: When it stops being valid, or None.
        used: When it was used last, to the minute, or None.
        parent: Id of the token that it ends with, or None.
        value: The token itself, known only when it is made; never shown.
    """

    id: str
    name: str
    user: str
    scopes: tuple[str, ...]
    created: datetime | None
    expires: datetime | None
    used: datetime | None
    parent: str | None
    value: str = field(default="", repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the token as JSON, without its value."""
        return {key: value for key, value in AsJSON.to_dict(self).items() if key != "value"}

    def save(self, path: Path) -> None:
        """Write the value into a file that only its owner can read."""
        write_text(path, f"{self.value}\n", mode=0o600)


@dataclass(frozen=True, slots=True)
class Grant(AsJSON):
    """What a user may do in one repository.

    Args:
        user: The name.
        right: "reader", "writer" or "owner".
        created: Since when.
    """

    user: str
    right: str
    created: datetime | None


@dataclass(frozen=True, slots=True)
class Event(AsJSON):
    """An event of the audit trail.

    Args:
        id: The registry's name of it.
        time: When it happened.
        user: Who did it; "" for a sign-in with a token that nobody has.
        token: Name of the token it was done with.
        address: Where the request came from.
        operation: What was done.
        kind: To what kind of record.
        name: To which one.
        info: More about it.
    """

    id: str
    time: datetime | None
    user: str
    token: str
    address: str
    operation: str
    kind: str
    name: str
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Repository(AsJSON):
    """A repository: all versions of one name.

    Args:
        name: Name of the models.
        description: What people wrote about it.
        labels: Words to find it by.
        private: Whether only those who were granted a right in it know of it.
        creator: Who made it.
        right: What one may do in it: "reader", "writer" or "owner".
    """

    name: str
    description: str
    labels: Mapping[str, str]
    private: bool
    creator: str
    right: str


def parse_repository(data: object) -> Repository:
    """Read a repository from a reply."""
    record = mapping(data)
    facts = mapping(record.get("modelsync") or {})
    return Repository(
        _name(record),
        str(record.get("description") or ""),
        parse_labels(record),
        parse_private(record),
        _name(record.get("creator") or {}),
        str(facts.get("right") or ""),
    )


def parse_user(data: object) -> User:
    """Read a user from a reply."""
    record = mapping(data)
    facts = mapping(record.get("modelsync") or {})
    granted = [mapping(each) for each in items({"items": facts["grants"]})] if "grants" in facts else None
    return User(
        _name(record),
        str(facts.get("role") or ""),
        bool(facts.get("robot")),
        parse_time(record.get("created_at")),
        parse_time(facts.get("disabled_at")),
        None if granted is None else {str(each.get("repository")): str(each.get("right")) for each in granted},
    )


def parse_token(data: object) -> Token:
    """Read a token from a reply, without its value."""
    record = mapping(data)
    parent = mapping(record.get("modelsync") or {}).get("parent")
    scopes = record.get("scopes")
    return Token(
        str(record.get("uid") or ""),
        _name(record),
        _name(record.get("user") or {}),
        tuple(map(str, scopes if isinstance(scopes, Sequence) else ())),
        parse_time(record.get("created_at")),
        parse_time(record.get("expired_at")),
        parse_time(record.get("last_used_at")),
        str(parent) if parent else None,
    )


def parse_grant(data: object) -> Grant:
    """Read a grant from a reply."""
    record = mapping(data)
    return Grant(_name(record.get("user") or {}), str(record.get("right") or ""), parse_time(record.get("created_at")))


def parse_event(data: object) -> Event:
    """Read an event of the audit trail from a reply."""
    record = mapping(data)
    return Event(
        id=str(record.get("uid") or ""),
        time=parse_time(record.get("created_at")),
        user=_name(record.get("creator") or {}),
        token=str(record.get("api_token_name") or ""),
        address=str(record.get("address") or ""),
        operation=str(record.get("operation_name") or ""),
        kind=str(record.get("resource_type") or ""),
        name=str(record.get("resource_name") or ""),
        info=mapping(record.get("info") or {}),
    )


def parse_private(data: object) -> bool:
    """Read from the reply about a repository whether it is private."""
    return bool(mapping(mapping(data).get("modelsync") or {}).get("private"))


def _name(data: object) -> str:
    return str(mapping(data).get("name") or "")
