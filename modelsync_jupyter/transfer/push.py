"""Push: read parts straight from the model's files and send them. No archive file ever exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from modelsync_jupyter.archive.digest import digest_of
from modelsync_jupyter.core.errors import Cancelled, Conflict, IntegrityError, InvalidReply, ModelSyncError, UploadLost
from modelsync_jupyter.core.parts import MIB, MIN_UPLOAD, Part, group, parts_json
from modelsync_jupyter.remotes.bentocloud.replies import METADATA_KEY, RemoteModel
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.wire import (
    FAILED,
    PRESIGNED,
    PROXY,
    SUCCESS,
    CreateModelJSON,
    Extension,
    format_time,
    labels_json,
    manifest_json,
    model_path,
)

from .archive import RemoteArchive
from .body import PartBody
from .digests import digested_parts
from .journal import Journal
from .run import Run

_LONGEST = 64 * MIB


def push(run: Run, model: Model, there: RemoteModel | None) -> None:
    """Send a model and make it visible when all of it has arrived.

    Args:
        run: The attempt.
        model: What to send.
        there: What the registry has under its tag; it is replaced.

    Raises:
        ModelSyncError: It did not work; the registry shows what it showed before.
    """
    try:
        Push(run, model, there).carry_out()
    except UploadLost:
        Push(run.again(), model, there).carry_out()


class Push:
    """One push.

    Args:
        run: The attempt.
        model: What to send.
        there: What the registry has under its tag.
    """

    def __init__(self, run: Run, model: Model, there: RemoteModel | None) -> None:
        self.run, self.model, self.there = run, model, there
        self.remote, self.tag = run.remote, model.tag
        self.replaces = there is not None and there.complete

    def carry_out(self) -> None:
        """Hash, register, send, publish."""
        extended = self.remote.ensure_repository(self.tag.name)
        parts = digested_parts(self.run, self.model)
        strategy = self._register(parts, extended)
        self.run.counter.begin("sending", self.model.source.size)
        try:
            if extended:
                self._send_to_ours(parts)
            elif strategy == PRESIGNED:
                self._send_multipart(parts)
            else:
                self._send_whole(strategy)
        except Cancelled:
            raise
        except ModelSyncError as error:
            self._give_up(error)
            raise

    def _register(self, parts: Sequence[Part], extended: bool) -> str:
        """Create the record if there is none; returns how its bytes travel."""
        if self.there:
            _check_metadata(self.there, self.model, parts, extended)
            return self.there.strategy
        info = self.model.info
        manifest = manifest_json(info, self.model.size)
        if not extended:
            manifest["metadata"][METADATA_KEY] = {"parts": parts_json(parts), "digest": digest_of(parts)}
        body: CreateModelJSON = {
            "version": str(self.tag.version),
            "description": "",
            "manifest": manifest,
            "build_at": format_time(info.creation_time),
            "labels": labels_json(info.labels),
        }
        return self.remote.create_model(self.tag, body).strategy

    def _send_to_ours(self, parts: Sequence[Part]) -> None:
        info = self.model.info
        extension: Extension = {
            "parts": parts_json(parts),
            "manifest": manifest_json(info, self.model.size),
            "labels": labels_json(info.labels),
            "build_at": format_time(info.creation_time),
        }
        self.remote.start_upload(self.tag)
        upload_id, present = self.remote.start_multipart(self.tag, extension)
        etags = {part.number: f'"{part.digest.partition(":")[2]}"' for part in parts}
        with self.run.pool() as pool:
            for part in parts:
                if part.number in present:
                    self.run.counter.add(part.size, reused=True)
                else:
                    pool.submit(partial(self._send_part, upload_id, part, etags))
        self._publish(upload_id, etags)

    def _send_multipart(self, parts: Sequence[Part]) -> None:
        units = group(parts, _unit_size(self.model.source.size))
        about = {"push": str(self.tag), "endpoint": self.run.context.endpoint, "digest": digest_of(parts)}
        journal = Journal(self.run.home.state / "journals" / f"{self.run.journal_name('push', self.tag)}.jsonl", about)
        if not self.replaces:
            self.remote.start_upload(self.tag)
        upload_id, etags = _resumed(journal)
        if not upload_id:
            upload_id, _ = self.remote.start_multipart(self.tag)
            journal.add(upload_id=upload_id)
        try:
            with self.run.pool() as pool:
                for unit in units:
                    if unit.number in etags:
                        self.run.counter.add(unit.size, reused=True)
                    else:
                        pool.submit(partial(self._send_part, upload_id, unit, etags, journal=journal))
            self._publish(upload_id, etags)
        except (UploadLost, Conflict) as error:
            journal.remove()
            if journal.notes:  # what a former attempt left may have expired
                raise UploadLost("The registry has given up the interrupted upload.") from error
            raise
        finally:
            journal.close()
        journal.remove()

    def _send_part(
        self, upload_id: str, part: Part, etags: dict[int, str], buffer: bytearray, journal: Journal | None = None
    ) -> None:
        def attempt() -> str:
            url = self.remote.presign_part(self.tag, upload_id, part.number)
            with PartBody(self.run, self.model.source, part, buffer) as body:
                etag = self.remote.http.put(url, body)
                if part.digest and etag.strip('"') != etags[part.number].strip('"'):
                    raise IntegrityError(f"The registry stored part {part.number} under another digest.")
            return etag

        etag = self.run.retry.run(attempt)
        if not etag:
            raise InvalidReply("The object host did not say the ETag of a part.")
        etags[part.number] = etag
        if journal:
            journal.add(part=part.number, etag=etag)

    def _send_whole(self, strategy: str) -> None:
        source = self.model.source
        whole = Part(1, 0, source.size)
        url = self.remote.presign_upload(self.tag) if strategy != PROXY else ""
        if not (url and self.replaces):  # the old copy is there to be used until the new one is
            self.remote.start_upload(self.tag)

        def attempt() -> None:
            with PartBody(self.run, source, whole, bytearray(1 << 20)) as body:
                if url:
                    self.remote.http.put(url, body, timeout=600.0)
                else:
                    self.remote.http.put_api(model_path(self.tag, "upload"), body)

        self.run.retry.run(attempt)
        source.check_unchanged()
        if url:
            self.remote.finish_upload(self.tag, SUCCESS)
        self._check_visible()

    def _publish(self, upload_id: str, etags: Mapping[int, str]) -> None:
        self.run.counter.begin("finishing")
        self.model.source.check_unchanged()
        self.run.stop.check()
        try:
            self.remote.complete_multipart(self.tag, upload_id, etags)
        except (UploadLost, Conflict):
            if not self._has_arrived():
                raise
        self.run.stop.check()
        self.remote.finish_upload(self.tag, SUCCESS)

    def _has_arrived(self) -> bool:
        """Whether the upload was completed before, and only the answer was lost: its object is there."""
        if self.replaces:
            return False
        with suppress(ModelSyncError):
            found = RemoteArchive(self.run, self.tag, PRESIGNED)
            head = self.model.source.blocks(Part(1, 0, len(found.head)), bytearray(len(found.head)))
            return found.size == self.model.source.size and found.head == b"".join(head)
        return False

    def _check_visible(self) -> None:
        found = self.remote.model(self.tag)
        if found is None or not found.complete:
            raise InvalidReply(f"The registry took all bytes of `{self.tag}` but does not call them complete.")

    def _give_up(self, error: ModelSyncError) -> None:
        """Tell the registry, unless the push can go on later or an older copy is still there to be used."""
        goes_on = error.retryable and not isinstance(error, IntegrityError)
        if goes_on or self.replaces or isinstance(error, UploadLost):
            return
        with suppress(ModelSyncError):
            self.run.again().remote.finish_upload(self.tag, FAILED, f"{error.code}: {error.message}")


def _check_metadata(there: RemoteModel, model: Model, parts: Sequence[Part], extended: bool) -> None:
    """See that the digests in a foreign registry's record, which nobody can change, will not refuse these bytes."""
    same_time = int(there.creation_time.timestamp()) == model.source.mtime
    if not extended and there.parts and same_time and digest_of(there.parts) != digest_of(parts):
        raise Conflict(
            f"The registry keeps digests of other bytes for `{model.tag}`, and has no way to change them.",
            step="Save the model as a new version and push that.",
        )


def _unit_size(size: int) -> int:
    """Bytes that travel in one request to a foreign registry: each request costs its API another one."""
    return min(_LONGEST, max(MIN_UPLOAD, size // 20))


def _resumed(journal: Journal) -> tuple[str, dict[int, str]]:
    upload_id = ""
    etags: dict[int, str] = {}
    for note in journal.notes:
        if "upload_id" in note:
            upload_id = str(note["upload_id"])
        elif "part" in note:
            etags[int(note["part"])] = str(note["etag"])
    return upload_id, etags
