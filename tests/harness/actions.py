"""What Yatai does on one version: one function for each endpoint `METHOD .../models/VERSION/ACTION`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .httpd import Handler, IncompleteError
from .objects import ObjectHost
from .records import ApiError, Json, Records, now


class Actions:
    """The endpoints; each returns the version's record, or None if it has answered by itself.

    Args:
        records: What is registered.
        objects: The object host.
        uploads_to: Origin of another host that takes the PUTs, or "".
        downloads_from: Origin of another host that answers the GETs, or "".
    """

    def __init__(self, records: Records, objects: ObjectHost, uploads_to: str, downloads_from: str) -> None:
        self.records, self.objects = records, objects
        self.uploads_to, self.downloads_from = uploads_to, downloads_from

    def patch_presign_upload_url(self, handler: Handler, model: Json, key: str) -> Json:
        return {**model, "presigned_upload_url": self._put_url(key)}

    def patch_presign_download_url(self, handler: Handler, model: Json, key: str) -> Json:
        url = f"{self.downloads_from}/objects/{quote(key)}" if self.downloads_from else self.objects.sign("GET", key)
        return {**model, "presigned_download_url": url}

    def patch_start_upload(self, handler: Handler, model: Json, key: str) -> Json:
        return self.records.touch(model, upload_status="uploading", upload_started_at=now())

    def patch_finish_upload(self, handler: Handler, model: Json, key: str) -> Json:
        body = handler.json()
        if body["status"] not in ("success", "failed"):
            raise ApiError(400, f"unknown status: {body['status']}")
        reason = body.get("reason") or ""
        finished = {"upload_status": body["status"], "upload_finished_at": now(), "upload_finished_reason": reason}
        return self.records.touch(model, **finished)

    def patch_start_multipart_upload(self, handler: Handler, model: Json, key: str) -> Json:
        return {**model, "upload_id": self.objects.bucket.start(key)}

    def patch_presign_multipart_upload_url(self, handler: Handler, model: Json, key: str) -> Json:
        body = handler.json()
        number = int(body["part_number"])
        if not 1 <= number <= 10000:
            raise ApiError(400, "part number must be an integer between 1 and 10000")
        return {**model, "presigned_upload_url": self._put_url(key, uploadId=body["upload_id"], partNumber=number)}

    def patch_complete_multipart_upload(self, handler: Handler, model: Json, key: str) -> Json:
        body = handler.json()
        if not self.uploads_to:
            parts = [(int(part["part_number"]), str(part["etag"])) for part in body["parts"]]
            self.objects.bucket.complete(key, body["upload_id"], parts)
        return model

    def put_upload(self, handler: Handler, model: Json, key: str) -> None:
        self.records.touch(model, upload_status="uploading", upload_started_at=now())
        try:
            self.objects.bucket.put(key, handler.body())
        except IncompleteError:
            self.records.touch(model, upload_status="failed", upload_finished_reason="unexpected EOF")
            raise
        self.records.touch(model, upload_status="success")
        handler.reply(200)

    def get_download(self, handler: Handler, model: Json, key: str) -> None:
        try:
            file = self.objects.bucket.path(key).open("rb")
        except OSError:
            handler.reply_json(500, {"error": "The specified key does not exist."})
            return
        with file:
            handler.begin(200, {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"})
            while data := file.read(1 << 16):
                handler.wfile.write(f"{len(data):x}\r\n".encode())
                handler.write(data)
                handler.wfile.write(b"\r\n")
            handler.wfile.write(b"0\r\n\r\n")

    def _put_url(self, key: str, **query: Any) -> str:
        if self.uploads_to:
            return f"{self.uploads_to}/objects/{quote(key)}?partNumber={query.get('partNumber', 1)}"
        return self.objects.sign("PUT", key, **query)
