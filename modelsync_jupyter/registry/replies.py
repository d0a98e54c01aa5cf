"""Records of the catalog as the JSON of the wire. Stock clients need every key of `ResourceJSON` and `ModelJSON`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from modelsync_jupyter.wire import PROTOCOL, Extension, LabelJSON, ModelJSON, RepositoryJSON, ResourceJSON, UserJSON

from .catalog.aliases import AliasRow
from .catalog.database import Page, now
from .catalog.history import HistoryRow
from .catalog.rows import ArchiveRow, EventRow, GrantRow, ModelRow, RepositoryRow, TokenRow, UserRow
from .catalog.trash import DeletedRow
from .catalog.words import Right

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
    """Write a time of the catalog with its zone: zone-less times confuse stock clients."""
    return f"{time.isoformat(timespec='microseconds')}Z" if time else None


def user_json(name: str) -> UserJSON:
    """Write a user; the catalog knows no more than the name."""
    return {"name": name, "email": "", "first_name": "", "last_name": ""}


def page_json(page: Page, total: int, items: Iterable[Any]) -> dict[str, Any]:
    """Write one page of a list."""
    return {"start": page.start, "count": page.count, "total": total, "items": list(items)}


def model_json(row: ModelRow, strategy: str, **extra: Any) -> ModelJSON:
    """Write a version.

    Args:
        row: The version.
        strategy: The server's setting.
        extra: Keys to set or replace: `upload_id`, a presigned URL.
    """
    model = cast(dict[str, Any], _resource(row, row.version, "model"))
    model |= {
        "model_uid": row.uid,
        "creator": user_json(row.creator),
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
        "manifest": row.manifest,
        "build_at": time_json(row.build_at),
    }
    if row.archive:
        said = archive_json(row.archive)
        if row.pusher:
            said["pushed_by"] = row.pusher
        said["downloads"] = row.downloads
        model["modelsync"] = said
    model |= extra
    return cast(ModelJSON, model)


def archive_json(archive: ArchiveRow) -> Extension:
    """Write what our extension says of a version with a whole archive."""
    said: Extension = {"digest": archive.digest, "size": archive.size}
    if archive.content_digest and archive.cut:
        said |= {"content_digest": archive.content_digest, "cut": archive.cut}
    return said


def model_with_repository(
    row: ModelRow,
    strategy: str,
    aliases: Sequence[str] = (),
    alias: str = "",
    *,
    repository: RepositoryJSON | None = None,
) -> ModelJSON:
    """Write a version inside its repository.

    Args:
        row: The version.
        strategy: The server's setting.
        aliases: The aliases that point at it.
        alias: The alias that it was asked for by, or "".
        repository: Its repository, where that is written already.
    """
    written = repository_json(row.repository, None, strategy) if repository is None else repository
    reply = model_json(row, strategy, repository=written)
    if aliases or alias:
        said: Extension = {**reply.get("modelsync", {}), "aliases": list(aliases)}
        reply["modelsync"] = {**said, "alias": alias} if alias else said
    return reply


def alias_json(row: AliasRow) -> dict[str, Any]:
    """Write an alias."""
    moved = {"user": user_json(row.user), "moved_at": time_json(row.moved_at)}
    return {"name": row.name, "version": row.version, **moved}


def history_json(row: HistoryRow, *, whole: bool) -> dict[str, Any]:
    """Write what was done to a version or an alias.

    Args:
        row: The deed.
        whole: Whether to tell the network address and the token too.
    """
    return {
        "version": row.version,
        "operation": row.operation,
        "created_at": time_json(row.created_at),
        "user": user_json(row.user),
        "client": row.client,
        "size": row.size,
        "content_digest": row.content_digest,
        "alias": row.alias,
        "earlier": row.earlier,
        **({"address": row.address, "token_name": row.token_name} if whole else {}),
    }


def deleted_json(row: DeletedRow, strategy: str, kept: float) -> dict[str, Any]:
    """Write a deleted version.

    Args:
        row: The version.
        strategy: The server's setting.
        kept: Seconds for which it can be restored after it was deleted.
    """
    until = time_json(row.deleted_at + timedelta(seconds=kept))
    facts = {"deleted_by": row.deleter, "restorable_until": until, "with_repository": row.with_repository}
    reply = cast(dict[str, Any], model_with_repository(row.model, strategy))
    return {**reply, "deleted_at": time_json(row.deleted_at), "modelsync": {**reply.get("modelsync", {}), **facts}}


def repository_json(row: RepositoryRow, newest: ModelRow | None, strategy: str) -> RepositoryJSON:
    """Write a repository with its newest whole version, or null."""
    repository = {
        **_resource(row, row.name, "model_repository"),
        "description": row.description,
        "creator": user_json(row.creator),
        "latest_model": model_json(newest, strategy) if newest is not None else None,
        "modelsync": {"protocol": PROTOCOL, "private": row.private, "page": True},
    }
    return cast(RepositoryJSON, repository)


def token_json(row: TokenRow, value: str | None = None) -> dict[str, Any]:
    """Write an API token; `value` only in the reply that makes it."""
    return {
        **_base(row.uid, row.created_at, None, row.name, "api_token", []),
        "description": row.description,
        "scopes": row.scopes,
        "user": user_json(row.user.name),
        "organization": ORGANIZATION,
        "expired_at": time_json(row.expired_at),
        "last_used_at": time_json(row.last_used_at),
        "is_expired": row.expired_at is not None and row.expired_at <= now(),
        "is_api_token": True,
        "is_organization_token": row.user.robot,
        "is_global_access": False,
        "token": value,
        "modelsync": {"parent": row.parent},
    }


def account_json(row: UserRow, granted: Iterable[tuple[str, Right]] | None = None) -> dict[str, Any]:
    """Write a user as those who manage users see one; with what they were granted where that was asked for."""
    facts: dict[str, Any] = {"role": row.role, "robot": row.robot, "disabled_at": time_json(row.disabled_at)}
    if granted is not None:
        facts["grants"] = [{"repository": name, "right": right} for name, right in granted]
    return {**user_json(row.name), "created_at": time_json(row.created_at), "modelsync": facts}


def grant_json(row: GrantRow) -> dict[str, Any]:
    """Write what a user was granted in a repository."""
    return {"user": user_json(row.user.name), "right": row.right, "created_at": time_json(row.created_at)}


def event_json(row: EventRow) -> dict[str, Any]:
    """Write an event of the audit trail; nobody did it where a sign-in failed with a token that nobody has."""
    return {
        "uid": row.uid,
        "created_at": time_json(row.created_at),
        "creator": user_json(row.creator or ""),
        "address": row.address,
        "api_token_name": row.token_name,
        "operation_name": row.operation,
        "resource_type": row.resource_type,
        "resource_name": row.resource_name,
        "info": row.info,
    }


def _resource(row: ModelRow | RepositoryRow, name: str, kind: str) -> ResourceJSON:
    return _base(row.uid, row.created_at, row.updated_at, name, kind, row.labels)


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
