"""Folders that change places in one step, that reach the disk, or go, as a whole; and private ones to build in.

A private folder is marked with the name of the process that made it, as temporary files are, see `files`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from modelsync_jupyter.files import create_file, is_at_work, libc, read_regular, this_process

#: Files above which the whole file system is flushed at once.
MANY = 200
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
#: Name of the file in a private folder that says who works in it.
_OWNER = "owner"


def put_folder(source: Path, target: Path, *, replace: bool) -> None:
    """Move a finished folder to its place in one step, on one file system.

    Args:
        source: The folder; gone afterwards.
        target: Where to.
        replace: Whether to replace a folder that is there already, in the same step where the system can.

    Raises:
        FileExistsError: Something is there and `replace` is off.
    """
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
    for attempts_left in (2, 1, 0):
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            return False
        try:
            move(source, target)
        except FileNotFoundError:  # a process that deletes the last model of a name takes its empty folder away
            if not attempts_left:
                raise
        except OSError:
            if os.path.lexists(target):  # another process was faster
                return False
            raise
        else:
            return True
    raise AssertionError("unreachable")


def move(source: Path, target: Path) -> None:
    """Rename a folder; one that is read-only is opened up, for a folder that moves has to be written to."""
    try:
        source.rename(target)
    except PermissionError:
        if source.is_symlink() or not source.is_dir():
            raise
        source.chmod(0o755)
        source.rename(target)


def remove_tree(folder: Path) -> None:
    """Delete a folder with all that is in it, read-only folders too; what cannot be deleted stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        _open_up(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    with suppress(OSError):
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return
        folder.chmod(0o700)
        for item in folder.iterdir():
            _open_up(item)


@contextmanager
def _out_of_sight(source: Path, target: Path) -> Iterator[Path]:
    old = source.with_name(f"{source.name}.old-{target.name}")
    yield old
    for leftover in (source, old):
        remove_tree(leftover)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False where the system cannot."""
    renameat2 = libc("renameat2")
    if renameat2 is None:
        return False
    for path in (one, other):
        with suppress(OSError):
            if not os.access(path, os.W_OK):
                path.chmod(0o755)  # as in `move`
    done: int = renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _swap(source: Path, target: Path, old: Path) -> None:
    move(target, old)
    try:
        move(source, target)
    except BaseException:
        old.rename(target)
        raise


def sync_file_system(folder: Path) -> bool:
    """Flush a folder's whole file system to disk in one step, what other processes wrote included.

    For many small files this takes a hundredth of what it takes to flush each of them; for a few it may have to wait
    for much that others wrote.

    Returns:
        Whether it is done: not where the system has no way, or would not say that a write was lost (Linux before 5.8).

    Raises:
        OSError: A write did not reach the disk.
    """
    syncfs = libc("syncfs")
    if syncfs is None or tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (5, 8):
        return False
    import ctypes

    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not syncfs(file):
            return True
        number = ctypes.get_errno()
    finally:
        os.close(file)
    if number in (errno.ENOSYS, errno.EPERM):  # a sandbox
        return False
    raise OSError(number, os.strerror(number), str(folder))


def fsync_tree(folder: Path) -> None:
    """Flush all files and folders below to disk."""
    if sum(len(names) for _, _, names in os.walk(folder)) > MANY and sync_file_system(folder):
        return
    for path, _, names in os.walk(folder):
        for name in names:
            if not (file := Path(path) / name).is_symlink():
                with open(file, "rb") as opened:
                    os.fsync(opened.fileno())
        fsync_folder(Path(path))


def fsync_folder(folder: Path) -> None:
    """Flush a folder's list of names to disk."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def private_folder(place: Path, prefix: str) -> Path:
    """Make a folder of a random name that only this user may enter, marked as this process's own."""
    folder = Path(mkdtemp(prefix=prefix, dir=place))
    claim(folder)
    return folder


def is_private(folder: Path) -> bool:
    """Return whether a path is a folder, not a link to one, that belongs to this user alone."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077


def claim(folder: Path) -> None:
    """Mark a private folder as this process's own."""
    (folder / _OWNER).unlink(missing_ok=True)
    with open(create_file(folder / _OWNER, 0o600), "w", encoding="utf-8") as file:
        file.write(this_process())


def is_abandoned(folder: Path) -> bool:
    """Return whether a temporary folder is this user's and no process works in it any more."""
    with suppress(OSError):
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            return False
        process, touched = "", facts.st_mtime
        with suppress(OSError, UnicodeDecodeError):
            process = read_regular(folder / _OWNER, 1024).decode()
            touched = max(touched, (folder / _OWNER).lstat().st_mtime)
        return not is_at_work(process, touched)
    return False


def list_folders(path: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; of links to folders too."""
    try:
        with os.scandir(path) as items:
            return sorted(item.name for item in items if not item.name.startswith(".") and item.is_dir())
    except OSError:
        return []
