"""Records of the catalog as the JSON of the wire. Stock clients need every key of `ResourceJSON` and `ModelJSON`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row

from modelsync_jupyter.wire import PROTOCOL, Extension, LabelJSON, ModelJSON, RepositoryJSON, ResourceJSON, UserJSON

from .catalog.database import now
from .catalog.pages import Page

ORGANIZATION: dict[str, Any] = {
    "uid": "default",
    "created_at": "2026-01-01T00:00:00.000000Z",
    "updated_at": None,
    "deleted_at": None,
    "name": "default",
    "resource_type": "organization",
    "labels": [],
    "description": "",
}


def time_json(time: datetime | None) -> str | None:
    """A time of the catalog, with its zone: zone-less times confuse stock clients."""
    return f"{time.isoformat(timespec='microseconds')}Z" if time else None


def user_json(name: str) -> UserJSON:
    """A user; the catalog knows no more than the name."""
    return {"name": name, "email": "", "first_name": "", "last_name": ""}


def page_json(page: Page, total: int, items: Iterable[Any]) -> dict[str, Any]:
    """One page of a list."""
    return {"start": page.start, "count": page.count, "total": total, "items": list(items)}


def model_json(row: Row[Any], strategy: str, **extra: Any) -> ModelJSON:
    """A version.

    Args:
        row: From `MODELS`.
        strategy: The server's setting.
        extra: Keys to set or replace: `upload_id`, a presigned URL.
    """
    model = {
        **_resource(row, row.version, "model"),
        "model_uid": row.uid,
        "creator": user_json(row.creator_name),
        "version": row.version,
        "description": row.description,
        "image_build_status": "pending",
        "upload_status": row.upload_status,
        "upload_started_at": time_json(row.upload_started_at),
        "upload_finished_at": time_json(row.upload_finished_at),
        "upload_finished_reason": row.upload_finished_reason,
        "presigned_upload_url": "",
        "presigned_download_url": "",
        "presigned_urls_deprecated": False,
        "transmission_strategy": None if strategy == "none" else strategy,
        "upload_id": "",
        "manifest": json.loads(row.manifest),
        "build_at": time_json(row.build_at),
    }
    if row.archive_digest is not None:
        model["modelsync"] = archive_json(row.archive_digest, row.archive_size, row.content_digest, row.cut)
    return cast(ModelJSON, {**model, **extra})


def archive_json(digest: str, size: int, content_digest: str | None, cut: str | None) -> Extension:
    """What our extension says of a version with a whole archive."""
    said: Extension = {"digest": digest, "size": size}
    if content_digest and cut:
        said |= {"content_digest": content_digest, "cut": cut}
    return said


def model_with_repository(row: Row[Any], strategy: str) -> ModelJSON:
    """A version inside its repository."""
    return model_json(row, strategy, repository=_repository_of(row))


def repository_json(row: Row[Any], newest: Row[Any] | None, strategy: str) -> RepositoryJSON:
    """A repository with its newest whole version, or null."""
    repository = {
        **_resource(row, row.name, "model_repository"),
        "description": row.description,
        "creator": user_json(row.creator_name),
        "latest_model": model_json(newest, strategy) if newest is not None else None,
        "modelsync": {"protocol": PROTOCOL},
    }
    return cast(RepositoryJSON, repository)


def token_json(row: Row[Any], value: str | None = None) -> dict[str, Any]:
    """An API token; `value` only in the reply that makes it."""
    return {
        **_base(row.uid, row.created_at, None, row.name, "api_token", []),
        "description": row.description,
        "scopes": json.loads(row.scopes),
        "user": user_json(row.user_name),
        "organization": ORGANIZATION,
        "expired_at": time_json(row.expired_at),
        "last_used_at": time_json(row.last_used_at),
        "is_expired": row.expired_at is not None and row.expired_at <= now(),
        "is_api_token": True,
        "is_organization_token": False,
        "is_global_access": False,
        "token": value,
    }


def event_json(row: Row[Any]) -> dict[str, Any]:
    """An event of the audit log."""
    return {
        "uid": row.uid,
        "created_at": time_json(row.created_at),
        "creator": user_json(row.creator_name),
        "api_token_name": row.token_name,
        "operation_name": row.operation,
        "resource_type": row.resource_type,
        "resource_name": row.resource_name,
        "info": json.loads(row.info),
    }


def _repository_of(row: Row[Any]) -> RepositoryJSON:
    repository = {
        **_base(
            row.repository_uid,
            row.repository_created_at,
            row.repository_updated_at,
            row.repository_name,
            "model_repository",
            json.loads(row.repository_labels),
        ),
        "description": row.repository_description,
        "latest_model": None,
        "modelsync": {"protocol": PROTOCOL},
    }
    return cast(RepositoryJSON, repository)


def _resource(row: Row[Any], name: str, kind: str) -> ResourceJSON:
    return _base(row.uid, row.created_at, row.updated_at, name, kind, json.loads(row.labels))


def _base(
    uid: str, created_at: datetime, updated_at: datetime | None, name: str, kind: str, labels: list[LabelJSON]
) -> ResourceJSON:
    return {
        "uid": uid,
        "created_at": time_json(created_at) or "",
        "updated_at": time_json(updated_at),
        "deleted_at": None,
        "name": name,
        "resource_type": kind,
        "labels": labels,
    }
