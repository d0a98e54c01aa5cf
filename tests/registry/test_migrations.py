"""A catalog of the first version, in `catalog-1.sql` as that version wrote it, under this version's server."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import requests
from blake3 import blake3
from sqlalchemy import func, inspect, select

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.registry import Settings
from modelsync_jupyter.registry.archives.backfill import describe_old_archives
from modelsync_jupyter.registry.catalog.database import Database
from modelsync_jupyter.registry.catalog.grants import owners
from modelsync_jupyter.registry.catalog.migrations import SCHEMA, version_of
from modelsync_jupyter.registry.catalog.models import find_model
from modelsync_jupyter.registry.catalog.repositories import find_repository
from modelsync_jupyter.registry.catalog.tables import events, metadata
from modelsync_jupyter.registry.service import Registry

from . import pushing
from .pushing import finish, model_tar, path
from .server import Server

OLD = Path(__file__).with_name("catalog-1.sql")
#: What the first version held: kept:v1, kept:v2 (not a tar), and kept:v3 with an upload under way.
ARCHIVES = [model_tar("kept", "v1"), b"noise that is not a tar"]
UPLOAD = "943599cf1f734f2787d63cc66f5aa7d2"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a registry of the first version."""
    data = tmp_path / "data"
    for archive in ARCHIVES:
        digits = blake3(archive).hexdigest()
        (data / "blobs" / digits[:2]).mkdir(parents=True)
        (data / "blobs" / digits[:2] / digits).write_bytes(archive)
    with sqlite3.connect(data / "catalog.db") as connection:
        connection.executescript(OLD.read_text())
    connection.close()
    return data


def test_upgraded_catalog_has_the_tables_of_a_fresh_one(old: Path, tmp_path: Path) -> None:
    found = []
    for url in (f"sqlite:///{old}/catalog.db", f"sqlite:///{tmp_path}/fresh.db"):
        database = Database(url, 1)
        database.prepare()
        database.prepare()
        with database.read() as connection:
            assert version_of(connection) == SCHEMA
            tables = inspect(connection)
            found.append(
                {
                    name: {
                        column["name"]: (str(column["type"]), column["nullable"]) for column in tables.get_columns(name)
                    }
                    for name in tables.get_table_names()
                }
            )
        database.close()
    assert found[0] == found[1]
    assert set(found[0]) == set(metadata.tables)


def test_who_made_and_pushed_in_an_old_catalog_is_known(old: Path) -> None:
    """The maker of a repository owns it; versions and events say who pushed them, and the events where."""
    with sqlite3.connect(old / "catalog.db") as connection:
        connection.execute("INSERT INTO users (id, name, role, created_at) VALUES (7, 'bob', 'guest', '2026-01-01')")
        connection.execute("UPDATE events SET user_id = 7 WHERE operation = 'pushed' AND resource_name = 'kept:v2'")
    connection.close()
    registry = Registry.open(Settings(old))
    with registry.database.read() as connection:
        repository = find_repository(connection, "kept")
        pushers = [find_model(connection, "kept", version).pusher for version in ("v1", "v2", "v3")]
        assert (owners(connection, repository.id), pushers) == (["admin"], ["admin", "bob", None])
        homeless = select(func.count()).where(events.c.repository_id.is_(None))
        assert connection.execute(homeless).scalar_one() == 0
    registry.database.close()


def test_old_archives_get_their_digests(old: Path) -> None:
    registry = Registry.open(Settings(old))
    assert describe_old_archives(registry) == 2
    assert describe_old_archives(registry) == 0
    registry.database.close()


def test_archive_without_its_bytes_does_not_stop_the_others(old: Path) -> None:
    digits = blake3(ARCHIVES[0]).hexdigest()
    (old / "blobs" / digits[:2] / digits).unlink()
    registry = Registry.open(Settings(old))
    assert describe_old_archives(registry) == 2
    assert describe_old_archives(registry) == 1, "the next start tries again"
    registry.database.close()


def test_server_takes_an_old_catalog_over(old: Path) -> None:
    server = Server(old).start()
    try:
        client = server.client()
        items = iter(lambda: client.ok("GET", path("kept", "v1"))["modelsync"], None)
        said = next(item for item in items if "content_digest" in item)
        again = pushing.push(client, "kept", "v4", model_tar("kept", "v4"))
        assert requests.get(pushing.download_url(client, "kept", "v4"), timeout=30).content == again
        for version, archive in zip(("v1", "v2"), ARCHIVES, strict=True):
            assert requests.get(pushing.download_url(client, "kept", version), timeout=30).content == archive
        found = client.ok("GET", "/models", params={"q": f"digest:{said['content_digest']}"})["items"]
        assert [model["version"] for model in found] == ["v1"]
        parts = [model_tar("kept", "v3")]
        etags = pushing.put_parts(client, "kept", "v3", UPLOAD, parts)
        assert pushing.complete(client, "kept", "v3", UPLOAD, etags).status_code == 200
        assert finish(client, "kept", "v3").json()["modelsync"]["content_digest"]
    finally:
        server.stop()


def test_catalog_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/catalog.db", 1)
    database.prepare()
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE schema_version SET version = {SCHEMA + 1}")
    with pytest.raises(UsageError, match="versions up to"):
        database.prepare()
    database.close()
