"""The tables of the catalog.

Times are UTC without a zone. Lists and objects that no query looks into are JSON text. A model's labels are there
twice: as JSON in its row, so that one row is one consistent look at a version, and in `model_labels` to search by.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)

from .words import Right, Role, UploadState, UploadStatus, Word

metadata = MetaData()


def _words(kind: type[Word]) -> Enum:
    """Make the type of a column that holds one word out of a list."""
    return Enum(kind, native_enum=False, length=16, values_callable=lambda known: [item.value for item in known])


#: One row: the version of the catalog, see `migrations`.
schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("role", _words(Role), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("robot", Boolean, nullable=False, server_default=false()),
    Column("disabled_at", DateTime),
)

#: A token that was made for its maker's own user ends with the token that made it, its parent. `issuer_id` is the token
#: of the admin who made it for another user: it outlives that one, unless it is revoked along with it.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("expired_at", DateTime),
    Column("last_used_at", DateTime),
    Column("revoked_at", DateTime),
    Column("parent_id", ForeignKey("tokens.id"), index=True),
    Column("issuer_id", ForeignKey("tokens.id"), index=True),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("creator_id", ForeignKey("users.id"), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    Column("private", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", DateTime),
)

grants = Table(
    "grants",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("user_id", ForeignKey("users.id"), primary_key=True, index=True),
    Column("access", _words(Right), nullable=False),
    Column("created_at", DateTime, nullable=False),
)

repository_labels = Table(
    "repository_labels",
    metadata,
    Column("owner_id", ForeignKey("repositories.id"), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(1024), nullable=False),
    Index("repository_labels_key", "key", "value"),
)

#: `base` bytes in front of the body are the archive's own description. `content_digest` is NULL until it was computed,
#: and "" where there is none because the archive is not a tar; `cut` names the rules it is built on.
archives = Table(
    "archives",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("digest", String(80), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("layout", Text),
    Column("created_at", DateTime, nullable=False),
    Column("base", BigInteger, nullable=False, server_default="0"),
    Column("content_digest", String(80)),
    Column("cut", String(16)),
    Index("archives_content", "content_digest"),
)

archive_parts = Table(
    "archive_parts",
    metadata,
    Column("archive_id", ForeignKey("archives.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("start", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("digest", String(80), nullable=False),
    Column("place", String(64)),
    Column("place_start", BigInteger, nullable=False, server_default="0"),
    Index("archive_parts_digest", "digest"),
    Index("archive_parts_place", "place"),
)

#: `ordered_at` is the build time, but never later than the arrival of the bytes: a clock that is wrong by years must
#: not capture `latest`. A deleted version is purged after a while, see `garbage`; until then it can be restored.
models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("repository_id", ForeignKey("repositories.id"), nullable=False),
    Column("version", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("module", String(256), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("build_at", DateTime, nullable=False),
    Column("archive_id", ForeignKey("archives.id")),
    Column("creator_id", ForeignKey("users.id"), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    Column("deleted_at", DateTime),
    Column("upload_status", _words(UploadStatus), nullable=False),
    Column("upload_started_at", DateTime),
    Column("upload_finished_at", DateTime),
    Column("upload_finished_reason", Text, nullable=False),
    Column("pushed_by_id", ForeignKey("users.id")),
    Column("ordered_at", DateTime),
    Column("deleted_by", ForeignKey("users.id")),
    Column("downloads", BigInteger, nullable=False, server_default="0"),
    Column("downloaded_at", DateTime),
    Index("models_archive", "archive_id"),
    Index("models_deleted", "deleted_at"),
)
_alive = models.c.deleted_at.is_(None)
Index(
    "models_tag",
    models.c.repository_id,
    models.c.version,
    unique=True,
    sqlite_where=_alive,
    postgresql_where=_alive,
)
Index("models_newest", models.c.repository_id, models.c.upload_status, models.c.ordered_at)
#: All that lists and most searches look at: rows themselves are wide, and ten thousand of them are slow to read.
Index(
    "models_found",
    models.c.upload_status,
    models.c.ordered_at,
    models.c.repository_id,
    models.c.version,
    models.c.size_bytes,
    models.c.archive_id,
    models.c.creator_id,
    sqlite_where=_alive,
    postgresql_where=_alive,
)

model_labels = Table(
    "model_labels",
    metadata,
    Column("owner_id", ForeignKey("models.id"), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(1024), nullable=False),
    Index("model_labels_key", "key", "value"),
)

#: Manifest, labels and build_at become visible when the upload is published; `content_digest` is what was declared.
#: `token_id` and `address` tell the clients of one user apart where they do not say which upload they mean.
uploads = Table(
    "uploads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("model_id", ForeignKey("models.id"), nullable=False, index=True),
    Column("creator_id", ForeignKey("users.id"), nullable=False),
    Column("state", _words(UploadState), nullable=False),
    Column("manifest", Text),
    Column("labels", Text),
    Column("build_at", DateTime),
    Column("archive_id", ForeignKey("archives.id")),
    Column("created_at", DateTime, nullable=False),
    Column("content_digest", String(80)),
    Column("token_id", ForeignKey("tokens.id")),
    Column("address", String(64)),
    Column("active_at", DateTime),
    Index("uploads_state", "state"),
    Index("uploads_archive", "archive_id"),
)

#: What was declared of a part and what was received of it, each where it is known. `place` names the blob of one that
#: its client sends, or has sent, to the store of blobs itself, and `place_start` tells where in it the part begins. One
#: that is `present` was not sent: its client was told that it need not be. `puts` counts how often other bytes came
#: than before. While the upload is open, both digests are pins: such blobs are not garbage.
upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload_id", ForeignKey("uploads.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("declared_size", BigInteger),
    Column("declared_digest", String(80)),
    Column("size", BigInteger),
    Column("digest", String(80)),
    Column("present", Boolean, nullable=False, server_default=false()),
    Column("place", String(64)),
    Column("place_start", BigInteger, nullable=False, server_default="0"),
    Column("puts", Integer, nullable=False, server_default="0"),
    Index("upload_parts_declared", "declared_digest"),
    Index("upload_parts_digest", "digest"),
    Index("upload_parts_place", "place"),
)

#: Names that move between the versions of a repository; `history` tells where each has been.
aliases = Table(
    "aliases",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("model_id", ForeignKey("models.id"), nullable=False, index=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("moved_at", DateTime, nullable=False),
)

#: What became of each version and alias; readers of a repository may see it. `archive_id` is that of a push as long as
#: its bytes are there: until `released_at`, when a forced push replaced them, and a while longer for its readers.
history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id"), nullable=False),
    Column("version", String(128), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("token_name", String(128), nullable=False),
    Column("address", String(64), nullable=False),
    Column("client", String(128), nullable=False),
    Column("size", BigInteger),
    Column("content_digest", String(80)),
    Column("alias", String(128)),
    Column("earlier", String(128)),
    Column("model_id", ForeignKey("models.id"), index=True),
    Column("archive_id", ForeignKey("archives.id"), index=True),
    Column("released_at", DateTime),
    Index("history_version", "repository_id", "version"),
)

#: When each piece of housekeeping was last begun, by whichever process of the registry, and what came of it.
chores = Table(
    "chores",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("started_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    Column("report", Text),
)

#: No user: a sign-in with a token that nobody has. `repository_id` says whose owners may see the event.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("created_at", DateTime, nullable=False),
    Column("user_id", ForeignKey("users.id"), index=True),
    Column("token_name", String(128), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("resource_type", String(32), nullable=False),
    Column("resource_name", String(256), nullable=False),
    Column("info", Text, nullable=False),
    Column("repository_id", ForeignKey("repositories.id"), index=True),
    Column("address", String(64)),
)
