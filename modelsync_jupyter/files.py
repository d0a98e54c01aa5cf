"""Files that are never seen half-written, and folders that change places in one step."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from modelsync_jupyter.core.errors import DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def write_text(path: Path, text: str, *, mode: int = 0o666, durable: bool = True) -> None:
    """Replace a file in one step.

    Args:
        path: The file; its folder is made if need be.
        text: What it shall hold.
        mode: Its permissions, less the umask.
        durable: Whether to wait until it is on disk.
    """
    with prepared_text(path, text, mode=mode, durable=durable):
        pass


@contextmanager
def prepared_text(path: Path, text: str, *, mode: int = 0o666, durable: bool = True) -> Iterator[None]:
    """Write a text beside a file, and replace the file when the block is done; not if it fails. As `write_text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        yield
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a JSON file in one step."""
    write_text(path, json.dumps(value, ensure_ascii=False), durable=durable)


def read_json(path: Path) -> Any:
    """What a JSON file holds, or None where there is none or it is broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def reserve(file: int, size: int) -> None:
    """Give an open file its size, and its space on disk where the system can: it is cheaper to fill, and there to stay.

    Raises:
        OSError: No space.
    """
    disk = os.fstatvfs(file)
    if size - os.fstat(file).st_blocks * 512 > disk.f_bavail * disk.f_frsize:  # else the system would take all there is
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fallocate = _libc("fallocate")  # not `posix_fallocate`, which writes the file where it cannot be reserved
    if fallocate and size and fallocate(file, 0, ctypes.c_int64(0), ctypes.c_int64(size)):
        number = ctypes.get_errno()
        if number in _FULL:
            raise OSError(number, os.strerror(number))
    os.ftruncate(file, size)


def put_folder(source: Path, target: Path, *, replace: bool) -> None:
    """Move a finished folder to its place in one step, on one file system.

    Args:
        source: The folder; gone afterwards.
        target: Where to.
        replace: Whether a folder that is there already makes way; it does so in the same step where the system can.

    Raises:
        FileExistsError: Something is there and `replace` is off.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if _rename(source, target):
        fsync_folder(target.parent)
        return
    if not replace:
        raise FileExistsError(str(target))
    with _out_of_sight(source, target) as old:
        if not _exchange(source, target):
            _swap(source, target, old)
    fsync_folder(target.parent)


def _rename(source: Path, target: Path) -> bool:
    """Rename, unless something is there already."""
    if os.path.lexists(target):
        return False
    try:
        source.rename(target)
    except OSError:
        if os.path.lexists(target):  # somebody was faster
            return False
        raise
    return True


@contextmanager
def _out_of_sight(source: Path, target: Path) -> Iterator[Path]:
    old = source.with_name(f"{source.name}.old-{target.name}")
    yield old
    for leftover in (source, old):
        shutil.rmtree(leftover, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    renameat2 = _libc("renameat2")
    if renameat2 is None:
        return False
    done: int = renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


@cache
def _libc(name: str) -> Any:
    """A function of the C library, or None where it has none of this name."""
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None


def _swap(source: Path, target: Path, old: Path) -> None:
    target.rename(old)
    try:
        source.rename(target)
    except BaseException:
        old.rename(target)
        raise


def fsync_tree(folder: Path) -> None:
    """Put all files and folders below on disk for good."""
    for path, _, names in os.walk(folder):
        for name in names:
            if not (file := Path(path) / name).is_symlink():
                with open(file, "rb") as opened:
                    os.fsync(opened.fileno())
        fsync_folder(Path(path))


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Tell a full disk apart from other faults.

    Raises:
        DiskFull: No space, or over quota.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"No space left for `{path}`.") from error
        raise


@contextmanager
def writable_or_skipped() -> Iterator[None]:
    """Leave the block where it writes to a place that is read-only for us: what it would note is of use only to us."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise


def fsync_folder(folder: Path) -> None:
    """Put a folder's list of names on disk for good."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
