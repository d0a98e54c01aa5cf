"""Remote: the registry as the engine sees it. One function per endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from modelsync_jupyter.core.errors import Conflict, InvalidReply, RemoteNotFound
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.wire import API, CreateModelJSON, Extension, model_path, models_path, repository_path

from ..http import COMPLETE_TIMEOUT, Http
from .replies import Download, Page, RemoteModel, items, mapping, parse_download, parse_model

_PAGE = 100


class Remote:
    """A registry that speaks BentoCloud's REST API.

    Args:
        http: Who talks to it.
    """

    def __init__(self, http: Http) -> None:
        self.http = http

    def current_user(self) -> Mapping[str, Any]:
        """Whose token it is; a cheap check that it is good."""
        return mapping(self.http.call("GET", f"{API}/auth/current"))

    def ensure_repository(self, name: str) -> bool:
        """Make sure that models of a name can be pushed; says whether the registry knows our extension."""
        try:
            found = self.http.call("GET", repository_path(name))
        except RemoteNotFound:
            body = {"name": name, "description": "", "labels": []}
            try:
                found = self.http.call("POST", repository_path(), body)
            except Conflict:  # somebody else was faster
                found = self.http.call("GET", repository_path(name))
        return bool(mapping(found).get("modelsync"))

    def model(self, tag: Tag) -> RemoteModel | None:
        """One version, or None."""
        try:
            found = parse_model(self.http.call("GET", model_path(tag)), tag.name)
        except RemoteNotFound:
            return None
        if found.tag != tag:
            raise InvalidReply(f"The registry was asked for `{tag}` and answered with `{found.tag}`.")
        return found

    def latest(self, name: str) -> RemoteModel | None:
        """The newest complete version by the time it was made, or None."""
        return max(
            (model for model in self.versions(name) if model.complete),
            key=lambda model: model.creation_time,
            default=None,
        )

    def versions(self, name: str, *, query: str = "", limit: int | None = None) -> list[RemoteModel]:
        """Versions of one name, newest first as the registry sorts them; [] where it knows no such name."""
        with suppress(RemoteNotFound):
            page = self._page(models_path(name), {"q": query} if query else {}, 0, limit, name)
            return list(page.items)
        return []

    def models(self, *, search: str = "", query: str = "", start: int = 0, limit: int | None = None) -> Page:
        """All models, or some of them.

        Args:
            search: Part of a name.
            query: BentoCloud's query: words, `label:key=value`, `module:`, `creator:`, `sort:` and so on.
            start: How many to pass over.
            limit: How many at most.
        """
        params = {key: value for key, value in (("search", search), ("q", query)) if value}
        return self._page(f"{API}/models", params, start, limit)

    def create_model(self, tag: Tag, body: CreateModelJSON) -> RemoteModel:
        """Register a version that has no bytes yet; one that is registered already is fine."""
        try:
            return parse_model(self.http.call("POST", models_path(tag.name), body), tag.name)
        except Conflict:
            if found := self.model(tag):
                return found
            raise

    def start_upload(self, tag: Tag) -> None:
        """Say that bytes will come."""
        self.http.call("PATCH", model_path(tag, "start_upload"))

    def finish_upload(self, tag: Tag, status: str, reason: str = "") -> RemoteModel:
        """Say how it went: "success" makes the version visible."""
        body = {"status": status, "reason": reason}
        path = model_path(tag, "finish_upload")
        return parse_model(self.http.call("PATCH", path, body, timeout=COMPLETE_TIMEOUT), tag.name)

    def start_multipart(self, tag: Tag, extension: Extension | None = None) -> tuple[str, set[int]]:
        """Begin a multipart upload.

        Args:
            tag: The version.
            extension: Our extension, for a registry that knows it.

        Returns:
            Its id, and the numbers of the parts that are there already.
        """
        body = {"modelsync": extension} if extension else None
        reply = mapping(self.http.call("PATCH", model_path(tag, "start_multipart_upload"), body))
        upload_id = reply.get("upload_id")
        if not upload_id:
            raise InvalidReply("The registry began an upload but gave it no id.")
        present = mapping(reply.get("modelsync") or {}).get("present") or []
        return str(upload_id), {number for number in items({"items": present}) if type(number) is int}

    def presign_part(self, tag: Tag, upload_id: str, number: int) -> str:
        """A URL to PUT one part to."""
        body = {"upload_id": upload_id, "part_number": number}
        path = model_path(tag, "presign_multipart_upload_url")
        return _url(self.http.call("PATCH", path, body), "presigned_upload_url")

    def complete_multipart(self, tag: Tag, upload_id: str, etags: Mapping[int, str]) -> None:
        """Put the parts together.

        Args:
            tag: The version.
            upload_id: The upload.
            etags: For each part number the ETag its PUT was answered with, quotes and all.
        """
        parts = [{"part_number": number, "etag": etags[number]} for number in sorted(etags)]
        path = model_path(tag, "complete_multipart_upload")
        self.http.call("PATCH", path, {"parts": parts, "upload_id": upload_id}, timeout=COMPLETE_TIMEOUT)

    def presign_upload(self, tag: Tag) -> str:
        """A URL to PUT the whole archive to, or "" where the registry wants it through its API."""
        reply = mapping(self.http.call("PATCH", model_path(tag, "presign_upload_url")))
        url = str(reply.get("presigned_upload_url") or "")
        return url if url != "None" else ""

    def presign_download(self, tag: Tag) -> Download:
        """Where to download the archive."""
        return parse_download(self.http.call("PATCH", model_path(tag, "presign_download_url")))

    def _page(self, path: str, params: Mapping[str, Any], start: int, limit: int | None, name: str = "") -> Page:
        found: list[RemoteModel] = []
        total = 0
        while limit is None or len(found) < limit:
            count = _PAGE if limit is None else min(_PAGE, limit - len(found))
            reply = self.http.call("GET", path, params={**params, "start": start + len(found), "count": count})
            some = [parse_model(item, name) for item in items(reply)]
            found += some
            said, seen = reply.get("total"), start + len(found) if some else 0
            total = max(said if isinstance(said, int) else 0, seen)
            if not some or seen >= total:
                break
        return Page(tuple(found), total)


def _url(reply: object, key: str) -> str:
    url = mapping(reply).get(key)
    if not isinstance(url, str) or not url:
        raise InvalidReply("The registry gave no URL to send to.")
    return url
