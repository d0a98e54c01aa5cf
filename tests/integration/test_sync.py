"""Sync between every kind of end: compared by digest, resumed after kills, deletes only when all is copied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import Conflict, TransferFailed, UsageError
from modelsync_jupyter.core.outcome import Options
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.transfer.mirror import Mirror
from modelsync_jupyter.transfer.mirror_ends import open_end
from modelsync_jupyter.transfer.work import Work
from tests.contract.plainly import create, upload
from tests.harness.halting import kill_at
from tests.harness.models import MIB, differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync
from tests.harness.yatai import Yatai
from tests.unit.archives import pack

pytestmark = pytest.mark.processes
VERSIONS = 8
_PART = "modelsync_jupyter.remotes.bentocloud.uploading:Upload._put_part"
_FINISH = "modelsync_jupyter.transfer.mirror_ends:RegistryEnd.finish"


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[tuple[RegistryProcess, RegistryProcess]]:
    with RegistryProcess(tmp_path / "a") as one, RegistryProcess(tmp_path / "b") as two:
        yield one, two


def signed_in(home: Path, **registries: str) -> Client:
    here = Client(home)
    for name, url in registries.items():
        here.login(url, TOKEN, name=name)
    return here


def digests(here: Client, context: str) -> dict[str, str]:
    return {str(model.tag): model.digest for model in Client(here.home.path, context).list_remote() if model.complete}


def test_a_mirror_of_a_registry_is_killed_resumed_and_whole(
    registries: tuple[RegistryProcess, RegistryProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, sendfile = [], os.sendfile
    monkeypatch.setattr(os, "sendfile", lambda *words: sent.append(sendfile(*words)) or sent[-1])
    here = signed_in(tmp_path / "near", a=registries[0].url, b=registries[1].url)
    sizes = {f"m{i}:v1": 60_000 + i for i in range(VERSIONS - 1)} | {"big:v1": 9 * MIB}
    made = {tag: make_model(here.home.path, tag, {"w.bin": size, "tag": tag.encode()}) for tag, size in sizes.items()}
    assert here.sync("local", "a").counts == {"copy": VERSIONS}
    assert sum(sent) >= 8 * MIB, "the kernel sends what is large, as it does in a push"
    for step, calls, whole in ((_PART, 3, 0), (_FINISH, 2, 3), (_FINISH, 2, 6)):  # amid the large one; between others
        kill_at(step, calls, ["sync", "a", "b", "-t", "1"], environment(here.home.path))
        assert len(digests(here, "b")) == whole
        assert digests(here, "b").items() <= digests(here, "a").items()  # nothing half-made among them
    report = here.sync("a", "b")
    assert report.counts == {"same": 6, "copy": VERSIONS - 6}
    assert digests(here, "b") == digests(here, "a")
    again = here.sync("a", "b")
    assert (again.counts, again.moved) == ({"same": VERSIONS}, 0)
    assert not list((here.home.state / "journals").glob("*"))

    folder = tmp_path / "mirror"  # and on through a folder, as to a site without network
    here.sync("b", f"{folder}/")
    far = Client(tmp_path / "far")
    assert far.sync(folder, "local").counts == {"copy": VERSIONS}
    assert all(differences(path, far.get(tag).path) == [] for tag, path in made.items())
    assert far.sync("local", folder).counts == {"same": VERSIONS}


def test_labels_descriptions_and_aliases_follow_what_they_are_about(
    registries: tuple[RegistryProcess, RegistryProcess], tmp_path: Path
) -> None:
    here = signed_in(tmp_path / "near", a=registries[0].url, b=registries[1].url)
    a, b = (Client(here.home.path, context).catalog for context in "ab")
    for version in ("v1", "v2", "v3"):
        make_model(here.home.path, f"al:{version}", {"w": version.encode()}, labels={"team": "al"})
        Client(here.home.path, "a").push(f"al:{version}")
    make_model(tmp_path / "else", "al:v3", {"w": b"other"}, labels={"team": "al"})
    signed_in(tmp_path / "else", b=registries[1].url).push("al:v3")
    a.change("al:v1", labels={"stage": "test"}, description="the first")
    for alias, version in (("prod", "v1"), ("old", "v1"), ("wild", "v3")):
        a.move_alias(f"al:{version}", alias)

    def seen() -> dict[str, str]:
        return {each.name: each.version for each in b.aliases("al")}

    report = here.sync("a", "b", query="label:team=al")
    assert report.counts == {"copy": 2, "different": 1, "alias": 2}  # none stands for what is another model there
    assert seen() == {"prod": "v1", "old": "v1"}
    there = Client(here.home.path, "b").get_remote("al:v1")
    assert (there.labels, there.description) == ({"team": "al", "stage": "test"}, "the first")

    a.move_alias("al:v2", "prod")
    a.change("al:v1", remove=("stage",))
    plan = here.plan_sync("a", "b", query="label:team=al")
    assert plan.counts == {"update": 1, "same": 1, "different": 1, "alias": 1}
    assert "al:prod → v2" in modelsync("sync", "a", "b", "-n", env=environment(here.home.path)).stdout
    b.move_alias("al:v3", "prod")
    with pytest.raises(Conflict, match="someone else moved it"):
        mirror(here).carry_out(plan)
    b.move_alias("al:v1", "prod")
    assert mirror(here).carry_out(plan).moved == 0
    assert seen() == {"prod": "v2", "old": "v1"}
    assert Client(here.home.path, "b").get_remote("al:v1").labels == {"team": "al"}
    assert here.sync("a", "b", query="label:team=al").counts == {"same": 2, "different": 1}

    a.drop_alias("al:old")
    a.delete("al:v1")
    assert here.sync("a", "b", delete=True).counts.items() >= {"delete": 1, "different": 1, "alias": 1}.items()
    assert seen() == {"prod": "v2"}
    assert "al:v1" not in digests(here, "b")


def mirror(here: Client) -> Mirror:
    work = Work(here.home, Options())
    return Mirror(work, open_end("a", work), open_end("b", work))


def test_what_differs_is_left_alone_and_what_is_gone_is_deleted_last(
    registries: tuple[RegistryProcess, RegistryProcess], tmp_path: Path
) -> None:
    here, folder = Client(tmp_path / "near"), tmp_path / "mirror"
    for tag in ("one:v1", "two:v1", "gone:v1"):
        make_model(here.home.path, tag, {"w": tag.encode()})
    here.sync("local", folder)
    here.delete("gone:v1")
    here.delete("two:v1")
    changed = make_model(here.home.path, "two:v1", {"w": b"other"})
    plan = here.plan_sync("local", folder, delete=True)
    assert {str(item.tag): item.action for item in plan.items} == {
        "one:v1": "same",
        "two:v1": "different",
        "gone:v1": "delete",
    }
    report = here.sync("local", folder)
    assert (report.counts, report.different) == ({"same": 1, "different": 1}, ("two:v1",))
    assert {path.name for path in folder.iterdir()} == {"one", "two", "gone"}

    (changed / "w").chmod(0)
    if os.geteuid():  # root reads everything
        with pytest.raises(TransferFailed, match="1 of 1 versions were not copied: `two:v1`"):
            here.sync("local", folder, force=True, delete=True, keep_going=True)
        assert (folder / "gone" / "v1.tar").exists()
    (changed / "w").chmod(0o644)
    assert here.sync("local", folder, force=True, delete=True).counts == {"same": 1, "replace": 1, "delete": 1}
    assert not (folder / "gone" / "v1.tar").exists()
    far = Client(tmp_path / "far")
    far.sync(folder, "local")
    assert differences(changed, far.get("two:v1").path) == []
    with pytest.raises(UsageError, match="would go"):
        Client(tmp_path / "empty").sync("local", folder, delete=True)
    with pytest.raises(UsageError, match="not the name of a context"):
        here.sync("local", "nowhere")


def test_a_version_that_fails_does_not_stop_the_others(
    registries: tuple[RegistryProcess, RegistryProcess], tmp_path: Path
) -> None:
    here, folder = Client(tmp_path / "near"), tmp_path / "mirror"
    for tag in ("a:v1", "b:v1", "c:v1"):
        make_model(here.home.path, tag, {"w": tag.encode() * 1000})
    here.sync("local", folder)
    bad = bytearray((folder / "b" / "v1.tar").read_bytes())
    bad[bad.index(b"b:v1b:v1")] ^= 1
    (folder / "b" / "v1.tar").write_bytes(bad)
    far = signed_in(tmp_path / "far", a=registries[0].url)
    with pytest.raises(TransferFailed, match=r"1 of 3 versions were not copied: `b:v1`"):
        far.sync(folder, "local", keep_going=True)
    assert sorted(str(model.tag) for model in far.list_models()) == ["a:v1", "c:v1"]


def test_what_stock_bentoml_pushed_elsewhere_moves_through_a_hidden_store(
    registries: tuple[RegistryProcess, RegistryProcess], tmp_path: Path
) -> None:
    """An archive that says nothing of itself, from a registry that knows nothing of us."""
    with Yatai(tmp_path / "yatai", "presigned_url") as yatai:
        here = signed_in(tmp_path / "near", b=registries[1].url)
        here.login(yatai.url, yatai.token, name="yatai")
        made = make_model(tmp_path / "made", "stock:v1", {"w.bin": 300_000})
        remote = Client(here.home.path, "yatai")._remote()
        create(remote, Tag("stock", "v1"))
        upload(remote, Tag("stock", "v1"), pack(made))
        assert here.sync("yatai", "b").counts == {"copy": 1}
    far = signed_in(tmp_path / "far", b=registries[1].url)
    assert differences(made, far.pull("stock:v1").path) == []
    assert not list((here.home.tmp).glob("*"))
