"""The promises, over a PostgreSQL server where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .contract import RegistryContract
from .server import Server


class TestOverPostgresql(RegistryContract):
    """A team's database."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In the place of the one over SQLite."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL server is installed")
    pytest.importorskip("psycopg")
    with _cluster(found[-1]) as url:
        server = Server(tmp_path_factory.mktemp("postgresql") / "data", ("--db", url)).start()
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.log, server.log


@contextmanager
def _cluster(binaries: Path) -> Iterator[str]:
    """A server on a socket in a folder of its own; it refuses to run as root, so root becomes `postgres`."""
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="modelsync-postgresql-") as home:
        if become:
            shutil.chown(home, "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*become, str(binaries / program), "-D", f"{home}/db", *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=home)

        run("initdb", "-U", "modelsync", "-A", "trust", "--no-sync")
        options = f"-k {home} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{home}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://modelsync@/postgres?host={home}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
