"""The audit trail: every write of the catalog leaves an event, in the same transaction, and every failed sign-in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from .database import Page, new_uid, now
from .grants import visible
from .rows import EventRow
from .tables import events, repositories, users
from .users import Caller
from .words import Right, Role

#: Characters of what a program calls itself.
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted; empty fields do not restrict.

    Args:
        user: Name of who did it.
        operation: What was done.
        kind: To what kind of record.
        name: To which one; a repository's name finds what happened to its versions too.
        address: Where the request came from.
        since: From this time on.
        until: Before this time.
        before: Id of an event; only those that were before it.
    """

    user: str = ""
    operation: str = ""
    kind: str = ""
    name: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the same as conditions on `events` joined with `users`."""
        same = {users.c.name: self.user, events.c.operation: self.operation, events.c.resource_type: self.kind}
        conditions = [column == value for column, value in {**same, events.c.address: self.address}.items() if value]
        if self.name:
            versions = events.c.resource_name.startswith(f"{self.name}:", autoescape=True)
            conditions.append(or_(events.c.resource_name == self.name, versions))
        if self.since:
            conditions.append(events.c.created_at >= self.since)
        if self.until:
            conditions.append(events.c.created_at < self.until)
        if self.before:
            earlier = select(events.c.id).where(events.c.uid == self.before).scalar_subquery()
            conditions.append(events.c.id < earlier)
        return conditions


def note(connection: Connection, caller: Caller, operation: str, kind: str, name: str, **info: Any) -> None:
    """Write one event.

    Args:
        connection: The write it belongs to.
        caller: Who did it.
        operation: What was done, as a past participle: "created", "pushed".
        kind: To what kind of record: "model", "model_repository", "api_token", "user".
        name: To which one; a model by its tag.
        info: More about it; never a secret. The program that it was done with is added.
    """
    repository = None
    if kind in ("model", "model_repository"):
        query = select(repositories.c.id).where(repositories.c.name == name.partition(":")[0])
        repository = query.scalar_subquery()
    _write(
        connection,
        user_id=caller.user_id,
        token_name=caller.token,
        operation=operation,
        resource_type=kind,
        resource_name=name[:256],
        info=json.dumps({**info, "client": caller.client[:_LONGEST]} if caller.client else info),
        repository_id=repository,
        address=caller.address,
    )


def note_failure(
    connection: Connection, user_id: int | None, token: str, reason: str, address: str, unseen: int
) -> None:
    """Write that a sign-in failed.

    Args:
        connection: A write.
        user_id: Whose token it was; None where nobody has it.
        token: Name of the token, or "".
        reason: Why it was refused.
        address: Where the request came from.
        unseen: How many more have failed from there since the last such event.
    """
    _write(
        connection,
        user_id=user_id,
        token_name=token,
        operation="sign-in-failed",
        resource_type="api_token",
        resource_name=token,
        info=json.dumps({"reason": reason, **({"more": unseen} if unseen else {})}),
        address=address,
    )


def list_events(connection: Connection, who: Caller, wanted: Filter, page: Page) -> tuple[int, list[EventRow]]:
    """Count the events that the caller may see, and return one page of them, newest first.

    An admin sees all, an owner those of the repository, everybody what they did themselves. With `before`, the count is
    of this page only.
    """
    query = select(events, users.c.name.label("user_name")).outerjoin(users).where(*wanted.conditions())
    if not who.may(Role.ADMIN):
        mine = select(repositories.c.id).where(visible(who, Right.OWNER))
        query = query.where(or_(events.c.user_id == who.user_id, events.c.repository_id.in_(mine)))
    rows = list(map(EventRow.of, connection.execute(page.cut(query.order_by(events.c.id.desc())))))
    if wanted.before:  # a client that reads page by page has no use for a count of the rest each time
        return page.start + len(rows), rows
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one(), rows


def _write(connection: Connection, **columns: Any) -> None:
    connection.execute(insert(events).values(uid=new_uid(), created_at=now(), **columns))
