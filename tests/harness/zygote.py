"""Programs that begin in a tenth of the time: their modules are loaded once, and each run is a fork of that.

Half of a second of `modelsync`, and two of `bentoml`, go into imports, some hundred times in a run of all tests. Each
run still is a process of its own, with its own arguments, environment, folder and exit code. What a test says about
the start of a program, about its death, or about its terminal, it shows with a program that is started plainly.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from .clock import LONG

_PREPARED: Mapping[str, Sequence[str]] = {
    "bentoml": ("bentoml.models", "bentoml_cli.cli", "bentoml._internal.cloud.model"),
    "modelsync_jupyter": (
        "modelsync_jupyter.cli.main",
        "modelsync_jupyter.client",
        "modelsync_jupyter.jobs.execution",
        "modelsync_jupyter.remotes.bentocloud.client",
    ),
    "modelsync_jupyter serve": ("modelsync_jupyter.cli.main", "modelsync_jupyter.registry.server"),
}
_started: dict[str, Zygote] = {}
_lock = threading.Lock()


class Zygote:
    """A process in which the modules of a program are loaded, and which runs it as often as it is asked to.

    Args:
        program: A key of `_PREPARED`: the name of its package, or what it is started for.
    """

    def __init__(self, program: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zygote")
        self._path = f"{self._folder.name}/s"
        env = {**os.environ, "BENTOML_HOME": "/nonexistent", "BENTOML_DO_NOT_TRACK": "True"}
        argv = [sys.executable, "-m", "tests.harness.zygote", program, self._path]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(  # Ctrl-C is for the tests, whose end is the end of its stdin
            argv, cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def start(self, words: Sequence[str], env: Mapping[str, str], *files: int) -> Started:
        """Start the program.

        Args:
            words: Its arguments; or `-c`, code that uses it, and the arguments of that.
            env: Its whole environment.
            files: Descriptors of its stdin, stdout and stderr.
        """
        order = json.dumps({"words": list(words), "env": dict(env), "cwd": os.getcwd()}).encode()
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(self._path)
        socket.send_fds(line, [len(order).to_bytes(8, "big")], files)
        line.sendall(order)
        return Started(line)

    def stop(self) -> None:
        """End it; the programs have ended."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


class Started:
    """A program that runs: what a test needs of `subprocess.Popen`.

    Attributes:
        pid: Its process, which leads a group of its own.
        returncode: Its exit code, once it was seen to end.
        stdout: The other end of its stdout, if somebody put that here; closed when the program was seen to end.
    """

    def __init__(self, line: socket.socket) -> None:
        self._ended = threading.Event()
        self.pid = _number(line)
        self.returncode: int | None = None
        self.stdout: TextIO | None = None
        threading.Thread(target=self._listen, args=(line,), daemon=True).start()

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end; returns the exit code.

        Raises:
            TimeoutExpired: It still runs.
        """
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("", timeout)
        if self.stdout:
            self.stdout.close()
        assert self.returncode is not None, "the program was lost"
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs still."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _listen(self, line: socket.socket) -> None:
        try:
            self.returncode = _number(line)
        finally:
            line.close()
            self._ended.set()


def _number(line: socket.socket) -> int:
    data = line.recv(8)
    assert len(data) == 8, "the program could not be run"
    return int.from_bytes(data, "big", signed=True)


def of(program: str) -> Zygote:
    """The process that runs a program; one for each program."""
    with _lock:
        if program not in _started:
            _started[program] = Zygote(program)
            atexit.register(_started[program].stop)
    return _started[program]


def run(
    program: str, words: Sequence[str], env: Mapping[str, str], input: str = "", timeout: float = 2 * LONG
) -> subprocess.CompletedProcess[str]:
    """Run `python -m PROGRAM WORDS`, or `python -c CODE WORDS`, to its end, where its modules are loaded already.

    Raises:
        TimeoutExpired: It took too long; it is killed.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
        files[0].write(input)
        files[0].seek(0)
        started = of(program).start(words, env, *(file.fileno() for file in files))
        try:
            code = started.wait(timeout)
        except BaseException:
            started.send_signal(signal.SIGKILL)
            raise
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess([program, *words], code, files[1].read(), files[2].read())


def _serve(program: str, path: str) -> None:
    for name in _PREPARED[program]:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:  # until the tests have ended
            line, _ = listener.accept()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    continue
            if os.fork() == 0:
                listener.close()
                _watch(program, line)
            line.close()


def _watch(program: str, line: socket.socket) -> None:
    """Fork the program, and tell its exit code; if nobody waits for it any more, kill it."""
    size, fds, _, _ = socket.recv_fds(line, 8, 3)
    order = b""
    while len(order) < int.from_bytes(size, "big"):
        order += line.recv(1 << 16)
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(program, fds, **json.loads(order))
    for fd in fds:
        os.close(fd)
    line.sendall(pid.to_bytes(8, "big"))
    threading.Thread(target=_kill_when_alone, args=(line, pid), daemon=True).start()
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        line.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    os._exit(0)


def _kill_when_alone(line: socket.socket, pid: int) -> None:
    with contextlib.suppress(OSError):
        line.recv(1)
        os.killpg(pid, signal.SIGKILL)


def _become(program: str, fds: list[int], words: list[str], env: dict[str, str], cwd: str) -> None:
    os.setsid()
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
        os.close(fd)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [program, *words]
    code = 0
    try:
        if words[:1] == ["-c"]:
            sys.argv = words[:1] + words[2:]
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(program.partition(" ")[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
