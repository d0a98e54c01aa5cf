"""The servers of a benchmark, each in a process of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_NGINX = """
{user}daemon off; worker_processes 2; pid {run}/nginx.pid; error_log {run}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; sendfile_max_chunk 2m; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000;
    default_type application/octet-stream; client_max_body_size 0;
    client_body_temp_path {root}/bodies; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
    uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            root {root};
            if ($request_method = PUT) {{ rewrite ^/(.*)$ /put/$1 last; }}
        }}
        location /put/ {{
            internal; client_body_in_file_only on; client_body_buffer_size 1m;
            proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_set_header X-File $request_body_file;
            proxy_set_header Expect ""; proxy_pass {put}/;
        }}
    }}
}}
"""


@contextlib.contextmanager
def process(*argv: str, env: dict[str, str] | None = None) -> Iterator[str]:
    """Run `python -m ...` that prints its URL in its first line; yields the URL and ends the process."""
    with subprocess.Popen([sys.executable, "-m", *argv], stdout=subprocess.PIPE, text=True, env=env) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if "http" not in line:
                raise RuntimeError(f"`{argv[0]}` did not start")
            yield line[line.index("http") :].split()[0]
        finally:
            child.terminate()


@contextlib.contextmanager
def sink(kept: Path | None = None) -> Iterator[str]:
    """A host that takes PUTs: yields its URL."""
    with process("tests.benchmarks.sink", *(["--kept", str(kept)] if kept else [])) as url:
        yield url


@contextlib.contextmanager
def nginx(root: Path, put: str) -> Iterator[str]:
    """A folder served by nginx: GETs by sendfile with ranges; PUT bodies go to disk. Yields its URL.

    Args:
        root: Folder to serve.
        put: URL of a `sink(kept=root)`.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as run:
        config = Path(run, "nginx.conf")
        user = f"user {getpass.getuser()}; " if os.geteuid() == 0 else ""
        config.write_text(_NGINX.format(run=run, root=root, port=port, put=put, user=user))
        command = ["nginx", "-p", run, "-e", f"{run}/error.log", "-c", str(config)]
        with subprocess.Popen(command) as child:
            try:
                wait_for(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                child.terminate()


def free_port() -> int:
    """A TCP port nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int, seconds: float = 10) -> None:
    """Wait until something listens there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
