"""What became of each version: pushed, replaced, deleted, restored, labelled; and where each alias has been.

The audit log (`events`) is for admins and complete. This is for everybody who may read a repository.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from .database import Page, now
from .tables import history, users
from .users import Caller
from .words import Word


class Deed(Word):
    """What was done to a version or an alias."""

    PUSHED = "pushed"
    REPLACED = "replaced"
    DELETED = "deleted"
    RESTORED = "restored"
    CHANGED = "changed"
    ALIASED = "aliased"
    UNALIASED = "unaliased"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One deed.

    Args:
        version: The version it was done to; for an alias, where it points now.
        user: Who did it, with the token `token_name`.
        address: Network address that the request came from, or "".
        client: Program that sent it, as it calls itself, or "".
        size: Bytes of all files that were pushed, or None.
        content_digest: Their digest, or None where it is not known.
        alias: The alias that moved, or None.
        earlier: The version it pointed at before, or None.
    """

    version: str
    operation: Deed
    created_at: datetime
    user: str
    token_name: str
    address: str
    client: str
    size: int | None
    content_digest: str | None
    alias: str | None
    earlier: str | None


def remember(
    connection: Connection, caller: Caller, repository_id: int, version: str, deed: Deed, **columns: Any
) -> None:
    """Write down what a caller did.

    Args:
        connection: The write it belongs to.
        caller: Who does it.
        repository_id: Where.
        version: The version it is done to.
        deed: What is done.
        columns: Others of the table: model_id, size, content_digest, archive_id, alias, earlier.
    """
    row = {
        "repository_id": repository_id,
        "version": version,
        "operation": deed,
        "created_at": now(),
        "user_id": caller.user_id,
        "token_name": caller.token,
        "address": caller.address[:64],
        "client": caller.client[:128],
    }
    connection.execute(insert(history), {**row, **columns})


def release_archive(connection: Connection, archive_id: int | None) -> None:
    """Note that a forced push has replaced an archive: readers keep it for as long as their URLs hold."""
    if archive_id is not None:
        change = update(history).where(history.c.archive_id == archive_id, history.c.released_at.is_(None))
        connection.execute(change.values(released_at=now()))


def list_history(
    connection: Connection, repository_id: int, page: Page, version: str = "", alias: str = ""
) -> tuple[int, list[HistoryRow]]:
    """Count the deeds in a repository, and return one page of them, newest first.

    Args:
        connection: A read.
        repository_id: The repository.
        page: Which slice.
        version: Only those done to this version, aliases that came to it or left it among them.
        alias: Only those of this alias.
    """
    conditions = [history.c.repository_id == repository_id]
    if version:
        conditions.append((history.c.version == version) | (history.c.earlier == version))
    if alias:
        conditions.append(history.c.alias == alias)
    total = connection.execute(select(func.count()).select_from(history).where(*conditions)).scalar_one()
    columns = [users.c.name if field.name == "user" else history.c[field.name] for field in fields(HistoryRow)]
    query = select(*columns).select_from(history).join(users, history.c.user_id == users.c.id).where(*conditions)
    rows = connection.execute(page.cut(query.order_by(history.c.id.desc())))
    return total, [HistoryRow(row[0], Deed(row[1]), *row[2:]) for row in rows]
