"""What a stored archive says of itself: its layout, and the model.yaml in it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass

from modelsync_jupyter.core.errors import IntegrityError, InvalidModel
from modelsync_jupyter.core.info import MODEL_YAML, ModelInfo
from modelsync_jupyter.wire import EntryJSON

from . import modelyaml

_BUFFER = 1 << 16
_MAX_HEADER = 4 << 20
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class Scan:
    """What an archive says of itself.

    Args:
        layout: Its members, or None where it is no plain tar of files, folders and symbolic links.
        info: What its model.yaml holds, or None where there is none to be found.
        size: Bytes of all its files.
    """

    layout: list[EntryJSON] | None = None
    info: ModelInfo | None = None
    size: int = 0


class _TooLarge(tarfile.TarError):
    """A header asks for more memory than any honest one."""


class _Buffered(io.BufferedReader):
    """Small reads from memory; no read of a size that a hostile header made up."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _MAX_HEADER:
            raise _TooLarge(f"a header of {size} bytes")
        return super().read(size)


def scan(raw: io.RawIOBase) -> Scan:
    """Read the headers of an archive.

    Raises:
        IntegrityError: It is a tar that breaks off.
        InvalidModel: Its model.yaml is broken.
    """
    file = _Buffered(raw, _BUFFER)
    try:
        archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115  # closed with the file under it
    except (tarfile.TarError, ValueError, OverflowError):
        return Scan()
    members = _members(archive, file)
    if members is None:
        return Scan()
    return Scan(
        layout=_layout(members),
        info=_info(archive, members),
        size=sum(member.size for member in members if member.isreg()),
    )


def _members(archive: tarfile.TarFile, file: _Buffered) -> list[tarfile.TarInfo] | None:
    try:
        members = archive.getmembers()
    except tarfile.ReadError as error:
        raise IntegrityError(f"the archive breaks off: {error}") from error
    except (tarfile.TarError, ValueError, OverflowError):
        return None
    file.seek(archive.offset)
    end = file.read(_BLOCK)
    if len(end) < _BLOCK:
        raise IntegrityError("the archive breaks off: it has no end mark")
    return members if not any(end) else None


def _layout(members: list[tarfile.TarInfo]) -> list[EntryJSON] | None:
    kinds = [_kind(member) for member in members]
    if not all(kinds):
        return None
    return [
        {
            "path": path,
            "kind": kind,
            "mode": member.mode,
            "size": member.size if kind == "file" else 0,
            "offset": member.offset_data,
            "target": member.linkname if kind == "link" else "",
        }
        for member, kind in zip(members, kinds, strict=True)
        if (path := _path(member))
    ]


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "link"
    if member.isdir():
        return "dir"
    return "file" if member.isreg() and not member.issparse() else ""


def _path(member: tarfile.TarInfo) -> str:
    name = member.name
    while name.startswith("./"):
        name = name[2:]
    return "" if name == "." else name


def _info(archive: tarfile.TarFile, members: list[tarfile.TarInfo]) -> ModelInfo | None:
    found = [member for member in members if _path(member) == MODEL_YAML and _kind(member) == "file"]
    if not found:
        return None
    if found[-1].size > modelyaml.MAX_YAML:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive is larger than {modelyaml.MAX_YAML} bytes")
    file = archive.extractfile(found[-1])
    return modelyaml.parse(file.read() if file else b"")
