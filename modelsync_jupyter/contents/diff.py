"""Diff: how two versions differ, in their facts, their files and their tensors.

Files are compared by digest, never by size or time. Where the digest of one is not known, the answer is "unknown", not
a guess. `model.yaml` is not compared as a file: it always differs, and what it says is compared fact by fact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from modelsync_jupyter.archive.borders import Reader
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.core.changes import How
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.plain import plain
from modelsync_jupyter.core.states import State, compare
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import MODEL_YAML

from .reader import Blocks, TooMuch
from .shapes import Tensor
from .tensors import NoTensors, list_tensors

Kind = Literal["file", "tensor", "label", "metadata", "metric", "environment", "provenance", "fact"]

#: Bytes of one local and of one far file that may be read: headers, and values that no digest tells apart.
LOCAL_BUDGET, REMOTE_BUDGET = 256 << 20, 16 << 20
_BLOCK = 1 << 20
_OWN_KINDS: Mapping[str, Kind] = {"metrics": "metric", "packages": "environment", "python": "environment"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version.

    Args:
        size: Bytes in it.
        digest: BLAKE3 of its bytes, for a large file of its list of parts, or "" where it is not known.
        pieces: Of a large file: where each part begins and ends in the file, and its digest.
        link: What a symbolic link points to, or "".
        executable: Whether it may be run.
    """

    size: int
    digest: str = ""
    pieces: tuple[tuple[int, int, str], ...] = ()
    link: str = ""
    executable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the file as JSON."""
        return {"size": self.size, "digest": self.digest or None, "link": self.link or None}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the versions that are compared.

    Args:
        tag: The version.
        where: "local" or "remote"; "registry" where a registry compares two of its own.
        files: Its files by their paths.
        facts: What its model.yaml, or its record in a registry, says: `labels`, `metadata`, `context`, `module` ...
        digest: Its content digest, or "" where it is not known.
        size: Bytes in its files.
        open: Opens one of its files.
        budget: Bytes of one file that may be read.
    """

    tag: Tag
    where: str
    files: Mapping[str, File]
    facts: Mapping[str, Any]
    digest: str = ""
    size: int = 0
    open: Callable[[str], Reader] | None = None
    budget: int = LOCAL_BUDGET

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON."""
        return {"tag": str(self.tag), "where": self.where, "digest": self.digest or None, "size": self.size}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Args:
        kind: Of what: "file", "tensor", "label", "metadata", "metric", "environment", "provenance" or "fact".
        name: Its path, its name or its key.
        how: "added", "removed" or "changed"; "unknown" where it cannot be told whether it changed.
        old: What it was, as JSON; None where it was not there.
        new: What it is.
        file: Of a tensor: the file it is in.
    """

    kind: Kind
    name: str
    how: How
    old: Any = None
    new: Any = None
    file: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON."""
        found = {"kind": self.kind, "name": self.name, "how": self.how, "old": plain(self.old), "new": plain(self.new)}
        return {**found, "file": self.file} if self.kind == "tensor" else found


@dataclass(frozen=True, slots=True)
class Diff:
    """How two versions differ.

    Args:
        old: The first.
        new: The second.
        changes: Every difference, facts first, then files and tensors.
        files_compared: Whether the files of both are known: without that, no change of them can be told.
        remarks: What could not be compared, and why, as sentences.
    """

    old: Side
    new: Side
    changes: tuple[Change, ...] = ()
    files_compared: bool = True
    remarks: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"Diff({self.old.tag} to {self.new.tag}, {len(self.changes)} changes)"

    @property
    def equal(self) -> bool:
        """Whether all is known to be the same but tag and time."""
        return self.files_compared and not self.changes

    @property
    def state(self) -> State:
        """Whether the files are the same, by their digests."""
        hows = {each.how for each in self.changes if each.kind == "file"}
        if hows - {"unknown"}:
            return State.DIFFERENT
        return State.IN_SYNC if self.files_compared and not hows else State.UNKNOWN

    def of(self, *kinds: Kind) -> list[Change]:
        """Return the changes of some kinds."""
        return [each for each in self.changes if each.kind in kinds]

    def to_dict(self) -> dict[str, Any]:
        """Return the diff as JSON."""
        return {
            "old": self.old.to_dict(),
            "new": self.new.to_dict(),
            "equal": self.equal,
            "state": str(self.state),
            "changes": [each.to_dict() for each in self.changes],
            "remarks": list(self.remarks),
        }


def diff(
    old: Side, new: Side, *, tensors: bool = True, check: Callable[[], None] = lambda: None, files_known: bool = True
) -> Diff:
    """Compare two versions.

    Args:
        old: The first.
        new: The second.
        tensors: Whether to look into files that changed.
        check: Called now and then; may raise to stop.
        files_known: Whether the files of both are known.
    """
    changes = list(_facts(old.facts, new.facts))
    remarks: list[str] = []
    if files_known:
        for change in _files(old.files, new.files):
            changes.append(change)
            check()
            if tensors and change.how in ("changed", "unknown"):
                changes += _tensors(old, new, change.name, remarks, check)
    return Diff(old, new, tuple(changes), files_known, tuple(dict.fromkeys(remarks)))


def files_of(entries: Sequence[Entry], digests: Mapping[str, str], parts: Sequence[Part]) -> dict[str, File]:
    """Return the files of an archive, each with the parts of the archive that lie in it.

    Args:
        entries: Its members, in the order of their offsets.
        digests: Digests of files by path, as far as they are known.
        parts: Its parts, with offsets that count from where those of the members do.
    """
    by_path = {entry.path: entry for entry in entries}
    files: dict[str, File] = {}
    index = 0
    for entry in entries:
        if entry.kind == "dir":
            continue
        if entry.kind == "link":
            files[entry.path] = File(0, link=entry.target)
            continue
        at = by_path[entry.target] if entry.kind == "hardlink" else entry
        pieces = []
        while index < len(parts) and parts[index].start < at.offset:
            index += 1
        while index < len(parts) and parts[index].stop <= at.content_stop and entry.kind == "file":
            part = parts[index]
            pieces.append((part.start - at.offset, part.stop - at.offset, part.digest))
            index += 1
        files[entry.path] = File(at.size, digests.get(entry.path, ""), tuple(pieces), executable=at.executable)
    return files


def _facts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    kinds: dict[str, Kind] = {"labels": "label", "metadata": "metadata", "context": "environment"}
    for key in dict.fromkeys((*old, *new)):
        if key in kinds:
            yield from _values(kinds[key], _flat(old.get(key)), _flat(new.get(key)))
        else:
            yield from _values("fact", _flat({key: old.get(key)}), _flat({key: new.get(key)}))


def _values(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) == new.get(name):
            continue
        how: How = "added" if name not in old else "removed" if name not in new else "changed"
        shown, of = name, kind
        if kind == "metadata" and name.startswith("provenance."):
            _, word, *rest = name.split(".", 2)
            of = _OWN_KINDS.get(word, "provenance")
            shown = rest[0] if rest and of != "provenance" else ".".join((word, *rest))
        yield Change(of, shown, how, old.get(name), new.get(name))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Name each value in nested mappings by its path; what is empty counts as not there."""
    if not isinstance(value, Mapping):
        return {prefix: value} if value not in (None, "", [], ()) else {}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
    return found


def _files(old: Mapping[str, File], new: Mapping[str, File]) -> Iterator[Change]:
    for path in sorted({*old, *new} - {MODEL_YAML}):
        before, after = old.get(path), new.get(path)
        how = _how(before, after)
        if how:
            yield Change("file", path, how, before and before.to_dict(), after and after.to_dict())


def _how(old: File | None, new: File | None) -> How | None:
    if old is None or new is None:
        return "added" if old is None else "removed"
    if (old.size, old.link, old.executable) != (new.size, new.link, new.executable):
        return "changed"
    if old.link:
        return None
    state = compare(old.digest, new.digest)
    return None if state is State.IN_SYNC else "changed" if state is State.DIFFERENT else "unknown"


def _tensors(old: Side, new: Side, path: str, remarks: list[str], check: Callable[[], None]) -> list[Change]:
    """Compare the tensors of one file that both versions have."""
    if old.open is None or new.open is None or old.files[path].link or new.files[path].link:
        return []
    try:
        before, after = Blocks(old.open(path), old.budget), Blocks(new.open(path), new.budget)
        olds, news = (
            {each.name: each for each in list_tensors(path, reader, side.budget)}
            for side, reader in ((old, before), (new, after))
        )
    except NoTensors:
        return []
    except TooMuch:
        remarks.append(f"`{path}` was not looked into: its header is too long to be read from here.")
        return []
    same = _Values(old.files[path], new.files[path], before, after, check)
    found = list(_compare(path, olds, news, same))
    if any(each.how == "unknown" for each in found):
        remarks.append(
            f"Some tensors of `{path}` lie beside changed bytes; to tell them apart would mean to read more."
        )
    return found


def _compare(path: str, old: Mapping[str, Tensor], new: Mapping[str, Tensor], same: _Values) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            how: How | None = "added" if before is None else "removed"
        elif (before.dtype, before.shape) != (after.dtype, after.shape):
            how = "changed"
        else:
            equal = same.test(before, after)
            how = "unknown" if equal is None else None if equal else "changed"
        if how:
            yield Change("tensor", name, how, before and _tensor(before), after and _tensor(after), path)


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape), "size": tensor.size}


class _Values:
    """Tells whether the values of two tensors are the same: by checksums, by digests of parts, and else by reading."""

    def __init__(self, old: File, new: File, before: Blocks, after: Blocks, check: Callable[[], None]) -> None:
        self._before, self._after, self._check = before, after, check
        self._olds, self._starts = old.pieces, [piece[0] for piece in old.pieces]
        self._news = {piece[:2]: piece[2] for piece in new.pieces}

    def test(self, old: Tensor, new: Tensor) -> bool | None:
        """Return whether they are the same, or None where that cannot be told without reading too much."""
        if old.check and new.check:
            return old.check == new.check
        if old.size != new.size:
            return False
        if old.offset is None or new.offset is None:
            return None
        gaps = self._gaps(old.offset, old.offset + old.size, new.offset - old.offset)
        if gaps is None:
            return False
        try:
            return all(self._equal(old.offset + start, new.offset + start, stop - start) for start, stop in gaps)
        except TooMuch:
            return None

    def _gaps(self, start: int, stop: int, shift: int) -> list[tuple[int, int]] | None:
        """Return the ranges of `[start, stop)`, counted from its start, that no equal parts cover; None where one
        part that lies in it as a whole is another in the new file.

        Args:
            start: Where the tensor begins in the old file.
            stop: Where it ends there.
            shift: How much further behind it lies in the new file; parts are cut from the first byte of a tensor.
        """
        position, gaps = start, []
        for index in range(max(0, bisect_right(self._starts, start) - 1), len(self._olds)):
            begin, end, digest = self._olds[index]
            if begin >= stop:
                break
            other = self._news.get((begin + shift, end + shift))
            if digest and other and digest != other and start <= begin and end <= stop:
                return None
            if end > position and digest and digest == other:
                if begin > position:
                    gaps.append((position - start, begin - start))
                position = end
        return [*gaps, (position - start, stop - start)] if position < stop else gaps

    def _equal(self, old: int, new: int, size: int) -> bool:
        for position in range(0, size, _BLOCK):
            self._check()
            count = min(_BLOCK, size - position)
            if self._before.read(old + position, count) != self._after.read(new + position, count):
                return False
        return True
