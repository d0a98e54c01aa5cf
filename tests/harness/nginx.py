"""Debian's nginx as a process of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .ports import wait_for_port

#: Why a test that is about nginx is left out; "" where it is installed.
MISSING = "" if shutil.which("nginx") else "no nginx: `apt-get install nginx-light`"
_NGINX = """
{user}daemon off; worker_processes {workers}; pid {run}/nginx.pid; error_log {run}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
    uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
{http}
}}
"""


@contextlib.contextmanager
def nginx(port: int, http: str, workers: int = 1) -> Iterator[None]:
    """Run nginx until the block ends.

    Args:
        port: Where it will listen on 127.0.0.1, as `http` says.
        http: What stands in its `http` block.
        workers: How many processes serve.
    """
    with tempfile.TemporaryDirectory() as run:
        config = Path(run, "nginx.conf")
        user = f"user {getpass.getuser()}; " if os.geteuid() == 0 else ""
        config.write_text(_NGINX.format(user=user, workers=workers, run=run, http=http))
        with subprocess.Popen(["nginx", "-p", run, "-e", f"{run}/error.log", "-c", str(config)]) as child:
            try:
                wait_for_port(port)
                yield
            finally:
                child.terminate()
