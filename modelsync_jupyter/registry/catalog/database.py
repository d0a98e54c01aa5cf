"""Connections to the catalog: consistent reads, and writes that wait for each other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.engine import make_url

from .migrations import SCHEMA, upgrade, version_of

_BUSY_SECONDS = 30


def now() -> datetime:
    """Return the moment as the catalog keeps it: UTC without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def new_uid() -> str:
    """Return a fresh id for a record."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Page:
    """Which slice of a list is wanted.

    Args:
        start: Rows to skip.
        count: Rows to return; 0 for all.
    """

    start: int = 0
    count: int = 0

    def cut(self, query: Select[Any]) -> Select[Any]:
        """`query` with only the rows of this page."""
        query = query.offset(self.start)
        return query.limit(self.count) if self.count else query


class Database:
    """The catalog's database; SQLite unless the URL says otherwise.

    Args:
        url: SQLAlchemy URL.
        connections: Connections kept open at most.
    """

    def __init__(self, url: str, connections: int) -> None:
        self._engine = _engine(url, connections)
        self._writer = self._engine.execution_options(modelsync_write=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection to look at the catalog."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open one transaction: all of it is durable when this ends, or nothing is when it raises."""
        with self._writer.begin() as connection:
            yield connection

    def prepare(self) -> None:
        """Make the tables, or bring those of an earlier version up to date.

        Raises:
            UsageError: The catalog was made by a newer version of this program.
        """
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
        with self.read() as connection:
            if version_of(connection) == SCHEMA:
                return
        with self.write() as connection:
            upgrade(connection)

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._engine.dispose()


def _engine(url: str, connections: int) -> Engine:
    engine = create_engine(
        make_url(url), pool_size=connections, max_overflow=4, pool_timeout=_BUSY_SECONDS, hide_parameters=True
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in (f"busy_timeout = {_BUSY_SECONDS * 1000}", "foreign_keys = ON", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start of a write: a later upgrade could fail without waiting."""
    writes = connection.get_execution_options().get("modelsync_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
