"""Records of the catalog as typed values: what a query found is checked and named here, once.

Only this module and the queries beside it see rows of the database; all else works with these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Row

from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.wire import LabelJSON, ManifestJSON, is_elsewhere

from .kept import keep
from .words import Right, Role, UploadState, UploadStatus


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
    """All versions of one name; a private one is known only to those who were granted a right in it."""

    id: int
    uid: str
    name: str
    description: str
    labels: list[LabelJSON]
    creator: str
    private: bool
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
            keep(row.repository_labels),
            row.repository_creator,
            row.repository_private,
            row.repository_created_at,
            row.repository_updated_at,
        )


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A version; `archive` is None until one is visible, and so is `pusher`, who published it."""

    id: int
    uid: str
    version: str
    description: str
    labels: list[LabelJSON]
    manifest: ManifestJSON
    build_at: datetime
    creator_id: int
    creator: str
    pusher_id: int | None
    pusher: str | None
    created_at: datetime
    updated_at: datetime
    upload_status: UploadStatus
    upload_started_at: datetime | None
    upload_finished_at: datetime | None
    upload_finished_reason: str
    downloads: int
    downloaded_at: datetime | None
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
            keep(row.labels),
            keep(row.manifest),
            row.build_at,
            row.creator_id,
            row.creator,
            row.pushed_by_id,
            row.pusher,
            row.created_at,
            row.updated_at,
            row.upload_status,
            row.upload_started_at,
            row.upload_finished_at,
            row.upload_finished_reason,
            row.downloads,
            row.downloaded_at,
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
        return is_elsewhere(self.manifest["metadata"])


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
    creator_id: int
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
            row.creator_id,
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
    place: str | None
    place_start: int
    puts: int

    #: The columns of `upload_parts` in the order of these values: a model has hundreds, and names are looked up slowly.
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "number",
        "declared_size",
        "declared_digest",
        "size",
        "digest",
        "place",
        "place_start",
        "puts",
    )

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
    """An API token and whose it is.

    Args:
        parent: Id of the token that made it for its own user, and that it ends with; or None.
    """

    id: int
    uid: str
    user: UserRow
    parent: str | None
    name: str
    description: str
    scopes: list[str]
    created_at: datetime
    expired_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: Row[Any]) -> TokenRow:
        """Read a row of `tokens` with its user and the id of its parent."""
        return cls(
            row.id,
            row.uid,
            UserRow(
                row.user_id, row.user_name, row.user_role, row.user_robot, row.user_created_at, row.user_disabled_at
            ),
            row.parent_uid,
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
    """An event of the audit trail.

    Args:
        creator: Who did it; None for a sign-in that failed with a token nobody has.
        address: Where the request came from, or "".
    """

    uid: str
    created_at: datetime
    creator: str | None
    address: str
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
            row.address or "",
            row.token_name,
            row.operation,
            row.resource_type,
            row.resource_name,
            json.loads(row.info),
        )


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user: a person, or a robot such as a CI pipeline. One who is disabled cannot sign in."""

    id: int
    name: str
    role: Role
    robot: bool
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A right that a user was granted in one repository."""

    user: UserRow
    right: Right
    created_at: datetime


class StoredPart(Part):
    """A part of an archive, and where its bytes are.

    Attributes:
        place: Name of the blob where that is not the digest: its client sent it to the store, and declared the digest.
        place_start: Where in the blob the part begins.
    """

    place: str | None
    place_start: int

    def __new__(
        cls, number: int, start: int, stop: int, digest: str, place: str | None = None, place_start: int = 0
    ) -> StoredPart:
        """Make a part of where it is, too."""
        part = super().__new__(cls, number, start, stop, digest)
        part.place, part.place_start = place, place_start
        return part

    @property
    def name(self) -> str:
        """Name of the blob."""
        return self.place or self.digest


def place_of(part: Part) -> tuple[str, int]:
    """Return the name of the blob that holds a part, and where in it the part begins."""
    return (part.name, part.place_start) if isinstance(part, StoredPart) else (part.digest, 0)
