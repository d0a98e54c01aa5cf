"""The promises, over a PostgreSQL server where one is installed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning

import pytest
from sqlalchemy import Connection, inspect

from modelsync_jupyter.registry.catalog import tokens
from modelsync_jupyter.registry.catalog.database import Database
from modelsync_jupyter.registry.catalog.migrations import SCHEMA, version_of
from modelsync_jupyter.registry.catalog.tables import metadata
from modelsync_jupyter.registry.catalog.users import add_user
from modelsync_jupyter.registry.catalog.words import Role
from modelsync_jupyter.registry.errors import Unauthorized
from tests.harness.postgresql import Postgresql, find_postgresql

from .contract import RegistryContract
from .server import Server, serving


class TestOverPostgresql(RegistryContract):
    """A team's database."""


@pytest.mark.parametrize("first", ["revoking", "making"])
def test_no_child_outlives_a_parent_that_is_revoked_at_the_same_time(cluster: Postgresql, first: str) -> None:
    """Whichever comes first holds the parent; the other one waits for it."""
    database = _fresh(cluster, f"tokens_{first}", 4)
    with database.write() as connection:
        user = add_user(connection, "ann", Role.GUEST)
        _, value = tokens.add_token(connection, user.id, "parent")
        who, parent = tokens.identify(connection, value)

    def make(connection: Connection) -> None:
        tokens.add_token(connection, user.id, "child", maker=who, value="the-child")

    def revoke(connection: Connection) -> None:
        tokens.revoke_token(connection, parent.id)

    def other() -> None:
        with database.write() as connection:
            (make if first == "revoking" else revoke)(connection)

    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            (revoke if first == "revoking" else make)(connection)
            later = pool.submit(other)
            with pytest.raises(StillRunning):
                later.result(0.3)
        if first == "revoking":
            with pytest.raises(Unauthorized, match="revoked"):
                later.result(10)
        else:
            later.result(10)
    with database.read() as connection, pytest.raises(Unauthorized):
        tokens.identify(connection, "the-child")
    database.close()


def _fresh(cluster: Postgresql, name: str, connections: int = 1) -> Database:
    """Make a database in the cluster, with a catalog of this version in it."""
    database = Database(cluster.make_database(name), connections)
    database.prepare()
    return database


def test_catalog_of_the_first_version_is_upgraded(cluster: Postgresql) -> None:
    """Its columns are taken away from a fresh one: the first version's own statements are SQLite's."""
    database = _fresh(cluster, "old")
    with database.write() as connection:
        for statement in (
            "DROP TABLE schema_version, grants, aliases, chores, history",
            "ALTER TABLE users DROP robot, DROP disabled_at",
            "ALTER TABLE tokens DROP parent_id, DROP issuer_id",
            "ALTER TABLE repositories DROP private",
            "ALTER TABLE models DROP pushed_by_id",
            "ALTER TABLE events DROP repository_id, DROP address, ALTER user_id SET NOT NULL",
            "DROP INDEX ix_events_user_id",
            "ALTER TABLE uploads DROP token_id, DROP address",
            "ALTER TABLE upload_parts DROP present, DROP place, DROP place_start, DROP puts",
            "ALTER TABLE archive_parts DROP place, DROP place_start",
            "DROP INDEX archive_parts_digest, upload_parts_declared, upload_parts_digest, uploads_archive",
            "DROP INDEX uploads_state, models_archive",
            "ALTER TABLE archives DROP base, DROP content_digest, DROP cut",
            "ALTER TABLE models DROP ordered_at, DROP deleted_by, DROP downloads, DROP downloaded_at",
            "DROP INDEX models_deleted",
            "ALTER TABLE repositories DROP deleted_at",
            "ALTER TABLE uploads DROP content_digest, DROP active_at",
        ):
            connection.exec_driver_sql(statement)
        assert version_of(connection) == 1
    database.prepare()
    with database.read() as connection:
        assert version_of(connection) == SCHEMA
        for name, table in metadata.tables.items():
            columns = {column["name"] for column in inspect(connection).get_columns(name)}
            assert columns == set(table.columns.keys())
    database.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgresql]:
    """A database server."""
    if not find_postgresql():
        pytest.skip("no PostgreSQL server is installed")
    pytest.importorskip("psycopg")
    with Postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def registry(cluster: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In the place of the one over SQLite."""
    with serving(tmp_path_factory.mktemp("postgresql"), "--db", cluster.url) as server:
        yield server
