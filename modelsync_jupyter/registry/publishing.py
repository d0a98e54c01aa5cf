"""Publish an upload: switch bytes, manifest, labels and build time of a version in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from .catalog import events, tables, uploads
from .catalog.database import now
from .catalog.labels import replace_labels
from .catalog.models import find_model, manifest_columns, set_model
from .catalog.repositories import touch_repository
from .catalog.rows import ModelRow, UploadRow, UploadState, UploadStatus
from .catalog.users import Caller
from .errors import BadRequest


def publish(connection: Connection, caller: Caller, name: str, version: str) -> None:
    """Make the newest complete upload of a version visible; to say so again changes nothing.

    Raises:
        NotFound: There is no such version.
        BadRequest: No upload of it is complete.
    """
    model = find_model(connection, name, version, lock=True)
    upload = uploads.newest_upload(connection, model.id, UploadState.COMPLETE)
    if upload is not None:
        _switch(connection, model, upload)
        events.note(
            connection,
            caller,
            "pushed",
            "model",
            f"{name}:{version}",
            force=model.upload_status == UploadStatus.SUCCESS,
        )
    elif not _is_repeated(connection, model):
        raise BadRequest(f"`{name}:{version}` has no complete upload: complete it before finishing it")


def note_failure(connection: Connection, caller: Caller, name: str, version: str, reason: str) -> None:
    """Note that an upload failed; a version that is visible stays as it was.

    Raises:
        NotFound: There is no such version.
    """
    model = find_model(connection, name, version, lock=True)
    uploads.drop_complete(connection, model.id, caller.user_id)
    if model.upload_status != UploadStatus.SUCCESS:
        set_model(
            connection,
            model.id,
            upload_status=UploadStatus.FAILED,
            upload_finished_at=now(),
            upload_finished_reason=reason,
        )
    events.note(connection, caller, "push-failed", "model", f"{name}:{version}", reason=reason[:1000])


def _switch(connection: Connection, model: ModelRow, upload: UploadRow) -> None:
    facts = upload.facts
    columns = manifest_columns(facts.manifest) if facts.manifest else {}
    if facts.build_at is not None:
        columns["build_at"] = facts.build_at
    set_model(
        connection,
        model.id,
        archive_id=upload.archive_id,
        upload_status=UploadStatus.SUCCESS,
        upload_finished_at=now(),
        upload_finished_reason="",
        **columns,
    )
    if facts.labels is not None:
        replace_labels(connection, tables.models, model.id, facts.labels)
    touch_repository(connection, model.repository.id)
    uploads.set_upload(connection, upload.id, state=UploadState.PUBLISHED)
    uploads.drop_complete(connection, model.id)


def _is_repeated(connection: Connection, model: ModelRow) -> bool:
    """Return whether the last upload is the one that is visible: its client missed our first answer."""
    last = uploads.newest_upload(connection, model.id)
    return model.upload_status == UploadStatus.SUCCESS and last is not None and last.state == UploadState.PUBLISHED
