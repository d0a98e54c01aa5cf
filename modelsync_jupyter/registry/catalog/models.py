"""Models: the versions in a repository."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from modelsync_jupyter.wire import PENDING, SUCCESS, UPLOADING, LabelJSON, ManifestJSON

from ..errors import BadRequest, NotFound
from .database import new_uid, now
from .labels import replace_labels
from .tables import archives, models, repositories, uploads, users
from .users import Caller

#: All versions that are not deleted, each with its repository, its creator and its archive's digest and size.
MODELS: Select[Any] = (
    select(
        models,
        repositories.c.name.label("repository_name"),
        repositories.c.uid.label("repository_uid"),
        repositories.c.description.label("repository_description"),
        repositories.c.labels.label("repository_labels"),
        repositories.c.created_at.label("repository_created_at"),
        repositories.c.updated_at.label("repository_updated_at"),
        users.c.name.label("creator_name"),
        archives.c.uid.label("archive_uid"),
        archives.c.digest.label("archive_digest"),
        archives.c.size.label("archive_size"),
        archives.c.content_digest,
        archives.c.cut,
    )
    .join(repositories, models.c.repository_id == repositories.c.id)
    .join(users, models.c.creator_id == users.c.id)
    .outerjoin(archives, models.c.archive_id == archives.c.id)
    .where(models.c.deleted_at.is_(None))
)


def find_model(connection: Connection, name: str, version: str, *, lock: bool = False) -> Row[Any]:
    """One version.

    Args:
        connection: A read or a write.
        name: Name of its repository.
        version: The version.
        lock: Let nobody else change it until this write ends.

    Raises:
        NotFound: There is none.
    """
    query = MODELS.where(repositories.c.name == name, models.c.version == version)
    row = connection.execute(query.with_for_update(of=models) if lock else query).first()
    if row is None:
        raise NotFound(f"model `{name[:200]}:{version[:200]}` not found")
    return row


def create_model(
    connection: Connection,
    caller: Caller,
    repository_id: int,
    version: str,
    *,
    description: str,
    manifest: ManifestJSON,
    labels: Iterable[LabelJSON],
    build_at: datetime | None,
) -> None:
    """Register a version that has no bytes yet.

    Raises:
        BadRequest: The version is taken.
    """
    taken = select(models.c.id).where(
        models.c.repository_id == repository_id, models.c.version == version, models.c.deleted_at.is_(None)
    )
    if connection.execute(taken).first():
        raise BadRequest(f"model version `{version}` already exists")
    moment = now()
    result = connection.execute(
        insert(models).values(
            uid=new_uid(),
            repository_id=repository_id,
            version=version,
            description=description,
            labels="[]",
            creator_id=caller.user_id,
            created_at=moment,
            updated_at=moment,
            upload_status=SUCCESS if is_elsewhere(manifest) else PENDING,
            upload_finished_reason="",
            **manifest_columns(manifest),
            build_at=build_at or moment,
        )
    )
    replace_labels(connection, models, result.inserted_primary_key[0], labels)  # type: ignore[index]


def is_elsewhere(manifest: ManifestJSON) -> bool:
    """Whether the model's bytes are kept by somebody else (Hugging Face), so that none will come."""
    return manifest["metadata"].get("registry") == "huggingface"


def manifest_columns(manifest: ManifestJSON) -> dict[str, Any]:
    """The columns that a manifest fills."""
    return {"manifest": json.dumps(manifest), "module": manifest["module"], "size_bytes": manifest["size_bytes"]}


def start(connection: Connection, model: Row[Any]) -> None:
    """Note that bytes are coming; a version that is visible stays as it is."""
    if model.upload_status != SUCCESS:
        set_model(connection, model.id, upload_status=UPLOADING, upload_started_at=now())


def set_model(connection: Connection, model_id: int, **columns: Any) -> None:
    """Change columns of a version."""
    connection.execute(update(models).where(models.c.id == model_id).values(updated_at=now(), **columns))


def delete_model(connection: Connection, model: Row[Any]) -> None:
    """Hide a version and stop its uploads; the tag is free again, the bytes stay."""
    set_model(connection, model.id, deleted_at=now())
    open_ones = uploads.c.state.in_(("open", "complete"))
    connection.execute(update(uploads).where(uploads.c.model_id == model.id, open_ones).values(state="aborted"))


def newest(connection: Connection, repository_ids: Iterable[int]) -> dict[int, Row[Any]]:
    """The newest whole version by build time of each repository that has one."""
    place = func.row_number().over(
        partition_by=models.c.repository_id, order_by=(models.c.build_at.desc(), models.c.id.desc())
    )
    ranked = (
        select(models.c.id, place.label("place"))
        .where(
            models.c.repository_id.in_(list(repository_ids)),
            models.c.upload_status == SUCCESS,
            models.c.deleted_at.is_(None),
        )
        .subquery()
    )
    first = select(ranked.c.id).where(ranked.c.place == 1)
    rows = connection.execute(MODELS.where(models.c.id.in_(first))).all()
    return {row.repository_id: row for row in rows}
