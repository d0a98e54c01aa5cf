"""Files that are never seen half-written, and whose temporary ones are; `folders` has the same for folders.

What is temporary carries the name of the process that made it, so that what a killed process left behind can be told
from what another is just working on.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.errors import DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What file systems that share blocks between files share: whole pages.
PAGE = 4096
#: Linux's FICLONERANGE, and its argument: file, offset, length, and offset in the file that is asked.
_CLONE, _RANGE = 0x4020940D, struct.Struct("=qQQQ")
#: Bytes of JSON that are read at most: our own files are far shorter, but others may write into a shared home.
_LONGEST_JSON = 64 << 20
#: Seconds after which what a process of another machine has not touched counts as left behind.
_ABANDONED = 24 * 3600.0
#: Seconds to wait at most for a tick of a file system's clock, and the longest tick of one, in nanoseconds.
_PATIENCE, _TICK_ELSEWHERE = 0.05, 2_000_000_000


def write_text(path: Path, *text: str, mode: int = 0o666, durable: bool = True) -> None:
    """Replace a file in one step.

    Args:
        path: The file; its folder is made if need be.
        text: Its new content, in one piece or several.
        mode: Its permissions, less the umask.
        durable: Whether to wait until it is on disk.
    """
    with prepared_text(path, *text, mode=mode, durable=durable):
        pass


@contextmanager
def prepared_text(path: Path, *text: str, mode: int = 0o666, durable: bool = True) -> Iterator[None]:
    """Write a text beside a file, and replace the file when the block is done; not if it fails. As `write_text`."""
    temporary = path.with_name(f".{path.name}.{this_process()}-{os.urandom(4).hex()}")
    try:
        with open(create_file(temporary, mode), "w", encoding="utf-8") as file:
            file.writelines(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        yield
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def create_file(path: Path, mode: int) -> int:
    """Create a file and its folder, which another process may be deleting because it is still empty."""
    for attempts_left in (2, 1, 0):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except FileNotFoundError:
            if not attempts_left:
                raise
    raise AssertionError("unreachable")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, or None where there is none, it is broken, or it is no file that ends."""
    try:
        return json.loads(read_regular(path, _LONGEST_JSON))
    except (OSError, ValueError, RecursionError):
        return None


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a file, at once: a pipe or device in its place is refused instead of waited for.

    Args:
        path: The file, or a link to one.
        limit: Bytes it may have at most.

    Raises:
        OSError: It cannot be read, is not a file, or is larger.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        asked = min(facts.st_size, limit) + 1
        data = more = os.read(file, asked)
        while len(more) == asked and len(data) <= limit:  # it has grown since
            data += (more := os.read(file, asked))
    finally:
        os.close(file)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"Larger than {limit} bytes", str(path))
    return data


def is_link_within(link: Path, top: Path) -> bool:
    """Return whether a link can stay a link in a copy of a folder: it stays inside, and leads where its text says.

    Args:
        link: The link.
        top: The folder, with no link in its path.
    """
    words = os.readlink(link)
    place = os.path.normpath(link.parent.resolve() / words)
    inside = not os.path.isabs(words) and Path(place).is_relative_to(top)
    return inside and os.path.realpath(link) == os.path.realpath(place)


def open_own(path: Path, limit: int) -> int | None:
    """Open a file to read that this user, or root, wrote and nobody else can write to; None where it is another.

    Args:
        path: The file; a link is not followed.
        limit: Bytes it may have at most.

    Raises:
        OSError: It cannot be opened.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    facts = os.fstat(file)
    private = facts.st_uid in (os.geteuid(), 0) and not facts.st_mode & 0o022
    if stat.S_ISREG(facts.st_mode) and private and facts.st_size <= limit:
        return file
    os.close(file)
    return None


def clock_passes(folder: Path, moment: int, device: int) -> bool:
    """Wait until a file system's own clock has passed a moment, so that what changes from now on has a later time.

    Args:
        folder: Where to ask for the time, by a fresh file; made if need be.
        moment: The moment, in nanoseconds.
        device: The file system that the moment is of.

    Returns:
        Whether it has; not where that would take more than a twentieth of a second, or the folder is read-only.
    """
    from tempfile import TemporaryFile

    end = time.monotonic() + _PATIENCE
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        slack = 0 if folder.stat().st_dev == device else _TICK_ELSEWHERE
        while True:
            with TemporaryFile(dir=folder) as probe:
                if os.fstat(probe.fileno()).st_ctime_ns - slack > moment:
                    return True
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
    return False


def read_start(path: Path, size: int) -> bytes:
    """Return the first `size` bytes of a file; none where it cannot be read. A pipe in its place is not waited for."""
    with suppress(OSError), open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(size)
    return b""


def reserve(file: int, size: int) -> None:
    """Set an open file's size and preallocate its blocks where the system can.

    Raises:
        OSError: No space.
    """
    import ctypes

    disk = os.fstatvfs(file)
    if size - os.fstat(file).st_blocks * 512 > disk.f_bavail * disk.f_frsize:  # else the system would take all there is
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fallocate = libc("fallocate")  # not `posix_fallocate`, which writes the file where it cannot be reserved
    if fallocate and size and fallocate(file, 0, ctypes.c_int64(0), ctypes.c_int64(size)):
        number = ctypes.get_errno()
        if number in _FULL:
            raise OSError(number, os.strerror(number))
    os.ftruncate(file, size)


@cache
def libc(name: str) -> Any:
    """Return a function of the C library, or None where it has none of this name."""
    import ctypes

    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None


@contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
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


def _start_of(pid: int) -> str:
    """Return when a process started, as the system counts it, so that a number used again is not taken for it."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return "0"


def this_process() -> str:
    """Return a name for this process: machine, number and start."""
    return f"{socket.gethostname()}-{os.getpid()}-{_start_of(os.getpid())}"


def is_alive(pid: object) -> bool:
    """Return whether a process on this machine runs; a zombie does not count."""
    if type(pid) is not int or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def is_at_work(process: str, touched: float) -> bool:
    """Return whether a process may still be working on something.

    Args:
        process: Its name as `this_process` gave it, or any text for one that is not known.
        touched: When that something was last touched: what decides where the process cannot be asked for.
    """
    host, pid, start = (*process.rsplit("-", 2), "", "")[:3]
    if host == socket.gethostname() and pid.isdecimal():
        return is_alive(int(pid)) and start == _start_of(int(pid))
    return time.time() - touched < _ABANDONED


def find_leftovers(folder: Path, start: str, end: str) -> list[Path]:
    """Find temporary files that killed processes left beside the files which they were about to replace.

    Args:
        folder: Where to look.
        start: How the names of the temporary files begin: a dot, and the name of the file or the beginning of it.
        end: How the name of the file ends, with a dot behind it.
    """
    found = []
    for path in folder.glob(f"{start}*"):
        with suppress(FileNotFoundError):
            process = path.name.rpartition(end)[2].rpartition("-")[0]
            if not is_at_work(process, path.lstat().st_mtime):
                found.append(path)
    return found


def share_blocks(source: int, position: int, target: int, offset: int, size: int) -> bool:
    """Let a range of an open file share its blocks on disk with a range of another, which takes no space and no time.

    Btrfs and XFS can, and NFS 4.2 where its server can; ext4 cannot.

    Args:
        source: The file that has the bytes.
        position: Where they begin in it.
        target: The file that gets them.
        offset: Where to.
        size: How many; all three are multiples of `PAGE`.

    Returns:
        Whether it is done. Where it is not, nothing has changed.
    """
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _CLONE, _RANGE.pack(source, position, size, offset))
    except OSError:  # another file system, or no space: copying the bytes will tell
        return False
    return True
