"""Publish an upload: switch bytes, manifest, labels and build time of a version in one transaction.

An upload is finished, and given up, by the user who began it. Our clients name the upload. Stock ones do not: then it
is the last one of this client, see `last_upload`; those that it does not mean stay as they are, until they expire.
"""

from __future__ import annotations

from sqlalchemy import Connection

from .catalog import events, tables, uploads
from .catalog.archives import digest_of_archive
from .catalog.database import now
from .catalog.history import Deed, release_archive, remember
from .catalog.labels import replace_labels
from .catalog.models import find_model, manifest_columns, set_model
from .catalog.repositories import touch_repository
from .catalog.rows import ModelRow, UploadRow
from .catalog.users import Caller
from .catalog.words import UploadState, UploadStatus
from .errors import BadRequest
from .security import access


def publish(connection: Connection, caller: Caller, name: str, version: str, uid: str = "") -> None:
    """Make a complete upload of a version visible; to say so again changes nothing.

    Args:
        connection: A write.
        caller: Who began the upload.
        name: Name of the repository.
        version: The version.
        uid: The upload; by default the caller's last complete one.

    Raises:
        NotFound: There is no such version, or no such upload of this caller.
        BadRequest: The upload is not complete.
        Forbidden: Somebody else has published the version meanwhile.
    """
    model = find_model(connection, name, version, lock=True)
    upload = _meant(connection, model, caller, uid, UploadState.COMPLETE)
    upload = upload or uploads.last_upload(connection, model.id, caller)
    if upload and upload.state == UploadState.PUBLISHED and model.upload_status == UploadStatus.SUCCESS:
        return  # its client missed our first answer
    if upload is None or upload.state != UploadState.COMPLETE:
        raise BadRequest(f"`{name}:{version}` has no complete upload of yours: complete it before finishing it")
    access.require_replacing(connection, caller, model)
    digest = _switch(connection, caller, model, upload)
    replaced = model.upload_status == UploadStatus.SUCCESS
    events.note(
        connection, caller, "pushed", "model", f"{name}:{version}", force=replaced, upload=upload.uid, digest=digest
    )


def note_failure(connection: Connection, caller: Caller, name: str, version: str, reason: str, uid: str = "") -> None:
    """Note that an upload failed; a version that is visible stays as it was.

    Args:
        connection: A write.
        caller: Who began the upload.
        name: Name of the repository.
        version: The version.
        reason: Why.
        uid: The upload; by default the caller's last one that is still open: one that is complete may be another
            client's, about to be finished.

    Raises:
        NotFound: There is no such version, or no such upload of this caller.
        BadRequest: The version and all its uploads are of others.
    """
    model = find_model(connection, name, version, lock=True)
    upload = _meant(connection, model, caller, uid, UploadState.OPEN)
    if upload is None and caller.user_id != model.creator_id and not uploads.last_upload(connection, model.id, caller):
        raise BadRequest(f"`{name}:{version}` has no upload of yours")
    if upload and upload.state != UploadState.PUBLISHED:
        uploads.set_upload(connection, upload.id, state=UploadState.ABORTED)
    if model.upload_status != UploadStatus.SUCCESS:
        set_model(
            connection,
            model.id,
            upload_status=UploadStatus.FAILED,
            upload_finished_at=now(),
            upload_finished_reason=reason,
        )
    events.note(connection, caller, "push-failed", "model", f"{name}:{version}", reason=reason[:1000])


def _meant(connection: Connection, model: ModelRow, caller: Caller, uid: str, state: UploadState) -> UploadRow | None:
    """Find the upload that a client means: the one it names, else its last one in `state`."""
    if uid:
        return uploads.find_upload(connection, uid, model_id=model.id, caller=caller, lock=True)
    return uploads.last_upload(connection, model.id, caller, state)


def _switch(connection: Connection, caller: Caller, model: ModelRow, upload: UploadRow) -> str | None:
    """Put an upload in the place of what a version was; returns its content digest, or None while it is not known."""
    facts, moment = upload.facts, now()
    columns = manifest_columns(facts.manifest) if facts.manifest else {}
    if facts.build_at is not None:
        columns["build_at"] = facts.build_at
    digest = digest_of_archive(connection, upload.archive_id) if upload.archive_id is not None else None
    deed = Deed.REPLACED if model.upload_status == UploadStatus.SUCCESS else Deed.PUSHED
    release_archive(connection, model.archive.id if model.archive else None)
    set_model(
        connection,
        model.id,
        archive_id=upload.archive_id,
        pushed_by_id=upload.creator_id,
        upload_status=UploadStatus.SUCCESS,
        upload_finished_at=moment,
        upload_finished_reason="",
        ordered_at=min(facts.build_at or model.build_at, moment),
        **columns,
    )
    remember(
        connection,
        caller,
        model.repository.id,
        model.version,
        deed,
        model_id=model.id,
        archive_id=upload.archive_id,
        size=(facts.manifest or model.manifest)["size_bytes"],
        content_digest=digest,
    )
    if facts.labels is not None and facts.labels != model.labels:
        replace_labels(connection, tables.models, model.id, facts.labels)
    touch_repository(connection, model.repository.id)
    uploads.set_upload(connection, upload.id, state=UploadState.PUBLISHED)
    return digest
