"""The audit log: every write of the catalog leaves an event, in the same transaction."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, func, insert, select

from .database import Page, new_uid, now
from .rows import EventRow
from .tables import events, users
from .users import Caller


def note(connection: Connection, caller: Caller, operation: str, kind: str, name: str, **info: Any) -> None:
    """Write one event.

    Args:
        connection: The write it belongs to.
        caller: Who did it.
        operation: What was done, as a past participle: "created", "pushed".
        kind: To what kind of record: "model", "model_repository", "api_token".
        name: To which one.
        info: More about it; never a secret.
    """
    connection.execute(
        insert(events).values(
            uid=new_uid(),
            created_at=now(),
            user_id=caller.user_id,
            token_name=caller.token,
            operation=operation,
            resource_type=kind,
            resource_name=name[:256],
            info=json.dumps(info),
        )
    )


def list_events(connection: Connection, page: Page) -> tuple[int, list[EventRow]]:
    """Count the events, and return one page of them, newest first."""
    total = connection.execute(select(func.count()).select_from(events)).scalar_one()
    query = select(events, users.c.name.label("user_name")).join(users).order_by(events.c.id.desc())
    return total, list(map(EventRow.of, connection.execute(page.cut(query))))
