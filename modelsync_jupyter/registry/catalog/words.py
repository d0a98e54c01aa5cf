"""The words out of fixed lists that the catalog holds: roles, rights, and how far uploads are."""

from __future__ import annotations

from enum import Enum

from modelsync_jupyter.wire import FAILED, PENDING, SUCCESS, UPLOADING


class Word(str, Enum):
    """A word out of a fixed list; reads and prints as that word."""

    __str__ = str.__str__


class Power(Word):
    """A word out of a list that is in the order of power: each permits what those before it permit."""

    def includes(self, other: Power) -> bool:
        """Return whether this one permits what `other` permits."""
        return self.rank >= other.rank

    @property
    def rank(self) -> int:
        """Place in the order of power."""
        return list(type(self)).index(self)


class Role(Power):
    """What a user may do in the whole registry.

    A guest reads all repositories that are not private, a developer also makes repositories and pushes into these, an
    admin does everything. Without a role one has what one was granted in single repositories.
    """

    NONE = ""
    GUEST = "guest"
    DEVELOPER = "developer"
    ADMIN = "admin"


class Right(Power):
    """What somebody may do in one repository.

    A writer pushes new versions and replaces or deletes those they pushed, an owner those of others too, and decides
    who else may do what.
    """

    NONE = ""
    READER = "reader"
    WRITER = "writer"
    OWNER = "owner"


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


#: States of an upload that may still be published.
UNFINISHED = (UploadState.OPEN, UploadState.COMPLETE)
