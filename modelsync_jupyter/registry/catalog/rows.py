"""Records of the catalog as typed values: what a query found is checked and named here, once.

Only this module and the queries beside it see rows of the database; all else works with these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Row

from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.wire import FAILED, PENDING, SUCCESS, UPLOADING, EntryJSON, LabelJSON, ManifestJSON


class Word(str, Enum):
    """A word out of a fixed list; reads and prints as that word."""

    __str__ = str.__str__


class Role(Word):
    """What a user or a token may do; each role may do what the ones before it may."""

    NONE = ""
    GUEST = "guest"
    DEVELOPER = "developer"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Return whether this role may do what `other` may."""
        return self.rank >= other.rank

    @property
    def rank(self) -> int:
        """Place in the order of power."""
        return list(Role).index(self)


class UploadStatus(Word):
    """What readers are told of the bytes of a version."""

    PENDING = PENDING
    UPLOADING = UPLOADING
    SUCCESS = SUCCESS
    FAILED = FAILED


class UploadState(Word):
    """Where an upload is: open -> complete (all bytes are durable) -> published, or aborted."""

    OPEN = "open"
    COMPLETE = "complete"
    PUBLISHED = "published"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """A stored archive, without its layout, which may be large.

    Args:
        digest: Digest of the list of its parts.
        size: Bytes of all of it.
        base: Bytes of its own description in front of its body.
        content_digest: The content digest of its files; "" where it is not a tar, None while it is not known yet.
        cut: Name of the rules that the content digest is built on.
    """

    id: int
    uid: str
    digest: str
    size: int
    base: int
    content_digest: str | None
    cut: str | None


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """All versions of one name."""

    id: int
    uid: str
    name: str
    description: str
    labels: list[LabelJSON]
    creator: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Row[Any]) -> RepositoryRow:
        """Read a row with the columns of `repositories`, each with `repository_` in front."""
        return cls(
            row.repository_id,
            row.repository_uid,
            row.repository_name,
            row.repository_description,
            json.loads(row.repository_labels),
            row.repository_creator,
            row.repository_created_at,
            row.repository_updated_at,
        )


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A version; `archive` is None until one is visible."""

    id: int
    uid: str
    version: str
    description: str
    labels: list[LabelJSON]
    manifest: ManifestJSON
    build_at: datetime
    creator_id: int
    creator: str
    created_at: datetime
    updated_at: datetime
    upload_status: UploadStatus
    upload_started_at: datetime | None
    upload_finished_at: datetime | None
    upload_finished_reason: str
    repository: RepositoryRow
    archive: ArchiveRow | None

    @classmethod
    def of(cls, row: Row[Any]) -> ModelRow:
        """Read a row of `MODELS`."""
        archive = None
        if row.archive_id is not None:
            archive = ArchiveRow(
                row.archive_id,
                row.archive_uid,
                row.archive_digest,
                row.archive_size,
                row.archive_base,
                row.archive_content_digest,
                row.archive_cut,
            )
        return cls(
            row.id,
            row.uid,
            row.version,
            row.description,
            json.loads(row.labels),
            json.loads(row.manifest),
            row.build_at,
            row.creator_id,
            row.creator,
            row.created_at,
            row.updated_at,
            row.upload_status,
            row.upload_started_at,
            row.upload_finished_at,
            row.upload_finished_reason,
            RepositoryRow.of(row),
            archive,
        )

    @property
    def tag(self) -> str:
        """The version as `name:version`."""
        return f"{self.repository.name}:{self.version}"

    @property
    def is_elsewhere(self) -> bool:
        """Whether its bytes are kept by Hugging Face, so that none will come."""
        return is_elsewhere(self.manifest)


def is_elsewhere(manifest: ManifestJSON) -> bool:
    """Return whether the bytes of a model are kept by Hugging Face."""
    return manifest["metadata"].get("registry") == "huggingface"


@dataclass(frozen=True, slots=True)
class Facts:
    """What becomes visible together with the bytes; None leaves the version's own as it is."""

    manifest: ManifestJSON | None = None
    labels: list[LabelJSON] | None = None
    build_at: datetime | None = None

    def columns(self) -> dict[str, Any]:
        """Return the facts as columns of an upload."""
        return {
            "manifest": None if self.manifest is None else json.dumps(self.manifest),
            "labels": None if self.labels is None else json.dumps(self.labels),
            "build_at": self.build_at,
        }

    def or_else(self, other: Facts) -> Facts:
        """Return these facts, and where one is missing that of `other`."""
        return Facts(
            other.manifest if self.manifest is None else self.manifest,
            other.labels if self.labels is None else self.labels,
            self.build_at or other.build_at,
        )

    @property
    def are_all_there(self) -> bool:
        """Whether nothing is missing."""
        return None not in (self.manifest, self.labels, self.build_at)


@dataclass(frozen=True, slots=True)
class UploadRow:
    """An upload, with the name and version it is for.

    Args:
        content_digest: What its client declared, or None.
    """

    id: int
    uid: str
    model_id: int
    state: UploadState
    facts: Facts
    archive_id: int | None
    content_digest: str | None
    name: str
    version: str

    @classmethod
    def of(cls, row: Row[Any]) -> UploadRow:
        """Read a row of `uploads` with the name and version it is for."""
        manifest, labels = (None if text is None else json.loads(text) for text in (row.manifest, row.labels))
        facts = Facts(manifest, labels, row.build_at)
        return cls(
            row.id,
            row.uid,
            row.model_id,
            row.state,
            facts,
            row.archive_id,
            row.content_digest,
            row.name,
            row.version,
        )


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of an upload: what was declared of it and what was received, at least one of them."""

    number: int
    declared_size: int | None
    declared_digest: str | None
    received_size: int | None
    received_digest: str | None

    @classmethod
    def of(cls, row: Row[Any]) -> PartRow:
        """Read a row of `upload_parts`."""
        return cls(row.number, row.declared_size, row.declared_digest, row.size, row.digest)

    @property
    def size(self) -> int:
        """Bytes received, else declared."""
        return (self.declared_size if self.received_size is None else self.received_size) or 0

    @property
    def digest(self) -> str:
        """Digest of the bytes received, else the declared one."""
        return self.received_digest or self.declared_digest or ""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An API token and whose it is."""

    id: int
    uid: str
    user_id: int
    user: str
    user_role: Role
    name: str
    description: str
    scopes: list[str]
    created_at: datetime
    expired_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: Row[Any]) -> TokenRow:
        """Read a row of `tokens` with its user."""
        return cls(
            row.id,
            row.uid,
            row.user_id,
            row.user_name,
            row.user_role,
            row.name,
            row.description,
            json.loads(row.scopes),
            row.created_at,
            row.expired_at,
            row.last_used_at,
            row.revoked_at,
        )


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the audit log."""

    uid: str
    created_at: datetime
    creator: str
    token_name: str
    operation: str
    resource_type: str
    resource_name: str
    info: dict[str, Any]

    @classmethod
    def of(cls, row: Row[Any]) -> EventRow:
        """Read a row of `events` with its user."""
        return cls(
            row.uid,
            row.created_at,
            row.user_name,
            row.token_name,
            row.operation,
            row.resource_type,
            row.resource_name,
            json.loads(row.info),
        )


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user."""

    id: int
    name: str
    role: Role


def part_from(row: Row[Any]) -> Part:
    """Read a row of `archive_parts`."""
    return Part(row.number, row.start, row.stop, row.digest)


def layout_from(text: str | None) -> list[EntryJSON] | None:
    """Read the layout of an archive."""
    return None if text is None else json.loads(text)
