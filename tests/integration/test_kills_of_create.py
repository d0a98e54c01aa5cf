"""A process that creates and deletes is killed at any moment: the store is whole, and `heal` mends the rest."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore

_BUSY = """
import sys
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.create import draft
from modelsync_jupyter.store.local import LocalStore
store = LocalStore(Home.find(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    number += 1
    with draft(store, Tag("m"), {}) as making:
        (making.path / "f").write_bytes(b"x" * 1000)
    if number % 3 == 0:
        store.delete(making.tag)
"""


def test_whatever_the_moment_of_the_kill_the_store_is_whole_and_healed(tmp_path: Path) -> None:
    store, moments = LocalStore(Home(tmp_path)), random.Random(7)
    for _ in range(8):
        argv = [sys.executable, "-c", _BUSY, str(tmp_path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.2))
            process.kill()
        models = store.models()
        assert all((model.path / "f").stat().st_size == 1000 for model in models)
        store.heal("m")
        folders = ("models/m/*", "models/m/.*", "tmp/*", ".modelsync/digests/.*")  # `*` leaves no dots out here
        found = [path for pattern in folders for path in tmp_path.glob(pattern)]
        left = {path.name for path in found if not _has_no_owner_yet(path)}
        assert sorted(left) == sorted([*(str(model.tag.version) for model in models), *(["latest"] if models else [])])
        assert store.find(Tag("m")) == (models[0] if models else None)
        assert not models or (tmp_path / "models/m/latest").read_text() == models[0].tag.version


def _has_no_owner_yet(path: Path) -> bool:
    """Return whether its maker was killed before noting itself in a folder: it may be anybody's for a day."""
    return path.parent.name == "tmp" and [each.stat().st_size for each in path.iterdir()] in ([], [0])
