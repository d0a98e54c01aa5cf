"""Where the processes of a server keep their metrics for Prometheus: a file for each, in a folder beside the data.

A folder is locked for as long as a process of its server lives, so that the next server, or another one over the same
data, can tell which folders a `kill -9` has left.

The files are mapped into memory. To write there on a full disk is no error but ends the process with SIGBUS, with
everything that it was doing for others. So they have all of their bytes from the start, or there are no metrics:
as where the folder cannot be made or locked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

#: The variable from which prometheus_client learns the folder, when it is imported.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_LOCK = "lock"
#: What each process keeps, in the names that prometheus_client gives its files, and their bytes: with all routes and
#: methods half as many are used.
_KINDS = ("counter", "histogram")
_SIZE = 2 << 20


@contextmanager
def keep_metrics(data: Path) -> Iterator[None]:
    """Have this process and its children keep metrics in a folder of theirs, until this ends, where that can be made.

    Args:
        data: Folder of the registry, which is there.
    """
    pid = os.getpid()
    with ExitStack() as stack:
        folder = None
        os.environ.pop(FOLDER, None)
        with suppress(OSError):  # a full disk, or one that knows no locks: a registry is more than its metrics
            folder = _make_folder(data / "metrics", stack)
            os.environ[FOLDER] = str(folder)
            if not reserve_metrics(pid):
                del os.environ[FOLDER]
        try:
            yield
        finally:
            if folder and os.getpid() == pid:  # and no worker
                shutil.rmtree(folder, ignore_errors=True)


def _make_folder(place: Path, stack: ExitStack) -> Path:
    """Make a folder, locked until the stack unwinds, and remove those of servers that are no more.

    Locks are files that are open for writing: of others NFS grants none.
    """
    place.mkdir(mode=0o700, exist_ok=True)
    with open(place / _LOCK, "wb") as everybody:
        fcntl.flock(everybody, fcntl.LOCK_EX)  # else another server could take a folder that has no lock yet
        for left in place.iterdir():
            if left.is_dir():
                _remove_if_left(left)
        folder = Path(mkdtemp(dir=place))
        try:
            lock = stack.enter_context(open(folder / _LOCK, "wb"))  # noqa: SIM115  # the stack closes it
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder


def reserve_metrics(pid: int) -> bool:
    """Make the files of a process; returns whether it has metrics: not without a folder, nor on a full disk."""
    if FOLDER not in os.environ:
        return False
    files = [Path(os.environ[FOLDER], f"{kind}_{pid}.db") for kind in _KINDS]
    try:
        for file in files:
            file.write_bytes(bytes(_SIZE))
    except OSError:
        for file in files:
            file.unlink(missing_ok=True)
        return False
    return True


def trim_metrics(pid: int) -> None:
    """Keep of the files of a process that has ended what is written there: else each that dies takes 4 MiB."""
    for kind in _KINDS if FOLDER in os.environ else ():
        with suppress(OSError), open(Path(os.environ[FOLDER], f"{kind}_{pid}.db"), "r+b") as file:
            file.truncate(max(8, int.from_bytes(file.read(4), sys.byteorder)))  # its first number says how many bytes


def _remove_if_left(folder: Path) -> None:
    """Remove the folder of a server of which no process lives."""
    try:
        with open(folder / _LOCK, "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # it was killed before it had a lock
        pass
    except OSError:  # it lives, or nobody can tell
        return
    shutil.rmtree(folder, ignore_errors=True)
