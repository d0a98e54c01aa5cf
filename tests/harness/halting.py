"""`modelsync ...` that stands still at a chosen step, so that a test can kill it there however fast the machine is.

`kill_at("package.module:Class.method", 3, ["pull", "m"], env)` starts it, lets the method be called three times, and
kills it as it calls it once more. All threads that come to the method stand still, so what was done until then is done,
and nothing after it.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_READY = "standing still"


def kill_at(step: str, calls: int, words: Sequence[str], env: Mapping[str, str]) -> None:
    """Run `modelsync` and kill it, with all that it started, at a step.

    Args:
        step: A method, as `package.module:Class.method`.
        calls: How many calls of it, by any thread, are made before.
        words: The command line.
        env: The environment.

    Raises:
        AssertionError: It ended before it came so far.
    """
    argv = [sys.executable, "-m", "tests.harness.halting", step, str(calls), *words]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        argv, env=env, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout
        assert any(_READY in line for line in child.stdout), child.communicate()
        os.killpg(child.pid, signal.SIGKILL)


def main(step: str, calls: int, words: Sequence[str]) -> int:
    """Be the process that is killed."""
    module, _, path = step.partition(":")
    name, _, method = path.partition(".")
    owner = getattr(importlib.import_module(module), name)
    plain, lock, left = getattr(owner, method), threading.Lock(), [calls]

    def step_or_stand(*args: Any, **named: Any) -> Any:
        with lock:
            left[0] -= 1
            if left[0] == -1:
                print(_READY, flush=True)
        if left[0] < 0:
            threading.Event().wait()
        return plain(*args, **named)

    setattr(owner, method, step_or_stand)
    from modelsync_jupyter.cli.main import main as run

    return run(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
