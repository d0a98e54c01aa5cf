"""What else moves a folder to an S3 server and back: s5cmd, rclone, boto3 and obstore, each with ten connections.

    python -m tests.benchmarks.peers boto3 put FOLDER PREFIX     (and get, and obstore)

The two libraries are driven as their manuals show it; the two commands are run as they are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from tests.harness.s3 import BUCKET

CONNECTIONS = 10
S3_PEERS = ("s5cmd", "rclone", "boto3", "obstore")


def find_peers() -> list[str]:
    """Return those that are installed."""
    return [name for name in S3_PEERS if (_command(name) if name in ("s5cmd", "rclone") else find_spec(name))]


def peer_command(name: str, verb: str, folder: Path, prefix: str, env: Mapping[str, str]) -> list[str]:
    """Return the command that puts a folder under a prefix, or gets it from there.

    Args:
        name: One of `S3_PEERS`.
        verb: "put" or "get".
        folder: The local folder.
        prefix: Where in the bucket.
        env: The environment that the S3 server asks for.
    """
    there = f"{BUCKET}/{prefix}"
    if name == "s5cmd":
        words = [_command(name), "--endpoint-url", env["AWS_ENDPOINT_URL"], "--log", "error", "cp"]
        words += ["--concurrency", str(CONNECTIONS)]
        return [*words, f"{folder}/", f"s3://{there}/"] if verb == "put" else [*words, f"s3://{there}/*", f"{folder}/"]
    if name == "rclone":
        words = [_command(name), "copy", "--s3-provider=Other", "--s3-env-auth", "--s3-no-check-bucket"]
        words += [f"--s3-endpoint={env['AWS_ENDPOINT_URL']}", f"--s3-upload-concurrency={CONNECTIONS}"]
        words += [f"--transfers={CONNECTIONS}", f"--multi-thread-streams={CONNECTIONS}", "--config=/dev/null"]
        return [*words, *((str(folder), f":s3:{there}") if verb == "put" else (f":s3:{there}", str(folder)))]
    return [sys.executable, "-m", "tests.benchmarks.peers", name, verb, str(folder), prefix]


def _command(name: str) -> str:
    return shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or ""


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _run_boto3(verb: str, folder: Path, prefix: str) -> None:
    import boto3
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    with create_transfer_manager(client, TransferConfig(max_concurrency=CONNECTIONS)) as manager:
        if verb == "put":
            moves = [
                manager.upload(str(path), BUCKET, f"{prefix}/{path.relative_to(folder)}") for path in _files(folder)
            ]
        else:
            moves = []
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/"):
                for item in page.get("Contents", ()):
                    target = folder / item["Key"][len(prefix) + 1 :]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    moves.append(manager.download(BUCKET, item["Key"], str(target)))
        for move in moves:
            move.result()


def _run_obstore(verb: str, folder: Path, prefix: str) -> None:
    import obstore
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})

    def put(path: Path) -> None:
        obstore.put(store, f"{prefix}/{path.relative_to(folder)}", path, max_concurrency=CONNECTIONS)

    def get(key: str) -> None:
        target = folder / key[len(prefix) + 1 :]
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for chunk in obstore.get(store, key).stream(min_chunk_size=8 << 20):
                file.write(chunk)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        if verb == "put":
            list(pool.map(put, _files(folder)))
        else:
            keys = [item["path"] for page in obstore.list(store, prefix) for item in page]
            list(pool.map(get, keys))


def main() -> None:
    """Run one of the libraries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("boto3", "obstore"))
    parser.add_argument("verb", choices=("put", "get"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("prefix")
    options = parser.parse_args()
    (_run_boto3 if options.peer == "boto3" else _run_obstore)(options.verb, options.folder, options.prefix)


if __name__ == "__main__":
    main()
