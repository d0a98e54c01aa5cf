"""The local store against a dictionary: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelExists, ModelNotFound
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.create import draft
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import CREATED, make_model

from .trees import new_folder

NAMES, VERSIONS = st.sampled_from(["a", "b"]), st.sampled_from(["v1", "v2", "v3", "v4"])
DAYS = st.integers(0, 5)


class StoreMachine(RuleBasedStateMachine):
    """`models` is what there is: its time and content by name and version; `latest` is what each file says."""

    @initialize()
    def begin(self) -> None:
        self.folder = new_folder()
        self.store = LocalStore(Home(self.folder))
        self.models: dict[Tag, tuple[int, bytes]] = {}
        self.latest: dict[str, str] = {}
        self.count = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @rule(name=NAMES, version=VERSIONS, day=DAYS, replace=st.booleans())
    def install(self, name: str, version: str, day: int, replace: bool) -> None:
        tag = Tag(name, version)
        self.count += 1
        content = b"%d" % self.count
        top = self.store.new_folder("test")
        created = CREATED + timedelta(days=day)
        folder = make_model(top, str(tag), {"f": content}, created=created, latest=False)
        staged = folder.rename(top / "model")
        try:
            self.store.install(staged, tag, replace=replace)
        except ModelExists:
            assert tag in self.models
            assert not replace
        else:
            assert replace or tag not in self.models
            self._put(tag, day, content)
        shutil.rmtree(top)

    @rule(name=NAMES, version=VERSIONS, fails=st.booleans())
    def create(self, name: str, version: str, fails: bool) -> None:
        tag = Tag(name, version)
        self.count += 1
        content = b"%d" % self.count
        try:
            with draft(self.store, tag, {}) as making:
                (making.path / "f").write_bytes(content)
                if fails:
                    raise LookupError
        except ModelExists:
            assert tag in self.models
        except LookupError:
            assert tag not in self.models
        else:
            self._put(tag, 1000 + self.count, content)

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def delete_one(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from(sorted(self.models, key=str)))
        assert self.store.delete(tag) == [tag]
        del self.models[tag]
        self._mend(tag.name)

    @rule(name=NAMES)
    def delete_all_of_a_name(self, name: str) -> None:
        gone = sorted((tag for tag in self.models if tag.name == name), key=str)
        if gone:
            assert self.store.delete(Tag(name)) == gone
        else:
            with pytest.raises(ModelNotFound):
                self.store.delete(Tag(name))
        for tag in gone:
            del self.models[tag]
        self._mend(name)

    @rule(name=NAMES)
    def lose_the_latest_file(self, name: str) -> None:
        (self.store.home.models / name / "latest").unlink(missing_ok=True)
        if newest := self._newest(name):
            self.latest[name] = newest

    @invariant()
    def lists_agree(self) -> None:
        listed = [(model.tag, (model.path / "f").read_bytes()) for model in self.store.models()]
        assert dict(listed) == {tag: content for tag, (_, content) in self.models.items()}
        assert len(listed) == len(self.models)
        days = [(tag.name, -self.models[tag][0]) for tag, _ in listed]
        assert days == sorted(days)

    @invariant()
    def latest_agrees(self) -> None:
        for name in ("a", "b"):
            if name in self.latest:
                assert self.store.get(Tag(name)).tag == Tag(name, self.latest[name])
            else:
                assert self.store.find(Tag(name)) is None

    @rule(name=NAMES)
    def heal(self, name: str) -> None:
        self.store.heal(name)

    @invariant()
    def nothing_is_left_over(self) -> None:
        assert list(self.store.home.tmp.glob("*")) == []
        names = [path.name for path in self.store.home.models.glob("*")]
        assert sorted(names) == sorted({tag.name for tag in self.models})

    def _put(self, tag: Tag, day: int, content: bytes) -> None:
        self.models[tag] = (day, content)
        if day >= max(time for each, (time, _) in self.models.items() if each.name == tag.name):
            self.latest[tag.name] = str(tag.version)
        else:
            self._mend(tag.name)  # it may have been the latest, and be older now

    def _newest(self, name: str) -> str | None:
        tags = sorted((tag for tag in self.models if tag.name == name), key=str)
        return str(max(tags, key=lambda tag: self.models[tag][0]).version) if tags else None

    def _mend(self, name: str) -> None:
        """`latest` stays while it names one of the newest."""
        newest, latest = self._newest(name), self.latest.pop(name, None)
        if newest:
            times = [self.models.get(Tag(name, version), (None,))[0] for version in (newest, latest)]
            self.latest[name] = latest if latest and times[0] == times[1] else newest


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=20)
