"""Writing the archive of a version: three ways to send bytes, behind one `Upload`.

Our own registry is told every part first, and asks only for those that it lacks. Other registries take a multipart
upload in larger units (each unit costs an API call), or the whole archive in one request. What is sent is the same in
all cases: the archive's description, and behind it the body.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from modelsync_jupyter.archive.description import Description, digest_bytes
from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.archive.unread import Unread, sliced
from modelsync_jupyter.core.errors import (
    Cancelled,
    Conflict,
    IntegrityError,
    InvalidReply,
    ModelSyncError,
    UploadLost,
    UrlExpired,
)
from modelsync_jupyter.core.parts import MIB, MIN_RUN, Part, from_sizes, gather, parts_json
from modelsync_jupyter.info import ModelInfo
from modelsync_jupyter.wire import (
    FAILED,
    PRESIGNED,
    PROXY,
    PUT_HEADERS,
    SUCCESS,
    CreateModelJSON,
    Extension,
    format_time,
    labels_json,
    manifest_json,
    model_path,
)

from ..protocol import HandOff, Notes, Read
from .client import Remote
from .reading import RemoteArchive
from .replies import RemoteModel
from .units import cut_units, later_size

#: Bytes of neighbouring parts that travel in one request to our own registry. It keeps those that have arrived.
_LONGEST_RUN = 32 * MIB

OpenNotes = Callable[[Mapping[str, Any]], Notes]


class Version(NamedTuple):
    """What is pushed.

    Args:
        info: What its model.yaml says; its tag names the version.
        size: Bytes in its files.
        description: Its archive.
        finish: Waits for the digests, where they are not in `description` yet, and returns it with them.
        state: What its upload is known by when it is resumed; by default its content digest.
    """

    info: ModelInfo
    size: int
    description: Description
    finish: Callable[[], Description] | None = None
    state: str = ""


def open_upload(
    remote: Remote,
    version: Version,
    there: RemoteModel | None,
    *,
    notes: OpenNotes,
    threads: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Upload:
    """Begin an upload, or resume one: register the version, and choose how its bytes travel.

    Args:
        remote: The registry.
        version: What is pushed.
        there: The registry's record of it; an archive that is there is replaced when the new one is complete.
        notes: Opens what an earlier attempt at this upload noted; called where a registry forgets what it received.
        threads: How many write at the same time.
        check: Called before the last step; may raise to stop.
    """
    info = version.info
    extended = remote.ensure_repository(info.tag.name)
    kind: type[Upload] = OwnUpload
    if not extended:
        body: CreateModelJSON = {
            "version": str(info.tag.version),
            "description": info.description,
            "manifest": manifest_json(info, version.size),
            "build_at": format_time(info.creation_time),
            "labels": labels_json(info.labels),
        }
        there = there or remote.create_model(info.tag, body)
        kind = MultipartUpload if there.strategy == PRESIGNED else WholeUpload
    if version.finish and kind is not MultipartUpload:
        version = version._replace(description=version.finish())
    upload = kind(remote, version, there, notes, threads, check)
    upload.begin()
    return upload


class Upload(ABC):
    """A version on its way to a registry; a `Target` once it has begun.

    Args:
        remote: The registry.
        version: What is pushed.
        record: The registry's record of it; None where our own registry has none yet.
        notes: Opens what an earlier attempt at this upload noted.
        threads: How many write at the same time.
        check: Called before the last step; may raise to stop.
    """

    ordered = False

    def __init__(
        self,
        remote: Remote,
        version: Version,
        record: RemoteModel | None,
        notes: OpenNotes,
        threads: int,
        check: Callable[[], None],
    ) -> None:
        self._remote, self._version = remote, version
        self._strategy = record.strategy if record else ""
        self._replaces = record is not None and record.complete  # the old copy can be used until the new one is there
        self._open_notes, self._threads, self._check = notes, threads, check
        self._tag, self._id = version.info.tag, ""
        self._header = version.description.header()
        self._named = ""  # id of the upload, for a registry that is to be told which one is meant
        self.present: set[int] = set()
        #: URLs that were signed ahead, used once, and whether they lead to the store of blobs, whose ETags are its own.
        self._urls: dict[int, str] = {}
        self._direct = False
        self._headers: Mapping[str, str] = {}  # what that store wants along
        self.grain = max((part.size for part in version.description.parts), default=0)

    @abstractmethod
    def begin(self) -> None:
        """Ask the registry how and what to send."""

    @abstractmethod
    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None: ...

    @abstractmethod
    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None: ...

    @abstractmethod
    def publish(self) -> None: ...

    def give_up(self, error: ModelSyncError) -> None:
        """Mark the version as failed, unless the push can resume later or an older copy is still there to be used."""
        resumes = error.retryable and not isinstance(error, IntegrityError)
        if resumes or self._replaces or isinstance(error, (Cancelled, UploadLost)):
            return
        with suppress(ModelSyncError):
            self._remote.finish_upload(self._tag, FAILED, f"{error.code}: {error.message}", self._named)

    def close(self) -> None:
        """Release what it holds open: nothing, unless a kind of upload says otherwise."""
        return

    def _url_of(self, number: int) -> str:
        """Return where a part goes, which the registry may have said beforehand."""
        return self._urls.pop(number, "") or self._remote.presign_part(self._tag, self._id, number)

    def _put_part(self, number: int, size: int, views: Iterable[memoryview], etag: str = "", url: str = "") -> str:
        """Send one part of a multipart upload; returns its ETag.

        Args:
            number: Which.
            size: Its bytes.
            views: Its bytes, in order.
            etag: What its ETag must be, where that is known.
            url: Where to, or "" to ask for that.

        Raises:
            IntegrityError: It has another ETag.
        """
        url = url or self._url_of(number)
        found = self._remote.http.put(url, _Body(size, views), self._headers)
        if not found:
            raise InvalidReply("The object host did not say the ETag of a part.")
        if etag and not self._direct and found.strip('"') != etag.strip('"'):
            raise IntegrityError(f"The registry stored part {number} under another digest.")
        return found

    def _complete(self, etags: Mapping[int, str]) -> None:
        self._check()
        try:
            self._remote.complete_multipart(self._tag, self._id, etags)
        except (UploadLost, Conflict):
            if not self._has_arrived():
                raise
        self._check()
        self._remote.finish_upload(self._tag, SUCCESS, upload_id=self._named)

    def _has_arrived(self) -> bool:
        """Return whether the upload was completed before, and only the answer was lost: this very archive is there."""
        with suppress(ModelSyncError):
            if record := self._remote.model(self._tag):
                found = RemoteArchive(self._remote, record).description
                return found is not None and found.parts == self._version.description.parts
        return False


class OwnUpload(Upload):
    """An upload to our own registry, which knows parts by their digests.

    The archive's description travels as part 0 of it, so that the registry counts one further: its part 1.
    """

    def begin(self) -> None:
        """Tell the registry every part, and hear which of them it has."""
        version, description = self._version, self._version.description
        own = from_sizes(
            [len(self._header), *(part.size for part in description.parts)],
            [digest_bytes(self._header), *(part.digest for part in description.parts)],
        )
        extension: Extension = {
            "cut": CUT,
            "content_digest": description.digest,
            "description": version.info.description,
            "parts": parts_json(own),
            "manifest": manifest_json(version.info, version.size),
            "labels": labels_json(version.info.labels),
            "build_at": format_time(version.info.creation_time),
            "direct": True,
            "headers": list(PUT_HEADERS),
            "threads": self._threads,
        }
        try:
            begun = self._remote.start_multipart(self._tag, extension)
        except Conflict:
            if not self._remote.model(self._tag):
                raise
            begun = self._remote.start_multipart(self._tag, extension)  # another client registered it meanwhile
        self._id, self._urls, self._runs, self._headers = begun.id, begun.urls, begun.runs, begun.headers
        self._lasts = begun.lasts
        self._direct = bool(self._urls)
        self._named = self._id
        self._etags = {part.number: f'"{part.digest.partition(":")[2]}"' for part in own}
        self._has_header = 1 in begun.present
        self.present = {number - 1 for number in begun.present if number > 1}
        if self._direct:
            objects = list(self._objects(part for part in description.parts if part.number not in self.present))
            self.grain = max(self.grain, later_size(objects)) if objects else self.grain

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off runs of neighbours, or what is one object in the store of blobs; send the description."""
        longest = min(_LONGEST_RUN, max(MIN_RUN, self._version.description.layout.size // 20))
        for run in gather(parts, self._threads, longest, longest) if self._runs else self._objects(parts):
            hand_off(run)
        if not self._has_header and self._lasts.get(1, 1) == 1:
            header = Part(0, 0, len(self._header))
            self._remote.http.retry.run(partial(self.write, (header,), [memoryview(self._header)]))

    def _objects(self, parts: Iterable[Part]) -> Iterator[tuple[Part, ...]]:
        """Gather missing parts into what the registry takes as one object."""
        run: list[Part] = []
        last = self._lasts.get(1, 1)  # the description may be in front of the first ones
        for part in parts:
            if part.number + 1 > last:
                if run:
                    yield tuple(run)
                run, last = [], self._lasts.get(part.number + 1, part.number + 1)
            run.append(part)
        if run:
            yield tuple(run)

    def write(self, parts: tuple[Part, ...], views: Iterable[memoryview]) -> None:
        """Send neighbouring parts, whose digests the registry checks one by one; to the store of blobs all or none."""
        first, last, size = parts[0].number + 1, parts[-1].number + 1, parts[-1].stop - parts[0].start
        if self._direct:
            if first == 2 and self._lasts.get(1, 1) > 1:
                first, size, views = 1, size + len(self._header), chain([memoryview(self._header)], views)
            self._put_part(first, size, views)
            self.present.update(part.number for part in parts if part.number)
            return
        url, _, signature = self._runs.partition("?")
        try:
            self._put_part(last, size, views, self._etags[last], url and f"{url}/{first}-{last}?{signature}")
        except UrlExpired:
            if self._runs:
                self._runs = self._remote.presign_part(self._tag, self._id, first, runs=True)
            raise
        self.present.update(part.number for part in parts if part.number)  # 0 is the description

    def publish(self) -> None:
        self._complete(self._etags)


class MultipartUpload(Upload):
    """A multipart upload as S3 has it. Its id and ETags are noted, since the registry will not say them again.

    While a thread sends a unit, the registry is asked for the URL of one that is sent later, where it is another host
    than takes the bytes: neither has more requests at a time than there are threads.
    """

    def begin(self) -> None:
        """Resume the upload that was noted, or begin one; an older copy can be used until the new one is there."""
        description, state = self._version.description, self._version.state
        self._notes = self._open_notes({"state": state} if state else {"digest": description.digest})
        self._resumed = bool(self._notes.notes)
        self._id, edges, self._etags = _noted(self._notes)
        if not self._replaces:
            self._remote.start_upload(self._tag)
        if not self._id:
            self._id = self._remote.start_multipart(self._tag).id
            edges = [unit[-1].number for unit in cut_units(description.parts, self._threads)]
            self._notes.add(upload_id=self._id, edges=edges)
        self._units = [description.parts[start:stop] for start, stop in pairwise([0, *edges])]
        self.grain = later_size(self._units)
        self.present = {part.number for number in self._etags for part in self._units[number - 1]}
        self._asking: dict[int, threading.Thread] = {}

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off whole units: every unit but the last is as long as S3 asks for.

        The first one, which has the digests, comes when three quarters are on their way: a thread that took it before
        they are known would wait for them.
        """
        numbers = [number for number in range(1, len(self._units) + 1) if number not in self._etags]
        if numbers and numbers[0] == 1:
            numbers.insert(max(self._threads, len(numbers) * 3 // 4), numbers.pop(0))
        self._later = iter(numbers[self._threads :])
        for number in numbers:
            hand_off(self._units[number - 1])

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        number = self._units.index(parts) + 1
        size, bytes_ = sum(part.size for part in parts), views
        if asking := self._asking.pop(number, None):
            asking.join()
        try:
            if number == 1:  # before its URL is asked for, which may expire while digests are waited for
                header = self._finish()
                size, bytes_ = size + len(header), chain([memoryview(header)], views)
            url = self._url_of(number)
            asking = self._ask_ahead(url)
            etag = self._put_part(number, size, bytes_, url=url)
            if asking:
                asking.join()
        except (UploadLost, Conflict) as error:
            raise self._lost(error) from error
        self._etags[number] = etag
        self._notes.add(part=number, etag=etag)
        self.present.update(part.number for part in parts)

    def publish(self) -> None:
        try:
            self._complete(self._etags)
        except (UploadLost, Conflict) as error:
            raise self._lost(error) from error
        self._notes.remove()

    def close(self) -> None:
        """Keep what was noted for the next attempt."""
        self._notes.close()

    def _ask_ahead(self, url: str) -> threading.Thread | None:
        """Begin to ask for the URL of a unit that is sent later, unless it is the same host that takes the bytes.

        Args:
            url: Where bytes go.
        """
        is_one_host = urlsplit(url)[:2] == urlsplit(self._remote.http.endpoint)[:2]
        number = 0 if is_one_host else next(self._later, 0)

        def ask() -> None:
            with suppress(ModelSyncError):  # who sends it asks again, and tells what is wrong
                self._urls[number] = self._remote.presign_part(self._tag, self._id, number)

        if not number:
            return None
        asking = threading.Thread(target=ask, name="modelsync-ask", daemon=True)
        asking.start()
        self._asking[number] = asking  # who sends that unit finds only what can be joined, or asks as well
        return asking

    def _finish(self) -> bytes:
        """Return what comes before the body, when all digests are known."""
        if self._version.finish:
            description = self._version.finish()
            self._version = self._version._replace(description=description, finish=None)
            self._header = description.header()
        return self._header

    def _lost(self, error: ModelSyncError) -> ModelSyncError:
        """Tell what a refusal of the upload means: one that an earlier attempt left may have expired."""
        self._notes.remove()
        return UploadLost("The registry has given up the interrupted upload.") if self._resumed else error


class WholeUpload(Upload):
    """The whole archive in one request: through the API, or to a presigned URL. It cannot be resumed."""

    def begin(self) -> None:
        """Ask for a URL, unless the bytes go through the API."""
        self.grain = self._version.description.layout.size
        self._url = self._remote.presign_upload(self._tag) if self._strategy != PROXY else ""
        if not (self._url and self._replaces):
            self._remote.start_upload(self._tag)

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off everything as one write."""
        hand_off(tuple(parts))

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        body = _Body(len(self._header) + sum(part.size for part in parts), chain([memoryview(self._header)], views))
        if self._url:
            self._remote.http.put(self._url, body)
        else:
            self._remote.http.put_api(model_path(self._tag, "upload"), body)
        self.present.update(part.number for part in parts)

    def publish(self) -> None:
        self._check()
        if self._url:
            self._remote.finish_upload(self._tag, SUCCESS)
        found = self._remote.model(self._tag)
        if found is None or not found.complete:
            raise InvalidReply(f"The registry took all bytes of `{self._tag}` but does not call them complete.")


class _Body:
    """Views as something `requests` can send: `__len__` makes it say Content-Length, which S3 insists on."""

    def __init__(self, size: int, views: Iterable[memoryview | Unread]) -> None:
        self._size, self._views = size, views

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview | Unread]:
        for view in self._views:
            yield from [view] if isinstance(view, Unread) else sliced(view)


def _noted(notes: Notes) -> tuple[str, list[int], dict[int, str]]:
    """Return the id of a noted upload, the numbers of the parts with which its units end, and the ETags of units."""
    upload_id = ""
    edges: list[int] = []
    etags: dict[int, str] = {}
    for note in notes.notes:
        if "upload_id" in note:
            upload_id, edges = str(note["upload_id"]), list(note["edges"])
        elif "part" in note:
            etags[int(note["part"])] = str(note["etag"])
    return upload_id, edges, etags
