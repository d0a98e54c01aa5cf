"""Managing our own registry: users, tokens, grants, and the audit trail. One function per endpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelsync_jupyter.core.errors import InvalidReply
from modelsync_jupyter.files import write_text
from modelsync_jupyter.wire import API, format_time, labels_json, parse_time, repository_path

from ..http import Http
from .client import items, mapping, parse_labels

#: What a token may do, and the scope that says so on the wire.
SCOPES = {"read": "read_organization", "write": "write_organization", "all": "api"}
_PAGE, _PAGES = 500, 10_000


class _Record:
    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}  # type: ignore[arg-type]  # of subclasses
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}


@dataclass(frozen=True, slots=True)
class User(_Record):
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
class Token(_Record):
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
        return {key: value for key, value in _Record.to_dict(self).items() if key != "value"}

    def save(self, path: Path) -> None:
        """Write the value into a file that only its owner can read."""
        write_text(path, f"{self.value}\n", mode=0o600)


@dataclass(frozen=True, slots=True)
class Grant(_Record):
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
class Event(_Record):
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
class Repository(_Record):
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


class Management:
    """What admins and owners do to a registry of ours.

    Every method raises `PermissionDenied` where the context's token may not, with the name of whom to ask.

    Args:
        http: Requests to it.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def users(self, search: str = "") -> list[User]:
        """List the users whose name has `search` in it."""
        return list(map(_user, self._all("/users", {"search": search})))

    def user(self, name: str) -> User:
        """Ask for one user, with what they were granted."""
        return _user(self._call("GET", f"/users/{quote(name, safe='')}"))

    def add_user(self, name: str, role: str = "", *, robot: bool = False) -> User:
        """Make a user, who has no token yet.

        Args:
            name: The name.
            role: "guest", "developer" or "admin"; "" for what will be granted in single repositories only.
            robot: Whether it is a program, not a person.
        """
        return _user(self._call("POST", "/users", {"name": name, "role": role or "none", "robot": robot}))

    def set_user(self, name: str, *, role: str | None = None, disabled: bool | None = None) -> User:
        """Change a user; what is None stays.

        Args:
            name: The name.
            role: The new role, "" for none.
            disabled: Whether all tokens of the user are refused.
        """
        change = {"role": None if role is None else role or "none", "disabled": disabled}
        body = {key: value for key, value in change.items() if value is not None}
        return _user(self._call("PATCH", f"/users/{quote(name, safe='')}", body))

    def tokens(self, user: str | None = None) -> list[Token]:
        """List the valid tokens of a user; by default one's own, and for an admin everybody's."""
        return list(map(_token, self._all("/api_tokens", {"user": user} if user else {})))

    def add_token(
        self, name: str, *, user: str | None = None, scope: str = "all", expires: datetime | None = None
    ) -> Token:
        """Make a token; its value is known only now.

        Args:
            name: What to call it.
            user: Whose it will be; by default one's own: then it ends when the token does that makes it.
            scope: "read", "write" or "all" of what its user may do.
            expires: When it stops being valid; by default with the token that makes it, if at all.
        """
        body: dict[str, Any] = {"name": name, "scopes": [SCOPES[scope]]}
        if user:
            body["modelsync"] = {"user": user}
        if expires:
            body["expired_at"] = format_time(expires)
        made = mapping(self._call("POST", "/api_tokens", body))
        if not isinstance(made.get("token"), str):
            raise InvalidReply("The registry made a token and did not return it.")
        return dataclasses.replace(_token(made), value=made["token"])

    def revoke_token(self, id: str, *, issued: bool = False) -> Token:
        """Make a token useless, and all that it made for its own user.

        Args:
            id: The token.
            issued: Whether those that it made for other users end too.
        """
        path = f"/api_tokens/{quote(id, safe='')}"
        return _token(self._call("DELETE", path, params={"issued": "true"} if issued else None))

    def grants(self, repository: str) -> list[Grant]:
        """List what users were granted in a repository."""
        return list(map(_grant, items(self._http.call("GET", f"{repository_path(repository)}/grants"))))

    def grant(self, repository: str, user: str, right: str) -> Grant:
        """Grant a user a right in a repository, in place of the one they had; "" takes it away.

        Args:
            repository: Name of the models.
            user: The user.
            right: "reader", "writer", "owner" or "".
        """
        path = f"{repository_path(repository)}/grants/{quote(user, safe='')}"
        reply = self._http.call("PUT", path, {"right": right}) if right else self._http.call("DELETE", path)
        return _grant(reply)

    def add_repository(self, name: str, *, private: bool = False, description: str = "") -> None:
        """Make a repository before anything is pushed into it: so that it is private from the first byte on.

        Args:
            name: Name of the models.
            private: Whether it is known only to those who are granted a right in it.
            description: What people should know of it.
        """
        body = {"name": name, "description": description, "labels": [], "modelsync": {"private": private}}
        self._http.call("POST", repository_path(), body)

    def repository(self, name: str) -> Repository:
        """Ask for one repository, and what one may do in it."""
        return _repository(self._http.call("GET", repository_path(name)))

    def describe(
        self,
        name: str,
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        remove: Sequence[str] = (),
    ) -> Repository:
        """Change the description and the labels of a repository; what is not named stays.

        Args:
            name: Name of the models.
            description: The new description, "" for none.
            labels: Labels to set.
            remove: Keys of labels to take away.
        """
        body: dict[str, Any] = {} if description is None else {"description": description}
        if labels or remove:
            known = {**self.repository(name).labels, **(labels or {})}
            body["labels"] = labels_json({key: value for key, value in known.items() if key not in remove})
        self._http.call("PATCH", repository_path(name), body)
        return self.repository(name)

    def is_private(self, repository: str) -> bool:
        """Ask whether a repository is known only to those who were granted a right in it."""
        return _is_private(self._http.call("GET", repository_path(repository)))

    def set_private(self, repository: str, private: bool) -> bool:
        """Make a repository known only to those who were granted a right in it, or to all who have a role."""
        return _is_private(self._http.call("PATCH", repository_path(repository), {"modelsync": {"private": private}}))

    def events(self, *, limit: int | None = None, **wanted: str | datetime | None) -> Iterator[Event]:
        """Read the audit trail, newest first, page by page.

        Args:
            limit: How many at most.
            wanted: Which events: `user`, `operation`, `resource_type`, `resource_name`, `address`, `since`, `until`.
        """
        given = {key: value for key, value in wanted.items() if value}
        params = {key: format_time(value) if isinstance(value, datetime) else value for key, value in given.items()}
        for _ in range(_PAGES):
            count = _PAGE if limit is None else min(_PAGE, limit)
            page = items(self._call("GET", "/current_org/events", params={**params, "count": count}))
            events = list(map(_event, page))
            yield from events
            limit = None if limit is None else limit - len(events)
            if len(events) < count or limit == 0:
                return
            params["before"] = events[-1].id

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        return self._http.call(method, f"{API}{path}", body, params)

    def _all(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        found: list[Any] = []
        for _ in range(_PAGES):
            page = items(self._call("GET", path, params={**params, "start": len(found), "count": _PAGE}))
            found += page
            if len(page) < _PAGE:
                break
        return found


def _repository(data: object) -> Repository:
    record = mapping(data)
    facts = mapping(record.get("modelsync") or {})
    return Repository(
        _name(record),
        str(record.get("description") or ""),
        parse_labels(record),
        _is_private(record),
        _name(record.get("creator") or {}),
        str(facts.get("right") or ""),
    )


def _user(data: object) -> User:
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


def _token(data: object) -> Token:
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


def _grant(data: object) -> Grant:
    record = mapping(data)
    return Grant(_name(record.get("user") or {}), str(record.get("right") or ""), parse_time(record.get("created_at")))


def _event(data: object) -> Event:
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


def _is_private(data: object) -> bool:
    return bool(mapping(mapping(data).get("modelsync") or {}).get("private"))


def _name(data: object) -> str:
    return str(mapping(data).get("name") or "")
