"""How a catalog of an earlier version becomes one of this version.

A catalog knows its version: the one row of `schema_version`. Versions are numbered from 1, the first release, which had
no such table. Each function here makes the next version out of the one before; a function that was released is never
changed. `tables` describes the last version: a fresh catalog is made from it at once.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, inspect, select, text

from modelsync_jupyter.core.errors import UsageError

from .tables import metadata, schema_version

#: Any number, the same in every process: PostgreSQL lets one process at a time upgrade.
_LOCK = 0x6D6F64656C


def version_of(connection: Connection) -> int:
    """Return the version of a catalog; 0 where there is none yet."""
    names = set(inspect(connection).get_table_names())
    if schema_version.name in names:
        return int(connection.execute(select(schema_version.c.version)).scalar_one())
    return 1 if "models" in names else 0


def upgrade(connection: Connection) -> None:
    """Bring a catalog to `SCHEMA`, in one transaction.

    Raises:
        UsageError: It was made by a newer version of this program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = version_of(connection)
    if found > SCHEMA:
        raise UsageError(
            f"The catalog has version {found}, this program knows versions up to {SCHEMA}.",
            step="Run the version of the registry that made it, or a newer one.",
        )
    for number in range(found or SCHEMA, SCHEMA):
        _MIGRATIONS[number - 1](connection)
    metadata.create_all(connection)
    connection.execute(delete(schema_version))
    connection.execute(insert(schema_version).values(version=SCHEMA))


def _add_content_digests(connection: Connection) -> None:
    """Version 2: archives have a content digest; it is computed later, for it takes reading all bytes."""
    for statement in (
        "ALTER TABLE archives ADD COLUMN base BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE archives ADD COLUMN content_digest VARCHAR(80)",
        "ALTER TABLE archives ADD COLUMN cut VARCHAR(16)",
        "ALTER TABLE uploads ADD COLUMN content_digest VARCHAR(80)",
    ):
        connection.execute(text(statement))


_MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_add_content_digests,)
#: The version that `tables` describes.
SCHEMA = 1 + len(_MIGRATIONS)
