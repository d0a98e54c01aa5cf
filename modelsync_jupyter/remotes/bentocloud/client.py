"""Remote: a registry as its clients see it. One function per endpoint; `replies` checks what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from modelsync_jupyter.core.errors import Conflict, InvalidReply, ModelSyncError, RemoteNotFound
from modelsync_jupyter.core.parts import PartJSON
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.wire import (
    API,
    PRESENT,
    PROTOCOL,
    PUT_HEADERS,
    CreateModelJSON,
    Extension,
    model_path,
    models_path,
    page_path,
    repository_path,
)

from ..http import Absent, Http
from .replies import Begun, Download, Page, RemoteModel, items, mapping, parse_begun, parse_download, parse_model

#: Models in one reply of a list, and replies after which a list that does not end is given up.
PAGE, PAGES = 250, 1000
#: Versions to look at for the newest: one is enough unless uploads are under way.
_NEWEST = 10
#: Bytes of the reply that describes a download: it names every file and every part.
_LARGEST_DOWNLOAD = 32 << 20


class Remote:
    """A registry that speaks BentoCloud's REST API.

    Args:
        http: Requests to it.
        page: Models to ask for at once.
        pages: How often to ask for more before a list counts as endless.
    """

    def __init__(self, http: Http, page: int = PAGE, pages: int = PAGES) -> None:
        self.http = http
        self.answers_ranges = True  # until an archive of it, which it described, was sent as a whole
        self._count, self._pages = page, pages
        self._repository: object = None  # as the registry last described one
        self._absent: dict[str, Absent] = {}  # names of which it said that there is no repository

    def current_user(self) -> Mapping[str, Any]:
        """Ask whose token it is; a cheap check that it is valid."""
        return mapping(self.http.call("GET", f"{API}/auth/current"))

    def ensure_repository(self, name: str) -> bool:
        """Make sure that models of a name can be pushed, and return whether the registry knows our extension.

        One that knows an older form of it is pushed to as any other. It is not asked where it has just described the
        repository together with a version, or with the lack of one.
        """
        known = self._repository
        if not isinstance(known, Mapping) or known.get("name") != name:
            found = self._absent.get(name) or self.http.call("GET", repository_path(name), absent=True)
            if isinstance(found, Absent):
                body = {"name": name, "description": "", "labels": []}
                try:
                    found = self.http.call("POST", repository_path(), body)
                except Conflict:  # another client registered it meanwhile
                    found = self.http.call("GET", repository_path(name))
            self._repository = known = mapping(found)
        number = mapping(known.get("modelsync") or {}).get("protocol")
        return isinstance(number, int) and number >= PROTOCOL

    def page(self, tag: Tag) -> str:
        """Return the address where people see a version, or "".

        The registry says of a repository whether it has pages, but not where.
        """
        said = self._repository.get("modelsync") if isinstance(self._repository, Mapping) else None
        has_page = isinstance(said, Mapping) and said.get("page") is True
        return f"{self.http.endpoint}{page_path(tag)}" if has_page else ""

    def model(self, tag: Tag, *, alias: bool = False) -> RemoteModel | None:
        """Ask for one version; None where the registry has no such record.

        Args:
            tag: The version.
            alias: Whether it may be an alias; then the answer has the tag of the version that it points at.

        Raises:
            Conflict: It is an alias and must not be.
        """
        reply = self.http.call("GET", model_path(tag), absent=True)
        if isinstance(reply, Absent):
            self._repository = reply.get("repository", self._repository)
            if "repository" in reply and self._repository is None:
                self._absent[tag.name] = reply
            return None
        found = parse_model(reply, tag.name)
        self._repository = reply.get("repository")
        if found.tag != tag and found.alias == tag.version and found.tag.name == tag.name:
            if alias:
                return found
            raise Conflict(f"`{tag}` is an alias of `{found.tag}` in the registry.", "Choose another version.")
        if found.tag != tag:
            raise InvalidReply(f"The registry was asked for `{tag}` and answered with `{found.tag}`.")
        return found

    def latest(self, name: str) -> RemoteModel | None:
        """Find the newest complete version by the time it was made, or None.

        Registries list the newest build first, uploads that are not complete among them, so that the first complete
        version of a small page is the answer. Only where a list is in another order is all of it read.
        """
        start, seen, total = 0, datetime.max.replace(tzinfo=timezone.utc), 1
        with suppress(RemoteNotFound):
            while start < total and start < self._count * self._pages:
                page = self._list(models_path(name), {}, start, _NEWEST if start == 0 else self._count, name)
                for model in page.items:
                    if model.creation_time > seen:
                        complete = [each for each in self.versions(name) if each.complete]
                        return max(complete, key=lambda each: each.creation_time, default=None)
                    if model.complete:
                        return model
                    seen = model.creation_time
                start, total = start + len(page.items), page.total if page.items else 0
        return None

    def versions(self, name: str, *, query: str = "", limit: int | None = None) -> list[RemoteModel]:
        """List versions of one name, newest first as the registry sorts them; [] where it knows no such name."""
        with suppress(RemoteNotFound):
            return list(self._all(models_path(name), {"q": query} if query else {}, 0, limit, name).items)
        return []

    def models(self, *, search: str = "", query: str = "", start: int = 0, limit: int | None = None) -> Page:
        """List all models, or some of them.

        Args:
            search: Part of a name.
            query: BentoCloud's query: words, `label:key=value`, `module:`, `creator:`, `sort:` and so on.
            start: How many to pass over.
            limit: How many at most.
        """
        params = {key: value for key, value in (("search", search), ("q", query)) if value}
        return self._all(f"{API}/models", params, start, limit)

    def create_model(self, tag: Tag, body: CreateModelJSON) -> RemoteModel:
        """Register a version that has no bytes yet, or find the one that is registered already."""
        try:
            return parse_model(self.http.call("POST", models_path(tag.name), body), tag.name)
        except Conflict:
            if found := self.model(tag):
                return found
            raise

    def start_upload(self, tag: Tag) -> None:
        """Tell the registry that bytes will come."""
        self.http.call("PATCH", model_path(tag, "start_upload"))

    def finish_upload(self, tag: Tag, status: str, reason: str = "", upload_id: str = "") -> RemoteModel:
        """Tell the registry how an upload ended: "success" makes the version visible.

        Args:
            tag: The version.
            status: "success" or "failed".
            reason: Why it failed.
            upload_id: Which upload, for a registry that knows our extension.
        """
        body: dict[str, Any] = {"status": status, "reason": reason}
        if upload_id:
            body["modelsync"] = {"upload_id": upload_id}
        path = model_path(tag, "finish_upload")
        return parse_model(self.http.call("PATCH", path, body, timeout=self.http.limits.answer), tag.name)

    def start_multipart(self, tag: Tag, extension: Extension | None = None) -> Begun:
        """Begin a multipart upload.

        Args:
            tag: The version.
            extension: Our extension, for a registry that knows it.
        """
        body = {"modelsync": extension} if extension else None
        return parse_begun(self.http.call("PATCH", model_path(tag, "start_multipart_upload"), body))

    def present(self, parts: list[PartJSON]) -> set[int] | None:
        """Ask which parts of an archive a push would not have to send, by their numbers; None where it cannot tell."""
        extension: Extension = {"parts": parts, "direct": True, "headers": list(PUT_HEADERS)}
        try:
            reply = mapping(self.http.call("POST", PRESENT, {"modelsync": extension}))
            numbers = mapping(reply.get("modelsync") or {}).get("present")
        except ModelSyncError:  # it is not ours, or older
            return None
        return {number for number in numbers if type(number) is int} if isinstance(numbers, list) else None

    def presign_part(self, tag: Tag, upload_id: str, number: int, *, runs: bool = False) -> str:
        """Ask for a URL to PUT one part to, or for the one for runs of them."""
        body = {"upload_id": upload_id, "part_number": number}
        path = model_path(tag, "presign_multipart_upload_url")
        reply = mapping(self.http.call("PATCH", path, body))
        url = mapping(reply.get("modelsync") or {}).get("runs") if runs else reply.get("presigned_upload_url")
        if not isinstance(url, str) or not url:
            raise InvalidReply("The registry gave no URL to send to.")
        return url

    def complete_multipart(self, tag: Tag, upload_id: str, etags: Mapping[int, str]) -> None:
        """Have the registry put the parts together.

        Args:
            tag: The version.
            upload_id: The upload.
            etags: For each part number the ETag its PUT was answered with, quotes and all.
        """
        parts = [{"part_number": number, "etag": etags[number]} for number in sorted(etags)]
        path = model_path(tag, "complete_multipart_upload")
        self.http.call("PATCH", path, {"parts": parts, "upload_id": upload_id}, timeout=self.http.limits.answer)

    def presign_upload(self, tag: Tag) -> str:
        """Ask for a URL to PUT the whole archive to; "" where the registry wants it through its API."""
        reply = mapping(self.http.call("PATCH", model_path(tag, "presign_upload_url")))
        url = str(reply.get("presigned_upload_url") or "")
        return url if url != "None" else ""

    def presign_download(self, tag: Tag, *, direct: bool = False, look: bool = False) -> Download:
        """Ask where to download the archive.

        Args:
            tag: The version.
            direct: Whether to ask for URLs of the store of blobs too, of a registry that knows our extension.
            look: Whether a registry that knows our extension is not to count it as a download.
        """
        path = model_path(tag, "presign_download_url")
        extension = {key: True for key, asked in (("direct", direct), ("spans", direct), ("look", look)) if asked}
        body = {"modelsync": extension} if extension else None
        return parse_download(self.http.call("PATCH", path, body, most=_LARGEST_DOWNLOAD))

    def _all(self, path: str, params: Mapping[str, Any], start: int, limit: int | None, name: str = "") -> Page:
        """Read a list page by page, to its end or as far as asked.

        Raises:
            InvalidReply: The list does not end, or says that it is longer than any can be.
        """
        found: dict[Tag, RemoteModel] = {}
        position = start
        for _ in range(self._pages):
            count = self._count if limit is None else min(self._count, limit - len(found))
            page = self._list(path, params, position, count, name)
            before, position = len(found), position + len(page.items)
            found.update((model.tag, model) for model in page.items)
            full = limit is not None and len(found) >= limit
            if full or not page.items or position >= page.total:
                return Page(tuple(found.values())[:limit], page.total)
            if len(found) == before or (limit is None and page.total > self._count * self._pages):
                break  # the same models again, or more than could be read
        raise InvalidReply("The registry's list of models does not end.")

    def _list(self, path: str, params: Mapping[str, Any], start: int, count: int, name: str) -> Page:
        """Read one page of a list. A registry that does not say the total is taken to have no more."""
        reply = self.http.call("GET", path, params={**params, "start": start, "count": count})
        some = tuple(parse_model(item, name) for item in items(reply))
        said = reply.get("total")
        return Page(some, max(said if isinstance(said, int) else 0, start + len(some) if some else 0))
