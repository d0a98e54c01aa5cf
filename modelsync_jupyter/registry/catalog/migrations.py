"""How a catalog of an earlier version becomes one of this version.

A catalog knows its version: the one row of `schema_version`. Versions are numbered from 1, the first release, which had
no such table. Each function here makes the next version out of the one before; a function that was released is never
changed. `tables` describes the last version: a fresh catalog is made from it at once.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, DateTime, delete, insert, inspect, select, text

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
    _run(
        connection,
        "ALTER TABLE archives ADD COLUMN base BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE archives ADD COLUMN content_digest VARCHAR(80)",
        "ALTER TABLE archives ADD COLUMN cut VARCHAR(16)",
        "ALTER TABLE uploads ADD COLUMN content_digest VARCHAR(80)",
    )


def _add_access_control(connection: Connection) -> None:
    """Version 3: robots, disabled users, private repositories and grants, tokens with parents, and who pushed.

    Who made a repository owns it. Who pushed a version is told by the events.
    """
    time = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP"
    _run(
        connection,
        "ALTER TABLE users ADD COLUMN robot BOOLEAN DEFAULT FALSE NOT NULL",
        f"ALTER TABLE users ADD COLUMN disabled_at {time}",
        "ALTER TABLE tokens ADD COLUMN parent_id INTEGER REFERENCES tokens (id)",
        "ALTER TABLE tokens ADD COLUMN issuer_id INTEGER REFERENCES tokens (id)",
        "ALTER TABLE repositories ADD COLUMN private BOOLEAN DEFAULT FALSE NOT NULL",
        "ALTER TABLE models ADD COLUMN pushed_by_id INTEGER REFERENCES users (id)",
        "ALTER TABLE uploads ADD COLUMN token_id INTEGER REFERENCES tokens (id)",
        "ALTER TABLE uploads ADD COLUMN address VARCHAR(64)",
        "ALTER TABLE upload_parts ADD COLUMN present BOOLEAN DEFAULT FALSE NOT NULL",
        "CREATE TABLE grants (repository_id INTEGER NOT NULL REFERENCES repositories (id), "
        "user_id INTEGER NOT NULL REFERENCES users (id), access VARCHAR(16) NOT NULL, "
        f"created_at {time} NOT NULL, PRIMARY KEY (repository_id, user_id))",
        "INSERT INTO grants SELECT id, creator_id, 'owner', created_at FROM repositories",
        "UPDATE models SET pushed_by_id = coalesce((SELECT events.user_id FROM events "
        "JOIN repositories ON repositories.id = models.repository_id WHERE operation = 'pushed' "
        "AND resource_name = repositories.name || ':' || models.version ORDER BY events.id DESC LIMIT 1), creator_id) "
        "WHERE upload_status = 'success'",
    )
    _widen_events(connection)
    indexed = {"tokens": ("parent_id", "issuer_id"), "grants": ("user_id",), "events": ("user_id", "repository_id")}
    for table, columns in indexed.items():
        for column in columns:
            _run(connection, f"CREATE INDEX ix_{table}_{column} ON {table} ({column})")


def _widen_events(connection: Connection) -> None:
    """Give events a repository and an address, and let them be without a user.

    SQLite cannot change a column, so there the table is made again.
    """
    if connection.dialect.name == "sqlite":
        old = "id, uid, created_at, user_id, token_name, operation, resource_type, resource_name, info"
        _run(
            connection,
            "ALTER TABLE events RENAME TO old_events",
            "CREATE TABLE events (id INTEGER NOT NULL PRIMARY KEY, uid VARCHAR(32) NOT NULL UNIQUE, "
            "created_at DATETIME NOT NULL, user_id INTEGER REFERENCES users (id), token_name VARCHAR(128) NOT NULL, "
            "operation VARCHAR(64) NOT NULL, resource_type VARCHAR(32) NOT NULL, resource_name VARCHAR(256) NOT NULL, "
            "info TEXT NOT NULL, repository_id INTEGER REFERENCES repositories (id), address VARCHAR(64))",
            f"INSERT INTO events ({old}) SELECT {old} FROM old_events",
            "DROP TABLE old_events",
        )
    else:
        _run(
            connection,
            "ALTER TABLE events ALTER COLUMN user_id DROP NOT NULL",
            "ALTER TABLE events ADD COLUMN repository_id INTEGER REFERENCES repositories (id)",
            "ALTER TABLE events ADD COLUMN address VARCHAR(64)",
        )
    _run(
        connection,
        "UPDATE events SET repository_id = (SELECT id FROM repositories WHERE name = resource_name) "
        "WHERE resource_type = 'model_repository'",
        "UPDATE events SET repository_id = (SELECT id FROM repositories "
        "WHERE substr(resource_name, 1, length(name) + 1) = name || ':') WHERE resource_type = 'model'",
    )


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))


def _add_space_and_history(connection: Connection) -> None:
    """Add what garbage collection, restoring, aliases, history and `latest` need.

    Version history begins with the push that each version shows now; earlier ones were not kept.
    """
    time = DateTime().compile(connection.dialect)  # each database has its own word for it
    _run(
        connection,
        f"ALTER TABLE repositories ADD COLUMN deleted_at {time}",
        f"ALTER TABLE models ADD COLUMN ordered_at {time}",
        "ALTER TABLE models ADD COLUMN deleted_by INTEGER REFERENCES users (id)",
        "ALTER TABLE models ADD COLUMN downloads BIGINT DEFAULT 0 NOT NULL",
        f"ALTER TABLE models ADD COLUMN downloaded_at {time}",
        f"ALTER TABLE uploads ADD COLUMN active_at {time}",
        "UPDATE models SET ordered_at = CASE WHEN build_at < COALESCE(upload_finished_at, created_at)"
        " THEN build_at ELSE COALESCE(upload_finished_at, created_at) END",
        "UPDATE uploads SET active_at = created_at",
        "CREATE INDEX archive_parts_digest ON archive_parts (digest)",
        "CREATE INDEX models_archive ON models (archive_id)",
        "CREATE INDEX models_deleted ON models (deleted_at)",
        "CREATE INDEX models_ordered ON models (upload_status, ordered_at)",
        "CREATE INDEX uploads_state ON uploads (state)",
        "CREATE INDEX uploads_archive ON uploads (archive_id)",
        "CREATE INDEX upload_parts_declared ON upload_parts (declared_digest)",
        "CREATE INDEX upload_parts_digest ON upload_parts (digest)",
    )
    metadata.tables["history"].create(connection)
    connection.execute(
        text(
            "INSERT INTO history (repository_id, version, operation, created_at, user_id, token_name, address, client,"
            " size, content_digest, archive_id, model_id)"
            " SELECT repository_id, version, 'pushed', COALESCE(upload_finished_at, models.created_at),"
            " COALESCE(pushed_by_id, creator_id), '', '', '', size_bytes, content_digest, archives.id, models.id"
            " FROM models JOIN archives ON models.archive_id = archives.id WHERE models.deleted_at IS NULL"
        )
    )


def _add_places(connection: Connection) -> None:
    """Give parts that clients send to the store of blobs themselves names of their own there."""
    _run(
        connection,
        "ALTER TABLE archive_parts ADD COLUMN place VARCHAR(64)",
        "ALTER TABLE upload_parts ADD COLUMN place VARCHAR(64)",
    )


def _index_places(connection: Connection) -> None:
    """Let garbage collection find parts by the names that they have in the store of blobs."""
    _run(
        connection,
        "CREATE INDEX archive_parts_place ON archive_parts (place)",
        "CREATE INDEX upload_parts_place ON upload_parts (place)",
    )


def _index_searches(connection: Connection) -> None:
    """Let lists and searches of many versions read one narrow index."""
    _run(
        connection,
        "DROP INDEX IF EXISTS models_ordered",
        "DROP INDEX IF EXISTS models_newest",
        "CREATE INDEX models_newest ON models (repository_id, upload_status, ordered_at)",
        "CREATE INDEX models_found ON models (upload_status, ordered_at, repository_id, version, size_bytes,"
        " archive_id, creator_id) WHERE deleted_at IS NULL",
        "CREATE INDEX archives_content ON archives (content_digest)",
    )


def _count_puts(connection: Connection) -> None:
    """Count how often a part was sent, so that one URL cannot fill the disk."""
    _run(connection, "ALTER TABLE upload_parts ADD COLUMN puts INTEGER DEFAULT 0 NOT NULL")


def _add_place_starts(connection: Connection) -> None:
    """Let parts that are neighbours be in one blob."""
    _run(
        connection,
        "ALTER TABLE archive_parts ADD COLUMN place_start BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE upload_parts ADD COLUMN place_start BIGINT DEFAULT 0 NOT NULL",
    )


_MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _add_content_digests,
    _add_access_control,
    _add_space_and_history,
    _add_places,
    _index_places,
    _index_searches,
    _count_puts,
    _add_place_starts,
)
#: The version that `tables` describes.
SCHEMA = 1 + len(_MIGRATIONS)
