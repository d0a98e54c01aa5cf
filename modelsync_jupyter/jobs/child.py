"""A transfer in a process of its own, which outlives the notebook that asked for it.

`python -m modelsync_jupyter.jobs.child ID HOME` carries out the transfer whose record has that id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelSyncError

from .execution import Execution
from .records import Record, Records

#: Niceness of the child, so that notebooks keep the processor: where they use all of it, a tenth is left for it.
_NICENESS = 10


def spawn(home: Home, record: Record) -> None:
    """Start a transfer in a process of its own, in a session of its own, so that no Ctrl-C here reaches it."""
    Records(home).save(record._replace(pid=0))
    child = subprocess.Popen(
        [sys.executable, "-m", "modelsync_jupyter.jobs.child", record.id, str(home.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "BENTOML_HOME": str(home.path)},
    )
    threading.Thread(target=child.wait, name="modelsync-child", daemon=True).start()  # leaves no zombie


def main(id: str, folder: str) -> int:
    """Carry out a transfer; SIGTERM cancels it. It runs at low priority."""
    _step_back()
    home = Home.find(folder)
    execution = Execution(home, Records(home).get(id))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: execution.cancel())
    with contextlib.suppress(ModelSyncError):
        execution.run()
        return 0
    return 1


def _step_back() -> None:
    """Take the processor time that others leave, and leave one processor to them, if there is more than one."""
    os.nice(_NICENESS)
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, processors[1:] or processors)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
