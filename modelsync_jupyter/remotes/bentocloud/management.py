"""Managing our own registry: users, tokens, grants, and the audit trail. One function per endpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from modelsync_jupyter.core.errors import InvalidReply
from modelsync_jupyter.wire import API, format_time, labels_json, repository_path

from ..http import Http
from .accounts import (
    Event,
    Grant,
    Repository,
    Token,
    User,
    parse_event,
    parse_grant,
    parse_private,
    parse_repository,
    parse_token,
    parse_user,
)
from .replies import items, mapping, read_list

#: What a token may do, and the scope that says so on the wire.
SCOPES = {"read": "read_organization", "write": "write_organization", "all": "api"}
_PAGE, _PAGES = 500, 10_000


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
        return list(map(parse_user, self._all(f"{API}/users", {"search": search})))

    def user(self, name: str) -> User:
        """Ask for one user, with what they were granted."""
        return parse_user(self._call("GET", f"/users/{quote(name, safe='')}"))

    def add_user(self, name: str, role: str = "", *, robot: bool = False) -> User:
        """Make a user, who has no token yet.

        Args:
            name: The name.
            role: "guest", "developer" or "admin"; "" for what will be granted in single repositories only.
            robot: Whether it is a program, not a person.
        """
        return parse_user(self._call("POST", "/users", {"name": name, "role": role or "none", "robot": robot}))

    def set_user(self, name: str, *, role: str | None = None, disabled: bool | None = None) -> User:
        """Change a user; what is None stays.

        Args:
            name: The name.
            role: The new role, "" for none.
            disabled: Whether all tokens of the user are refused.
        """
        change = {"role": None if role is None else role or "none", "disabled": disabled}
        body = {key: value for key, value in change.items() if value is not None}
        return parse_user(self._call("PATCH", f"/users/{quote(name, safe='')}", body))

    def tokens(self, user: str | None = None) -> list[Token]:
        """List the valid tokens of a user; by default one's own, and for an admin everybody's."""
        return list(map(parse_token, self._all(f"{API}/api_tokens", {"user": user} if user else {})))

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
        return dataclasses.replace(parse_token(made), value=made["token"])

    def revoke_token(self, id: str, *, issued: bool = False) -> Token:
        """Make a token useless, and all that it made for its own user.

        Args:
            id: The token.
            issued: Whether those that it made for other users end too.
        """
        path = f"/api_tokens/{quote(id, safe='')}"
        return parse_token(self._call("DELETE", path, params={"issued": "true"} if issued else None))

    def grants(self, repository: str) -> list[Grant]:
        """List what users were granted in a repository."""
        return list(map(parse_grant, self._all(f"{repository_path(repository)}/grants", {})))

    def grant(self, repository: str, user: str, right: str) -> Grant:
        """Grant a user a right in a repository, in place of the one they had; "" takes it away.

        Args:
            repository: Name of the models.
            user: The user.
            right: "reader", "writer", "owner" or "".
        """
        path = f"{repository_path(repository)}/grants/{quote(user, safe='')}"
        reply = self._http.call("PUT", path, {"right": right}) if right else self._http.call("DELETE", path)
        return parse_grant(reply)

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
        return parse_repository(self._http.call("GET", repository_path(name)))

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
        return parse_private(self._http.call("GET", repository_path(repository)))

    def set_private(self, repository: str, private: bool) -> bool:
        """Make a repository known only to those who were granted a right in it, or to all who have a role."""
        return parse_private(self._http.call("PATCH", repository_path(repository), {"modelsync": {"private": private}}))

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
            events = list(map(parse_event, page))
            yield from events
            limit = None if limit is None else limit - len(events)
            if len(events) < count or limit == 0:
                return
            params["before"] = events[-1].id

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        return self._http.call(method, f"{API}{path}", body, params)

    def _all(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        return read_list(
            lambda start, count: self._http.call("GET", path, params={**params, "start": start, "count": count})
        )
