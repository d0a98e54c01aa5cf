"""How far it is from a cell to the socket: the files and functions of ours that `%modelsync push` enters.

    python -m tests.benchmarks.walk [--list]

Pushes a model of 6 MB from an IPython shell to a registry in a process of its own. Sign-in and the model are made by
other processes, so that nothing is imported before the extension is loaded. All threads are profiled from the call of
the magic on; a function counts once however often it is called. The push is a quiet one: whether a bar is drawn before
the first bytes depends on how fast the machine is. Three points are told: the first request, the first request that
carries bytes of the model, and the end.

"Called" are functions and lambdas, but for those that only an import on the way calls, such as decorators, and for
constructors: what dataclasses and named tuples write for themselves is not seen either, so that it makes no difference
of which kind a class is. "With imports" counts all these as well, and all other code that runs: modules, class bodies
and comprehensions.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import threading
from inspect import CO_NEWLOCALS
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

import modelsync_jupyter
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync

PACKAGE = str(Path(modelsync_jupyter.__file__).parent)
SIZE = 6_000_000
FIRST_BYTES = "first bytes of the model"

Codes = set[CodeType]


class Walk:
    """What was entered so far, and what had been at each point: all code, and functions called besides imports."""

    def __init__(self) -> None:
        self.codes: Codes = set()
        self.called: Codes = set()
        self.points: dict[str, tuple[Codes, Codes]] = {}
        self.active = False

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """Note a call; to be given to `setprofile`."""
        code = frame.f_code
        if event == "call" and code not in self.called and code.co_filename.startswith(PACKAGE):
            self.codes.add(code)
            if is_function(code) and not in_import(frame):
                self.called.add(code)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Note the points on the way; to be given to `addaudithook`."""
        if self.active and event == "http.client.send" and isinstance(args[1], bytes):
            self.reach("first request")
            if args[1].startswith(b"PUT "):
                self.reach(FIRST_BYTES)

    def reach(self, point: str) -> None:
        """Keep what had been entered when a point was first reached."""
        self.points.setdefault(point, (set(self.codes), set(self.called)))

    def run(self, shell: InteractiveShell, line: str) -> None:
        """Run a cell."""
        self.active = True
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                result = shell.run_cell(line)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self.active = False
        result.raise_error()
        self.reach("end")


def is_function(code: CodeType) -> bool:
    """Whether some code is a function or a lambda, not a module, a class body, a comprehension or a constructor."""
    if code.co_name.startswith("<"):
        return code.co_name == "<lambda>"
    return code.co_name not in ("__init__", "__new__") and bool(code.co_flags & CO_NEWLOCALS)


def in_import(frame: FrameType | None) -> bool:
    """Whether a frame was called, in the end, by a module of ours that is being imported."""
    while frame:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(PACKAGE):
            return True
        frame = frame.f_back
    return False


def described(codes: Codes) -> list[str]:
    """A line for each code: file, line and name."""
    ordered = sorted(codes, key=lambda code: (code.co_filename, code.co_firstlineno))
    return [f"{code.co_filename[len(PACKAGE) + 1 :]}:{code.co_firstlineno} {code.co_name}" for code in ordered]


def walk_a_push() -> Walk:
    """Push a model from a cell. Once in a process, which must not have imported the client before."""
    with tempfile.TemporaryDirectory() as folder, RegistryProcess(Path(folder, "registry")) as registry:
        home, weights = Path(folder, "home"), Path(folder, "weights.bin")
        weights.write_bytes(os.urandom(SIZE))
        env = environment(home, MODELSYNC_TOKEN=TOKEN)
        for words in (["login", registry.url], ["create", "walk:v1", str(weights)]):
            modelsync(*words, env=env).check_returncode()
        os.environ |= {"BENTOML_HOME": str(home), "IPYTHONDIR": f"{folder}/ipython"}
        shell: Any = InteractiveShell()
        walk = Walk()
        shell.history_manager.enabled = False
        shell.run_line_magic("load_ext", "modelsync_jupyter")
        sys.addaudithook(walk.audit)
        walk.run(shell, "%modelsync push walk:latest --quiet")
        shell.history_manager.end_session()  # while its file is there
    return walk


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list the functions up to the first bytes of the model")
    listed = parser.parse_args().list
    walk = walk_a_push()
    for point, (codes, called) in walk.points.items():
        print(
            f"to {point}: {len({code.co_filename for code in called})} files, {len(called)} functions called;", end=" "
        )
        print(f"with imports {len({code.co_filename for code in codes})} files, {len(codes)} functions")
    if listed:
        print(*described(walk.points[FIRST_BYTES][1]), sep="\n")


if __name__ == "__main__":
    main()
