"""What a whole process costs: wall time, CPU, memory, bytes written."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_ANON = re.compile(r"Rss(?:Anon|Shmem):\s+(\d+) kB")


@dataclass(frozen=True)
class Usage:
    """The cost of one process.

    Args:
        wall: Seconds from its start to its end, interpreter start-up included.
        cpu: Seconds of user and system time, its reaped children included.
        rss: Peak bytes resident, mapped file pages included (`ru_maxrss`); never below the 28 MB of the process that
            forked it.
        anon: Peak bytes of its own memory: RssAnon + RssShmem of /proc/PID/status, sampled.
        written: Bytes it gave to file systems to write (`ru_oublock`).
        wire: Bytes that all processes together sent over the loopback meanwhile.
    """

    wall: float
    cpu: float
    rss: int
    anon: int
    written: int
    wire: int = 0


class ProcessFailedError(Exception):
    """A measured process did not exit with 0."""


def run(argv: Sequence[str], env: Mapping[str, str], every: float = 0.01) -> Usage:
    """Run a command to its end and measure it.

    Args:
        argv: The command.
        env: Its whole environment.
        every: Seconds between two looks at its memory.

    Raises:
        ProcessFailedError: It did not exit with 0; says the end of its output.
    """
    wire, start = _sent(), time.perf_counter()
    with subprocess.Popen(
        argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as child:
        output, sampler = Drain(child), Sampler(child.pid, every)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
        output.join()
    if child.returncode:
        raise ProcessFailedError(f"`{' '.join(argv[:6])}` exited with {child.returncode}:\n{output.text[-2000:]}")
    return Usage(
        wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, sampler.peak, used.ru_oublock * 512, _sent() - wire
    )


def middle(usages: Sequence[Usage]) -> Usage:
    """The median of each number; of memory the worst."""
    return Usage(
        wall=median(usage.wall for usage in usages),
        cpu=median(usage.cpu for usage in usages),
        rss=max(usage.rss for usage in usages),
        anon=max(usage.anon for usage in usages),
        written=max(usage.written for usage in usages),
        wire=round(median(usage.wire for usage in usages)),
    )


def _sent() -> int:
    """Bytes that the loopback interface has carried so far."""
    text = Path("/proc/net/dev").read_text()
    found = re.search(r"^\s*lo:\s*(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


class Drain(threading.Thread):
    """Reads a child's output so that it never blocks."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._child, self.text = child, ""
        self.start()

    def run(self) -> None:
        if self._child.stdout is not None:
            self.text = self._child.stdout.read().decode(errors="replace")


class Sampler(threading.Thread):
    """Watches the own memory of a process until it is stopped.

    Args:
        pid: The process.
        every: Seconds between two looks.
    """

    def __init__(self, pid: int, every: float) -> None:
        super().__init__(daemon=True)
        self._file, self._every, self._done = Path(f"/proc/{pid}/status"), every, threading.Event()
        self.peak = 0
        self.start()

    def run(self) -> None:
        while not self._done.wait(self._every):
            try:
                text = self._file.read_text()
            except OSError:
                return
            self.peak = max(self.peak, 1024 * sum(int(size) for size in _ANON.findall(text)))

    def stop(self) -> None:
        self._done.set()
        self.join()
