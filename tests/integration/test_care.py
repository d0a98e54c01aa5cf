"""gc, du and verify of the local store: what goes, what stays, what it frees, and repair of damaged parts alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from modelsync_jupyter.archive.layout import LARGE
from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import (
    Conflict,
    InvalidModel,
    ModelNotFound,
    NoContext,
    NotAuthenticated,
    Unavailable,
)
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.store.hashing import Known, key_of, keyed_parts, state_of
from tests.harness.models import MIB, differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync
from tests.harness.yatai import Yatai

NOW = datetime.now(timezone.utc)


@pytest.fixture
def here(tmp_path: Path) -> Client:
    """Five versions of one name, of one to five days, and one of another."""
    for day in range(1, 6):
        made = NOW - timedelta(days=day)
        make_model(tmp_path / "home", f"m:v{day}", {"w.bin": 100_000}, created=made, latest=day == 1)
    make_model(tmp_path / "home", "other:v1", {"w.bin": 5}, created=NOW - timedelta(days=99))
    return Client(tmp_path / "home")


def tags(here: Client) -> list[str]:
    return sorted(str(model.tag) for model in here.list_models())


def test_without_a_rule_no_version_goes(here: Client) -> None:
    before = tags(here)
    assert here.gc().models == ()
    assert tags(here) == before


def test_rules_hold_together_and_what_is_referred_to_stays(here: Client) -> None:
    home = here.home.path
    make_model(home, "m:kept", {"w": b"1"}, created=NOW - timedelta(days=50), labels={"keep": ""}, latest=False)
    make_model(home, "m:prod", {"w": b"1"}, created=NOW - timedelta(days=51), labels={"stage": "prod"}, latest=False)
    (home / "bentos" / "service" / "b1").mkdir(parents=True)
    (home / "bentos" / "service" / "b1" / "bento.yaml").write_text("models:\n- tag: m:v4\n  module: x\n")
    found = here.gc(keep=2, older_than=timedelta(days=2, hours=12), labels=["stage=prod"], dry_run=True)
    assert [str(model.tag) for model in found.models] == ["m:v3", "m:v5"]
    assert {str(tag): reason for tag, reason in found.kept.items()} == {
        "m:v4": "the bento `service:b1` uses it",
        "m:kept": "it has the label `keep=`",
        "m:prod": "it has the label `stage=prod`",
    }
    here.gc(keep=2, older_than=timedelta(days=2, hours=12), labels=["stage=prod"], agreed=found)
    assert tags(here) == ["m:kept", "m:prod", "m:v1", "m:v2", "m:v4", "other:v1"]
    assert found.freed >= 2 * 100_000
    assert str(here.get("m").tag) == "m:v1"


def test_what_changed_since_a_user_agreed_stays(here: Client) -> None:
    found = here.gc("m", keep=3, dry_run=True)
    here.edit("m:v5", labels={"stage": "prod"})
    done = here.gc("m", keep=2, agreed=found)
    assert [str(model.tag) for model in done.models] == ["m:v4"]
    assert set(map(str, done.kept)) == {"m:v3", "m:v5"}
    assert tags(here) == ["m:v1", "m:v2", "m:v3", "m:v5", "other:v1"]


def test_a_bento_that_cannot_be_read_stops_it(here: Client) -> None:
    (here.home.path / "bentos" / "b" / "v").mkdir(parents=True)
    (here.home.path / "bentos" / "b" / "v" / "bento.yaml").write_text("models: [")
    with pytest.raises(InvalidModel, match=r"bento\.yaml"):
        here.gc(keep=1)
    assert len(tags(here)) == 6


def test_what_others_link_to_is_not_counted_as_freed(here: Client, tmp_path: Path) -> None:
    os.link(here.get("m:v5").path / "w.bin", tmp_path / "mine")
    found = here.gc("m", keep=3, dry_run=True)
    assert 100_000 < found.freed < 200_000 + 3 * 4096
    (usage,) = here.du("m")
    assert (usage.versions, usage.name) == (5, "m")
    assert usage.shared >= 100_000
    assert usage.disk >= 500_000


def test_leftovers_of_killed_transfers_go(here: Client, tmp_path: Path) -> None:
    """A stage and the hidden file of an export that nobody goes on with; those of a fresh journal stay."""
    journals, tmp = here.home.state / "journals", here.home.tmp
    journals.mkdir(parents=True)
    tmp.mkdir(exist_ok=True)
    hidden = [tmp_path / f".m.tar.{n * 12}.partial" for n in "ab"]
    for n, path in zip("ab", hidden, strict=True):
        path.write_bytes(bytes(5000))
        stage = tmp / f"modelsync-pull-{n}"
        stage.mkdir(mode=0o700)
        (stage / "w").write_bytes(bytes(5000))
        dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
        (stage / "owner").write_text(f"{os.uname().nodename}-{dead.stdout.strip()}-1")
        about = f'{{"export": "m:v1", "to": "{tmp_path}/m.tar"}}\n{{"file": "{path.name}"}}\n'
        (journals / f"export-{n}.jsonl").write_text(about + f'{{"stage": "{stage.name}"}}\n')
    old = time.time() - 20 * 86400
    os.utime(journals / "export-a.jsonl", (old, old))
    found = here.gc()
    assert len(found.leftovers) == 3
    assert found.freed >= 10_000
    assert not hidden[0].exists()
    assert hidden[1].exists()
    assert [path.name for path in tmp.iterdir()] == ["modelsync-pull-b"]
    assert [path.name for path in journals.iterdir()] == ["export-b.jsonl"]


def test_the_command_asks_and_prints(here: Client) -> None:
    env = environment(here.home.path)
    assert "Would delete `m:v4`, `m:v5`" in modelsync("gc", "--keep", "3", "-n", env=env).stdout
    refused = modelsync("gc", "--keep", "3", env=env)
    assert refused.returncode == 2
    assert len(tags(here)) == 6
    assert modelsync("gc", "m", "--keep", "3", "--older-than", "1d", "-y", env=env).stdout.startswith("Deleted `m:v4`")
    assert "m " in modelsync("du", env=env).stdout


def test_files_that_were_written_to_are_said_to_be_changed(here: Client) -> None:
    (first,) = here.verify("m:v1")
    os.utime(here.get("m:v1").path / "w.bin", (1, 1))
    assert [each.state for each in here.verify("m:v1")] == ["recorded"]
    (here.get("m:v1").path / "w.bin").write_bytes(b"edited")
    (second,) = here.verify("m:v1")
    assert (first.state, second.state, second.expected) == ("recorded", "changed", first.digest)
    assert [each.state for each in here.verify("m:v1")] == ["good"]


@pytest.mark.processes
def test_what_an_alias_refers_to_stays_and_no_answer_is_no_permission(
    registry: RegistryProcess, here: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model(here.home.path, "m:production", {"w": b"1"}, created=NOW - timedelta(days=60), latest=False)
    with Yatai(here.home.path / "yatai") as yatai:  # a registry that knows no aliases is no obstacle
        here.login(yatai.url, yatai.token, name="yatai")
        here.login(registry.url, TOKEN, name="team")
        here.push("m:v4")
        here.catalog.move_alias("m:v4", "production")
        found = here.gc(keep=2, dry_run=True)
    assert [str(model.tag) for model in found.models] == ["m:v3", "m:v5"]
    assert {str(tag): reason for tag, reason in found.kept.items()} == {
        "m:v4": "the alias `production` in `team` refers to it",
        "m:production": "it is named as the alias `production` in `team`",
    }
    before = tags(here)
    with pytest.raises(Unavailable, match="aliases in `yatai` may refer"):
        here.gc(keep=2)
    told = modelsync("gc", "--keep", "2", "-y", env=environment(here.home.path))
    assert told.returncode == 1
    assert "No version was deleted" in told.stderr
    assert "option `--ignore-aliases`" in told.stderr
    here.gc()  # where no version would go, nobody is asked
    here.logout("yatai")
    contexts.save(here.home, Context("old", registry.url, "no-such-token"))
    with pytest.raises(NotAuthenticated, match="aliases in `old` may refer"):
        here.gc(keep=2)
    here.logout("old")
    with monkeypatch.context() as patch:
        patch.setenv("MODELSYNC_OFFLINE", "1")
        with pytest.raises(NoContext, match="Offline mode is on"):
            here.gc(keep=2)
    assert tags(here) == before
    here.gc(keep=2)
    assert tags(here) == ["m:production", "m:v1", "m:v2", "m:v4", "other:v1"]
    assert modelsync("gc", "--keep", "2", "-y", "--ignore-aliases", env=environment(here.home.path)).returncode == 0
    assert tags(here) == ["m:v1", "m:v2", "other:v1"]


def rot(here: Client, tag: str, file: str, offset: int) -> None:
    """Change a byte as a failing disk does: the store's index still takes the file for what it was."""
    model = here.get(tag)
    store, good = here._store, here._store.describe(here.get(tag))
    data = bytearray((model.path / file).read_bytes())
    data[offset] ^= 1
    (model.path / file).write_bytes(data)
    now = here.get(tag).archive
    state, facts = state_of(now)
    digests = {part.start: part.digest for part in good.parts}
    parts = {key: digests[part.start] for part, key in keyed_parts(now, facts)}
    members = zip(now.layout.entries, facts, strict=True)
    small = [(entry, fact) for entry, fact in members if entry.kind == "file" and entry.size < LARGE]
    files = {key_of(fact): good.files[entry.path] for entry, fact in small}
    large = {
        key_of(stamp): [
            (part.size, part.digest) for part in good.parts if entry.offset <= part.start < entry.content_stop
        ]
        for entry, stamp in zip(now.layout.entries, now.stamps, strict=True)
        if entry.size >= LARGE
    }
    store.index._write(Tag.parse(tag), Known(good.digest, state, parts, files, large))


@pytest.mark.processes
def test_damage_is_found_named_and_repaired_by_its_parts_alone(registry: RegistryProcess, tmp_path: Path) -> None:
    here = Client(tmp_path / "near")
    made = make_model(here.home.path, "damaged:v1", {"big.bin": 20 * MIB, "a.json": b"{}", "other.bin": 6 * MIB})
    assert [each.state for each in here.verify()] == ["recorded"]
    assert [each.state for each in here.verify("damaged")] == ["good"]
    here.login(registry.url, TOKEN)
    here.push("damaged:v1")
    original = (made / "big.bin").read_bytes()
    rot(here, "damaged:v1", "big.bin", 10 * MIB)
    (found,) = here.verify("damaged:v1")
    assert (found.state, found.files) == ("damaged", ("big.bin",))
    told = modelsync("verify", env=environment(here.home.path))
    assert told.returncode == 1
    assert "big.bin" in told.stderr
    assert "--repair" in told.stderr
    (mended,) = here.verify("damaged:v1", repair=True)
    assert (mended.state, mended.digest) == ("repaired", found.expected)
    assert 0 < mended.fetched <= 2 * MIB
    assert (made / "big.bin").read_bytes() == original
    assert [each.state for each in here.verify()] == ["good"]


@pytest.mark.processes
def test_what_cannot_be_repaired_stays_as_it_is(registry: RegistryProcess, tmp_path: Path) -> None:
    here = Client(tmp_path / "near")
    here.login(registry.url, TOKEN)
    made = make_model(here.home.path, "lost:v1", {"w.bin": 50_000})
    here.verify()
    rot(here, "lost:v1", "w.bin", 100)
    before = (made / "w.bin").read_bytes()
    with pytest.raises(ModelNotFound, match="damaged"):
        here.verify("lost:v1", repair=True)
    other = Client(tmp_path / "other")
    other.login(registry.url, TOKEN)
    make_model(other.home.path, "lost:v1", {"w.bin": b"another"})
    other.push("lost:v1")
    with pytest.raises(Conflict, match="other content"):
        here.verify("lost:v1", repair=True)
    assert (made / "w.bin").read_bytes() == before
    assert differences(made, here.get("lost:v1").path) == []
