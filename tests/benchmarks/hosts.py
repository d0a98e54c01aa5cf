"""The servers of a benchmark, each in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.harness.nginx import nginx
from tests.harness.ports import free_port

_HOST = """
    sendfile on; sendfile_max_chunk 2m; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port}; client_body_temp_path {root}/bodies;
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
def sink(kept: Path | None = None, **options: object) -> Iterator[str]:
    """A host that takes PUTs: yields its URL.

    Args:
        kept: Where what nginx received goes.
        options: Others of `sink.Host`.
    """
    words = [f"--{name}={value}" for name, value in {"kept": kept, **options}.items() if value is not None]
    with process("tests.benchmarks.sink", *words) as url:
        yield url


@contextlib.contextmanager
def serve_objects(root: Path, put: str) -> Iterator[str]:
    """A folder served by nginx: GETs by sendfile with ranges; PUT bodies go to disk. Yields its URL.

    Args:
        root: Folder to serve.
        put: URL of a `sink(kept=root)`.
    """
    port = free_port()
    with nginx(port, _HOST.format(root=root, port=port, put=put), workers=2):
        yield f"http://127.0.0.1:{port}"
