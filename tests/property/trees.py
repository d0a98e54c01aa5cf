"""Folders of every shape a model may have."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.harness.models import Executable, Folder, Link

#: Names as file systems take them: any Unicode, up to 255 bytes.
LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
SHORT = st.text(LETTERS, min_size=1, max_size=8)
LONG = st.builds(lambda letter, count: letter * count, st.sampled_from("aé模"), st.integers(30, 85))
NAMES = (SHORT | LONG).filter(lambda name: name not in (".", "..", "model.yaml") and len(name.encode()) <= 255)
CONTENT = st.binary(max_size=40) | st.builds(
    lambda seed, size: (seed * size)[:size],
    st.binary(min_size=1, max_size=7),
    st.sampled_from([511, 512, 513, 1024, 2500]),
)
LEAVES = CONTENT | st.builds(Executable, CONTENT) | st.builds(Folder) | st.builds(Link, NAMES)

Tree = dict[str, Any]
TREES: st.SearchStrategy[Tree] = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=4), max_leaves=8),
    max_size=5,
)


def new_folder() -> Path:
    """A folder, in memory where that is possible: a busy disk takes its time to keep every stage for good."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="modelsync-property-", dir=memory))


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, for one example."""
    folder = new_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write(tree: Tree, folder: Path, *, backwards: bool = False) -> Path:
    """Write a tree; the order in which things are made may be turned round."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, item in sorted(tree.items(), reverse=backwards):
        path = folder / name
        if isinstance(item, dict):
            write(item, path, backwards=backwards)
        elif isinstance(item, Folder):
            path.mkdir()
        elif isinstance(item, Link):
            path.symlink_to(item.target)
        else:
            content = item.content if isinstance(item, Executable) else item
            assert isinstance(content, bytes)
            path.write_bytes(content)
            path.chmod(0o755 if isinstance(item, Executable) else 0o644)
    return folder
