"""Pushing as clients do it, step by step, and archives to push."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import requests
import yaml
from blake3 import blake3

from .server import Client

CREATED = "2026-03-04T05:06:07.000008+00:00"


def manifest(**fields: Any) -> dict[str, Any]:
    """A manifest as stock clients send it."""
    return {
        "module": "bentoml.sklearn",
        "api_version": "v1",
        "bentoml_version": "1.4.39",
        "size_bytes": 1,
        "metadata": {},
        "context": {},
        "options": {},
        **fields,
    }


def model_yaml(name: str, version: str, **fields: Any) -> bytes:
    """The content of a model.yaml."""
    facts = {"name": name, "version": version, "module": "bentoml.sklearn", "labels": {}, "creation_time": CREATED}
    return yaml.safe_dump({**facts, **fields}).encode()


def tar(
    files: Mapping[str, bytes], *, executable: Collection[str] = (), links: Mapping[str, str] | None = None
) -> bytes:
    """A plain tar as stock clients make it, with `./` before every name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        root = tarfile.TarInfo("./")
        root.type = tarfile.DIRTYPE
        archive.addfile(root)
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            member.mode = 0o755 if name in executable else 0o644
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(f"./{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def model_tar(
    name: str, version: str, payload: bytes = b"weights", *, files: Mapping[str, bytes] | None = None, **fields: Any
) -> bytes:
    """A model's archive with one payload, and more files if there are any."""
    return tar({"model.yaml": model_yaml(name, version, **fields), "weights.bin": payload, **(files or {})})


def cut(archive: bytes, size: int) -> list[bytes]:
    """The archive in parts of `size` bytes."""
    return [archive[start : start + size] for start in range(0, len(archive), size)]


def parts_json(parts: Sequence[bytes]) -> list[dict[str, Any]]:
    """Parts as our extension declares them."""
    return [{"size": len(part), "digest": f"blake3:{blake3(part).hexdigest()}"} for part in parts]


def listed(parts: Sequence[bytes], quote: str = "") -> list[dict[str, Any]]:
    """All parts as `complete` lists them, by their digests."""
    digests = [part["digest"].removeprefix("blake3:") for part in parts_json(parts)]
    return [{"part_number": number, "etag": f"{quote}{digest}{quote}"} for number, digest in enumerate(digests, 1)]


def path(name: str, version: str, action: str = "") -> str:
    """Path of a version."""
    return f"/model_repositories/{name}/models/{version}" + (f"/{action}" if action else "")


def register(client: Client, name: str, version: str, **fields: Any) -> None:
    """Make the repository, if need be, and the version."""
    client.call("POST", "/model_repositories", {"name": name, "description": ""})
    body = {"version": version, "description": "", "manifest": manifest(), "labels": [], **fields}
    client.ok("POST", f"/model_repositories/{name}/models", body)


def start(client: Client, name: str, version: str, extension: Any = None) -> dict[str, Any]:
    """Begin a multipart upload; returns the reply."""
    client.ok("PATCH", path(name, version, "start_upload"))
    body = {"modelsync": extension} if extension else None
    reply: dict[str, Any] = client.ok("PATCH", path(name, version, "start_multipart_upload"), body)
    return reply


def part_url(client: Client, name: str, version: str, upload_id: str, number: int = 1) -> str:
    """A presigned URL that takes one part."""
    body = {"upload_id": upload_id, "part_number": number}
    return str(client.ok("PATCH", path(name, version, "presign_multipart_upload_url"), body)["presigned_upload_url"])


def put_part(client: Client, name: str, version: str, upload_id: str, number: int, data: Any) -> requests.Response:
    """PUT one part, without the token."""
    return requests.put(part_url(client, name, version, upload_id, number), data=data, timeout=30)


def put_parts(client: Client, name: str, version: str, upload_id: str, parts: Sequence[bytes]) -> list[dict[str, Any]]:
    """PUT all parts; returns what `complete` lists."""
    listed = []
    for number, data in enumerate(parts, 1):
        reply = put_part(client, name, version, upload_id, number, data)
        assert reply.status_code == 200, reply.text
        listed.append({"part_number": number, "etag": reply.headers["ETag"]})
    return listed


def complete(client: Client, name: str, version: str, upload_id: str, listed: Any) -> requests.Response:
    """Complete an upload."""
    return client.call(
        "PATCH", path(name, version, "complete_multipart_upload"), {"upload_id": upload_id, "parts": listed}
    )


def finish(
    client: Client, name: str, version: str, status: str = "success", reason: str = "", upload: str = ""
) -> requests.Response:
    """The client's last word; with the id of the upload where it is one of ours."""
    body: dict[str, Any] = {"status": status, "reason": reason}
    if upload:
        body["modelsync"] = {"upload_id": upload}
    return client.call("PATCH", path(name, version, "finish_upload"), body)


def send(client: Client, name: str, version: str, archive: bytes, part_size: int = 1 << 20) -> str:
    """A stock client's upload of an archive, up to `complete`; returns the upload's id."""
    upload_id = start(client, name, version)["upload_id"]
    listed = put_parts(client, name, version, upload_id, cut(archive, part_size))
    reply = complete(client, name, version, upload_id, listed)
    assert reply.status_code == 200, reply.text
    return str(upload_id)


def push(client: Client, name: str, version: str, archive: bytes | None = None, **fields: Any) -> bytes:
    """Register a version and push its archive; returns it."""
    archive = model_tar(name, version) if archive is None else archive
    register(client, name, version, **fields)
    send(client, name, version, archive)
    reply = finish(client, name, version)
    assert reply.status_code == 200, reply.text
    return archive


def download_url(client: Client, name: str, version: str) -> str:
    """A presigned URL of the archive."""
    reply = client.ok("PATCH", path(name, version, "presign_download_url"))
    return str(reply["presigned_download_url"])
