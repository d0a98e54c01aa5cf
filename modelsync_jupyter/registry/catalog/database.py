"""Connections to the catalog: consistent reads, and writes that wait for each other."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import IO, Any, TypeVar

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from modelsync_jupyter.core.errors import UsageError

from .migrations import SCHEMA, upgrade, version_of

T = TypeVar("T")
_BUSY_SECONDS = 30
#: Bytes of SQLite's file that are read where the kernel keeps them: its own cache of 2 MB per connection is soon too
#: small for a search through all versions, and a larger one for each connection would cost memory.
_MAPPED = 256 << 20


def now() -> datetime:
    """Return the moment as the catalog keeps it: UTC without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def as_kept(time: datetime) -> datetime:
    """Return a time with a zone as the catalog keeps it.

    Raises:
        OverflowError: By its zone it is before the year 1, or behind the year 9999.
    """
    return time.astimezone(timezone.utc).replace(tzinfo=None)


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
        """Return `query` with only the rows of this page."""
        query = query.offset(self.start)
        return query.limit(self.count) if self.count else query

    def of(self, rows: Sequence[T]) -> Sequence[T]:
        """Return this page of rows that are all there already."""
        return rows[self.start :][: self.count or None]


def batches(items: Iterable[T], count: int) -> Iterator[list[T]]:
    """Deal rows out, so many at most at a time: what one query asks for, or one transaction changes."""
    left = iter(items)
    while batch := list(islice(left, count)):
        yield batch


class Database:
    """The catalog's database; SQLite unless the URL says otherwise.

    Args:
        url: SQLAlchemy URL.
        connections: Connections kept open at most.

    Raises:
        UsageError: The URL is not one, or names a database whose driver is not installed.
    """

    def __init__(self, url: str, connections: int) -> None:
        self._engine = _engine(url, connections)
        self._writers = {
            durable: self._engine.execution_options(modelsync_write="FULL" if durable else "NORMAL")
            for durable in (False, True)
        }
        # A transaction of PostgreSQL would see each look anew all the same, and take two more trips to the server.
        alone = {"isolation_level": "AUTOCOMMIT"} if self._engine.dialect.name == "postgresql" else {}
        self._reader = self._engine.execution_options(**alone)
        file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        self._queue = _Queue(f"{file}.lock" if file else None)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection to look at the catalog."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a connection that sees the catalog as it is at the first look, however long it goes on."""
        engine = self._engine
        if engine.dialect.name == "postgresql":  # a transaction of SQLite is one look in any case
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Open one transaction: all of it is written when this ends, or nothing is when it raises.

        Args:
            durable: Whether it must outlive a crash of the machine before the next durable one is written. SQLite waits
                for the disk then, once for all that was written before; PostgreSQL does so always.
        """
        with self._queue, self._writers[durable].begin() as connection:
            yield connection

    def prepare(self) -> None:
        """Make the tables, or bring those of an earlier version up to date.

        Raises:
            UsageError: The catalog was made by a newer version of this program, or is no database.
        """
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                try:
                    driver.execute("PRAGMA journal_mode = WAL")
                except sqlite3.DatabaseError as error:
                    if isinstance(error, sqlite3.OperationalError):
                        raise
                    message = f"The catalog `{self._engine.url.database}` cannot be read: {error}."
                    raise UsageError(message, "Restore it from a backup.") from None
        with self.read() as connection:
            if version_of(connection) == SCHEMA:
                return
        with self.write() as connection:
            upgrade(connection)

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._engine.dispose()


def change_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute a statement once for each of many rows, for which SQLAlchemy takes as long again as the database does.

    Args:
        connection: A write.
        statement: SQL, with `?` in the place of each value.
        rows: The values of each row.
    """
    if rows:
        marked = statement if connection.dialect.paramstyle == "qmark" else statement.replace("?", "%s")
        connection.exec_driver_sql(marked, list(rows))


class _Queue:
    """Writers of SQLite, one after the other: who waits for SQLite's own lock asks again and again, and may starve.

    Args:
        path: A file whose lock all processes take, or None where the database lines up its writers itself.
    """

    def __init__(self, path: str | None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> None:
        if self._path is None:
            return
        self._lock.acquire()
        try:
            self._file = open(self._path, "ab")  # closed by `__exit__`
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        if self._path is not None:
            if self._file:
                self._file.close()  # which lets go of the lock
                self._file = None
            self._lock.release()


def _engine(url: str, connections: int) -> Engine:
    try:
        engine = create_engine(
            make_url(url), pool_size=connections, max_overflow=4, pool_timeout=_BUSY_SECONDS, hide_parameters=True
        )
    except ImportError as error:
        raise UsageError(f"The database needs `{error.name}`, which is not installed.", "Install it.") from None
    except (ArgumentError, ValueError):  # whose text may hold a password; so does that of other classes
        step = "Give one such as `postgresql+psycopg://user@host/database`."
        raise UsageError("The URL of the catalog is not one that SQLAlchemy knows.", step) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in (f"busy_timeout = {_BUSY_SECONDS * 1000}", "foreign_keys = ON", f"mmap_size = {_MAPPED}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start of a write: a later upgrade could fail without waiting."""
    driver: Any = connection.connection.driver_connection
    writes = connection.get_execution_options().get("modelsync_write")
    if not writes:
        driver.execute("BEGIN")  # it takes no lock, so it cannot fail, and every request has one or more
        return
    driver.execute(f"PRAGMA synchronous = {writes}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
