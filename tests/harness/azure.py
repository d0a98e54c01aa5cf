"""Microsoft's emulator of Azure's store of blobs, where it is installed, as a process of its own."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import shutil
import subprocess
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import requests

from .ports import free_port, wait_for_port

#: Why a test that is about Azure is left out; "" where the emulator is installed.
MISSING = "" if shutil.which("azurite-blob") else "no Azurite: `npm install --global azurite`"
ACCOUNT, CONTAINER = "account1", "models"
_KEY = base64.b64encode(b"k" * 32).decode()


@contextlib.contextmanager
def azure_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run the server until the block ends; yields what has to be in the environment of who uses `az://models`."""
    port = free_port()
    words = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    env = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{_KEY}"}
    url = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with subprocess.Popen(
        ["azurite-blob", *words, "--silent", "--disableTelemetry", "--skipApiVersionCheck"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            wait_for_port(port)
            _make_container(url)
            connection = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={_KEY};BlobEndpoint={url};"
            yield {"AZURE_STORAGE_CONNECTION_STRING": connection}
        finally:
            child.terminate()


def _make_container(url: str) -> None:
    """Make the container, which no library at hand can."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    said = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = f"PUT{chr(10) * 12}{said}/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(_KEY), text.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    reply = requests.put(f"{url}/{CONTAINER}?restype=container", headers=headers, timeout=30)
    assert reply.status_code == 201, reply.text
