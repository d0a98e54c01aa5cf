"""What is different in a version from another one: files and tensors by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from .tags import Tag

How = Literal["added", "removed", "changed", "unknown"]
#: Files, and tensors, that are named; all are counted. Every transfer on record keeps them.
MOST = 50


class Changed(NamedTuple):
    """A file or a tensor that is different.

    Args:
        name: Path of the file, or name of the tensor.
        how: "added", "removed" or "changed"; "unknown" where that would take reading more than is worth it.
        size: Its bytes now; of one that was removed, its bytes before.
        file: Of a tensor: the file it is in.
    """

    name: str
    how: How
    size: int
    file: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        found = {"name": self.name, "how": self.how, "size": self.size}
        return {**found, "file": self.file} if self.file else found


class Changes(NamedTuple):
    """What is different from another version.

    Args:
        against: The other version: the one that is replaced, else the newest other one of the name.
        where: "local" or "remote": where the other version is.
        files: Files that differ, sorted by path, at most `MOST`; model.yaml, which always does, is left out.
        tensors: Tensors that differ in those that changed, at most `MOST`.
        file_count: How many files differ.
        tensor_count: How many tensors differ.
    """

    against: Tag
    where: str
    files: tuple[Changed, ...] = ()
    tensors: tuple[Changed, ...] = ()
    file_count: int = 0
    tensor_count: int = 0

    @classmethod
    def of(cls, against: Tag, where: str, files: Iterable[Changed], tensors: Iterable[Changed]) -> Changes:
        """Count what differs, and keep what is going to be named."""
        some, others = tuple(files), tuple(tensors)
        return cls(against, where, some[:MOST], others[:MOST], len(some), len(others))

    def to_dict(self) -> dict[str, Any]:
        """Return the changes as JSON."""
        return {
            "against": str(self.against),
            "where": self.where,
            "file_count": self.file_count,
            "tensor_count": self.tensor_count,
            "files": [each.to_dict() for each in self.files],
            "tensors": [each.to_dict() for each in self.tensors],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Changes:
        """Return the changes from JSON that `to_dict` made.

        Raises:
            KeyError, TypeError, ValueError, InvalidTag: It did not.
        """
        files, tensors = (tuple(Changed(**each) for each in data[key]) for key in ("files", "tensors"))
        return cls(Tag.parse(data["against"]), data["where"], files, tensors, data["file_count"], data["tensor_count"])
