"""Objects and multipart uploads as files: what S3 keeps, with the rules by which S3 refuses."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MIN_PART = 5 << 20
NO_UPLOAD = "The specified multipart upload does not exist. The upload ID might be invalid."


class S3Error(Exception):
    """What S3 would say.

    Args:
        status: HTTP status.
        code: S3's error code.
        message: Its message.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


@dataclass
class Upload:
    """A multipart upload that is open: for each part number its ETag and size."""

    key: str
    folder: Path
    parts: dict[int, tuple[str, int]] = field(default_factory=dict)


class Bucket:
    """Objects by key, in files at `folder/objects/KEY`.

    Args:
        folder: Where to keep them.
        etag: "md5" as S3 without KMS has it, or "random".
        min_part: Fewest bytes of a part that is not the last.
    """

    def __init__(self, folder: Path, etag: str = "md5", min_part: int = MIN_PART) -> None:
        self.folder, self.etag, self.min_part = folder, etag, min_part
        self.etags: dict[str, str] = {}
        self.uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()
        self._names = itertools.count()

    def path(self, key: str) -> Path:
        """The file of an object."""
        return self.folder / "objects" / key

    def put(self, key: str, chunks: Iterable[bytes]) -> str:
        """Store an object whole; returns its quoted ETag. Readers see the old one or the new one."""
        file, etag, _ = self._receive(chunks)
        self._publish(key, file, etag)
        return etag

    def start(self, key: str) -> str:
        """Begin a multipart upload; returns its id."""
        upload_id = secrets.token_urlsafe(24)
        folder = self.folder / "uploads" / upload_id
        folder.mkdir(parents=True)
        self.uploads[upload_id] = Upload(key, folder)
        return upload_id

    def put_part(self, key: str, upload_id: str, number: int, chunks: Iterable[bytes]) -> str:
        """Store one part; returns its quoted ETag. A part sent again replaces the earlier one."""
        upload = self._upload(key, upload_id)
        file, etag, size = self._receive(chunks)
        with self._lock:
            os.replace(file, upload.folder / str(number))
            upload.parts[number] = etag, size
        return etag

    def complete(self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]) -> str:
        """Join parts into the object; on an error the upload stays open.

        Args:
            key: The object.
            upload_id: The upload.
            parts: Number and ETag (quoted or bare) of each part, ascending.
        """
        upload = self._upload(key, upload_id)
        self._check(upload, parts)
        file = self._temporary()
        with file.open("wb") as target:
            for number, _ in parts:
                _append(upload.folder / str(number), target.fileno())
        digest = hashlib.md5("".join(upload.parts[number][0] for number, _ in parts).encode()).hexdigest()
        del self.uploads[upload_id]
        shutil.rmtree(upload.folder)
        self._publish(key, file, f'"{digest}-{len(parts)}"')
        return self.etags[key]

    def drop_uploads(self) -> None:
        """Forget every open upload, as a lifecycle rule does."""
        for upload_id in list(self.uploads):
            shutil.rmtree(self.uploads.pop(upload_id).folder)

    def _upload(self, key: str, upload_id: str) -> Upload:
        upload = self.uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise S3Error(404, "NoSuchUpload", NO_UPLOAD)
        return upload

    def _check(self, upload: Upload, parts: Sequence[tuple[int, str]]) -> None:
        numbers = [number for number, _ in parts]
        if not parts:
            raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed.")
        if numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        for number, etag in parts:
            have, size = upload.parts.get(number, ("", 0))
            if have.strip('"') != etag.strip('"'):
                raise S3Error(400, "InvalidPart", f"Part {number} was not found or its entity tag does not match.")
            if size < self.min_part and number != numbers[-1]:
                raise S3Error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")

    def _receive(self, chunks: Iterable[bytes]) -> tuple[Path, str, int]:
        file, size = self._temporary(), 0
        md5 = hashlib.md5() if self.etag == "md5" else None
        try:
            with file.open("wb", buffering=0) as target:
                for chunk in chunks:
                    target.write(chunk)
                    size += len(chunk)
                    if md5:
                        md5.update(chunk)
        except BaseException:
            file.unlink()
            raise
        return file, f'"{md5.hexdigest() if md5 else secrets.token_hex(16)}"', size

    def _temporary(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"tmp-{next(self._names)}"

    def _publish(self, key: str, file: Path, etag: str) -> None:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            os.replace(file, path)
            self.etags[key] = etag


def _append(source: Path, target: int) -> None:
    with source.open("rb") as file:
        offset = 0
        while moved := os.sendfile(target, file.fileno(), offset, 1 << 30):
            offset += moved
