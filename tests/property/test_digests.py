"""The content digest is a function of the files alone: equal folders have equal ones, by whatever route they came."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.create import draft
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import Executable, make_model

from .trees import TREES, Tree, scratch, write

TAG = Tag("m", "v1")


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink())


@given(TREES, st.booleans(), st.integers(0, 2**31), st.integers(1, 3))
def test_order_times_and_maker_do_not_matter(tree: Tree, backwards: bool, time: int, threads: int) -> None:
    with scratch() as folder:
        ours = LocalStore(Home(folder / "ours"))
        with draft(ours, TAG, {}) as making:
            write(tree, making.path)
        assert making.model
        other = LocalStore(Home(folder / "other"))
        made = write(tree, make_model(other.home.path, str(TAG), {}), backwards=backwards)
        (made / "model.yaml").write_bytes((making.path / "model.yaml").read_bytes())
        for path in _files(made):
            os.utime(path, (time, time))
        digest = other.describe(other.get(TAG), threads=threads).digest
        assert digest == other.digest(other.get(TAG)) == ours.digest(making.model)


@given(TREES, st.data())
def test_one_changed_byte_changes_it(tree: Tree, data: st.DataObject) -> None:
    with scratch() as folder:
        store = LocalStore(Home(folder))
        made = write(tree, make_model(folder, str(TAG), {"always": b"here", "run": Executable(b"#!")}))
        before = store.describe(store.get(TAG)).digest
        path = data.draw(st.sampled_from([each for each in _files(made) if each.stat().st_size]))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        if path.name != "model.yaml":
            path.write_bytes(content)
            assert store.digest(store.get(TAG)) is None
            assert store.describe(store.get(TAG)).digest != before
