"""Zips: one that is there, read as a tree, and one that is written file by file."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterator
from datetime import datetime, timezone
from typing import IO, Any

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.layout import Entry, check_link, safe_path
from modelsync_jupyter.archive.scan import MAX_MEMBERS
from modelsync_jupyter.core.errors import IntegrityError, UnsafeArchive
from modelsync_jupyter.core.parts import Buffer

from .codecs import FREE_SIZE, MAX_RATIO
from .places import Place, Writer, changed

#: How the comment of a zip of ours begins; its content digest follows.
_COMMENT = b"modelsync "
#: What reading a member raises that is damaged, or written in a way that is not known here.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError, ValueError)
#: Bytes of a link's target at most.
_LONGEST_LINK = 4096


class ZipTree:
    """A zip; a `Tree`. Its files are read from their start to their end only.

    Args:
        place: The file.

    Raises:
        IntegrityError: It is not a zip, or is damaged.
        UnsafeArchive: A member would leave the folder, is a device, or the sizes are those of a bomb.
    """

    ranged = False

    def __init__(self, place: Place) -> None:
        self._place = place
        size, mark = place.stamp()
        self.identity: object = [place.shown, size, mark]
        self._file: IO[bytes] = place.file()
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._infos: dict[str, zipfile.ZipInfo] = {}
            self.members = list(self._read_members(size))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            self._file.close()
            raise IntegrityError(f"`{place.shown}` is not a good zip: {error}.", "Get another copy of it.") from error
        except BaseException:
            self._file.close()
            raise
        comment = self._zip.comment
        ours = comment.startswith(_COMMENT)
        self.claimed = comment[len(_COMMENT) :].decode("ascii", "replace") if ours else ""

    def views(self, path: str, start: int, stop: int, buffer: Buffer) -> Generator[memoryview, None, None]:
        try:
            with self._zip.open(self._infos[path]) as file:
                position, size = 0, self._infos[path].file_size
                while position < size and (data := file.read(min(len(buffer), size - position))):
                    view = memoryview(data)[max(0, start - position) : max(0, stop - position)]
                    position += len(data)
                    if view:
                        yield view
                    if position >= stop < size:
                        return
                if file.read(1):
                    raise IntegrityError(f"`{path}` in `{self._place.shown}` is longer than it says.")
        except _DAMAGED as error:
            message = f"`{path}` in `{self._place.shown}` is damaged: {error}."
            raise IntegrityError(message, "Get another copy of it.") from error

    def check(self) -> None:
        if list(self._place.stamp()) != self.identity[1:]:  # type: ignore[index]
            raise changed(self._place.shown)

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def _read_members(self, archive_size: int) -> Iterator[Entry]:
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise UnsafeArchive(f"The archive has more than {MAX_MEMBERS:,} members.")
        if sum(info.file_size for info in infos) > FREE_SIZE + MAX_RATIO * max(archive_size, 0):
            text = "If you trust it, unpack it with other tools, and import the folder."
            raise UnsafeArchive(f"`{self._place.shown}` expands to more than {MAX_RATIO} times its size.", text)
        for info in infos:
            path = safe_path(info.filename.replace("\\", "/"))
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                raise UnsafeArchive(
                    f"Member `{path}` is encrypted.", "Unpack it with other tools, and import the folder."
                )
            if path is None:
                continue
            if info.is_dir():
                yield Entry(path, "dir", 0, 0)
            elif stat.S_ISLNK(mode):
                if info.file_size > _LONGEST_LINK:
                    raise UnsafeArchive(f"Link `{path}` has a target of {info.file_size} bytes.")
                target = self._zip.read(info).decode("utf-8", "strict")
                check_link(path, target)
                yield Entry(path, "link", 0, 0, target=target)
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                self._infos[path] = info
                yield Entry(path, "file", 0, 0, info.file_size, bool(mode & 0o100))
            else:
                raise UnsafeArchive(f"Member `{path}` is not a file, folder or link.")


class ZipWriter:
    """A zip being written; its comment is the content digest."""

    def __init__(self, place: Place, description: Description, *, replace: bool, created: datetime) -> None:
        self._out = place.writer(replace=replace)
        self._zip = zipfile.ZipFile(_Forwards(self._out), "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._zip.comment = _COMMENT + description.digest.encode()
        time = created.astimezone(timezone.utc)
        self._time = max(time.timetuple()[:6], (1980, 1, 1, 0, 0, 0))
        self._file: Any = None

    def add(self, entry: Entry) -> None:
        if entry.kind == "dir":
            info = self._info(f"{entry.path}/", stat.S_IFDIR | 0o755)
            info.external_attr |= 0x10
            self._zip.writestr(info, b"")
        elif entry.kind == "link":
            self._zip.writestr(self._info(entry.path, stat.S_IFLNK | 0o777), entry.target.encode())
        else:
            self._zip.writestr(self._info(entry.path, self._mode(entry)), b"")

    def begin(self, entry: Entry) -> None:
        info = self._info(entry.path, self._mode(entry))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.file_size = entry.size
        self._file = self._zip.open(info, "w", force_zip64=entry.size >= 1 << 31)

    def write(self, view: memoryview) -> None:
        self._file.write(view)

    def end(self) -> None:
        file, self._file = self._file, None
        file.close()

    def commit(self) -> None:
        self._zip.close()
        self._out.commit()

    def discard(self) -> None:
        self._file = None
        self._zip.fp = None  # else Python would complete it when it forgets it
        self._out.discard()

    def _info(self, name: str, mode: int) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._time)
        info.create_system, info.external_attr = 3, mode << 16
        return info

    def _mode(self, entry: Entry) -> int:
        return stat.S_IFREG | (0o755 if entry.executable else 0o644)


class _Forwards:
    """A writer as a file that can be written forwards only."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._writer.write(view)
        return len(view)

    def flush(self) -> None:
        """Nothing is kept back here."""
