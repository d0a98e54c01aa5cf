"""A real PostgreSQL server, as Debian packages it, on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url


def find_postgresql() -> Path | None:
    """Return the folder of the newest PostgreSQL server that is installed, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


class Postgresql:
    """A cluster; a context manager. It refuses to run as root, so root becomes `postgres`.

    Args:
        durable: Whether it waits for the disk at each commit, as one that is relied upon does.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._durable = durable
        self._stack = contextlib.ExitStack()
        self._home = ""

    @property
    def url(self) -> str:
        """SQLAlchemy URL of a database in it."""
        return f"postgresql+psycopg://modelsync@/postgres?host={self._home}"

    def make_database(self, name: str) -> str:
        """Make another, empty database and return its URL."""
        admin = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.dispose()
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def start(self) -> None:
        """Run it, also after `kill`: then it recovers first."""
        options = f"-k {self._home} -c listen_addresses='' -c fsync={'on' if self._durable else 'off'}"
        self._run("pg_ctl", "-w", "-l", f"{self._home}/log", "-o", options, "start")

    def kill(self) -> None:
        """`kill -9` of the server, whose children end with it."""
        number = int(Path(self._home, "db", "postmaster.pid").read_text().split()[0])
        os.kill(number, signal.SIGKILL)
        while Path(f"/proc/{number}/stat").exists():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(number, 0)

    def _run(self, program: str, *arguments: str) -> None:
        binaries = find_postgresql()
        assert binaries, "install postgresql"
        command = [*self._become, str(binaries / program), "-D", f"{self._home}/db", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._home)

    def __enter__(self) -> Postgresql:
        self._home = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="modelsync-postgresql-"))
        if self._become:
            shutil.chown(self._home, "postgres")
        self._run("initdb", "-U", "modelsync", "-A", "trust", "--no-sync")
        self.start()
        self._stack.callback(self._run, "pg_ctl", "-w", "-m", "immediate", "stop")
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()


@contextlib.contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """Run a cluster until the block ends; yields the URL of a database in it."""
    with Postgresql(durable=durable) as server:
        yield server.url
