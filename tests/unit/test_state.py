"""What is remembered between processes: journals, locks and records."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, TransferFailed, TransferNotFound
from modelsync_jupyter.core.outcome import Options, Outcome
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import is_alive
from modelsync_jupyter.jobs import records as records_module
from modelsync_jupyter.jobs.records import Lock, Record, Records
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.transfer.journal import Journal
from modelsync_jupyter.transfer.work import Stop
from tests.harness.clock import LONG, wait_until, within

ABOUT = {"pull": "m:v1", "state": ["x", 5, None]}


def dead_pid() -> int:
    """A process that was, and is buried."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


# Journals


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "j.jsonl"


def noted(path: Path, *notes: dict[str, Any], about: dict[str, Any] = ABOUT) -> Path:
    journal = Journal(path, about)
    for note in notes:
        journal.add(**note)
    journal.close()
    return path


def again(path: Path, about: dict[str, Any] = ABOUT) -> Journal:
    journal = Journal(path, about)
    journal.close()
    return journal


def test_notes_are_found_again(path: Path) -> None:
    notes: list[dict[str, Any]] = [
        {"part": 1, "content": "x"},
        {"entry": ["größe\n\u2028\x85.bin", "file", 0]},
        {"upload_id": "u"},
    ]
    first = again(path)
    assert (first.fresh, first.notes) == (True, [])
    second = again(noted(path, *notes))
    assert (second.fresh, second.notes) == (False, notes)
    assert again(noted(path, {"part": 2})).notes == [*notes, {"part": 2}]


@pytest.mark.parametrize("torn", [b"{", b'{"part": 2, "content', b'{"entry": ["gr\xc3', b"\0\0\0\0", b"5", b'"text"'])
def test_a_torn_last_line_is_let_go(torn: bytes, path: Path) -> None:
    noted(path, {"part": 1}, {"entry": ["é"]})
    with path.open("ab") as file:
        file.write(torn)
    journal = again(path)
    assert (journal.fresh, journal.notes) == (False, [{"part": 1}, {"entry": ["é"]}])
    assert again(noted(path, {"part": 3})).notes[2:] == [{"part": 3}]


@pytest.mark.parametrize("about", [{}, {"pull": "m:v2", "state": ["x", 5, None]}, {**ABOUT, "state": ["y", 5, None]}])
def test_a_journal_about_something_else_is_begun_anew(about: dict[str, Any], path: Path) -> None:
    noted(path, {"part": 1})
    journal = again(path, about)
    assert (journal.fresh, journal.notes) == (True, [])
    assert again(path).fresh


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"[]\n", b"null\n", b'{"pull": "m:v'])
def test_a_journal_that_cannot_be_read_is_begun_anew(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert again(path).fresh
    assert again(path).notes == []


def test_threads_do_not_tear_each_others_lines(path: Path) -> None:
    journal = Journal(path, ABOUT)
    threads = [
        threading.Thread(target=lambda n=n: [journal.add(part=n * 100 + i, etag="e" * 500) for i in range(100)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert sorted(note["part"] for note in again(path).notes) == list(range(400))


def test_a_removed_journal_is_gone(path: Path) -> None:
    journal = Journal(path, ABOUT)
    journal.remove()
    journal.remove()
    assert not path.exists()


# Locks


def lock_file(path: Path, **owner: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "key": "theirs", **owner}))
    return path


def never() -> None:
    raise AssertionError("nobody else has the lock")


def test_one_at_a_time(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "locks" / "l", 0, 0
    waited = threading.Event()

    def work(name: int) -> None:
        nonlocal inside, most
        lock = Lock(path)
        lock.acquire(Stop(), waited.set)
        inside += 1
        most = max(most, inside)
        if name == 0:
            assert waited.wait(LONG)
        inside -= 1
        lock.release()

    first = threading.Thread(target=work, args=(0,))
    first.start()
    wait_until(path.exists, "the lock")
    others = [threading.Thread(target=work, args=(name,)) for name in (1, 2)]
    for thread in others:
        thread.start()
    for thread in (first, *others):
        thread.join()
    assert most == 1
    assert list(path.parent.iterdir()) == []


@pytest.mark.processes
def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    lock = Lock(lock_file(tmp_path / "l", pid=dead_pid()))
    told: list[int] = []
    with within(5):
        lock.acquire(Stop(), lambda: told.append(1))
    assert (lock.refresh(), told) == (True, [1])
    assert [item.name for item in tmp_path.iterdir()] == ["l"]


@pytest.mark.processes
def test_the_lock_of_a_living_process_or_of_another_machine_is_respected(tmp_path: Path) -> None:
    for owner in ({"pid": os.getpid()}, {"pid": dead_pid(), "host": "another.invalid"}, {"pid": None, "host": None}):
        stop, path = Stop(), lock_file(tmp_path / "l", **owner)
        before = path.read_text()
        with pytest.raises(Cancelled):
            Lock(path).acquire(stop, stop.set)
        assert path.read_text() == before


def test_a_foreign_lock_is_neither_refreshed_nor_released(tmp_path: Path) -> None:
    path = tmp_path / "l"
    lock = Lock(path)
    lock.acquire(Stop(), never)
    assert lock.refresh()
    lock_file(path)
    assert not lock.refresh()
    lock.release()
    assert path.exists()
    path.unlink()
    assert not lock.refresh()
    lock.release()


def test_refreshing_moves_the_stamp(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "l")
    lock.acquire(Stop(), never)
    os.utime(tmp_path / "l", (1, 1))
    assert lock.refresh()
    assert (tmp_path / "l").stat().st_mtime > 1


@pytest.mark.processes
def test_who_is_alive() -> None:
    assert is_alive(os.getpid())
    assert is_alive(1)
    for pid in (0, -1, None, "1", 1.0, True, dead_pid()):
        assert not is_alive(pid)


@pytest.mark.processes
def test_the_dead_but_not_yet_buried_are_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid)
    child.stdout.close()
    child.wait()


# Records


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(Home(tmp_path))


def record(id: str = "abcd2345", **fields: Any) -> Record:
    return Record.new(id, "push", "m:v1", **fields)


def test_a_record_is_read_as_it_was_written(records: Records) -> None:
    written = record(state="running", options=Options(True, 3, "team"), error={"code": "x"}, background=True)
    records.save(written)
    assert records.get("abcd2345") == written
    assert records.all() == [written]


def test_ids_may_be_shortened_while_they_are_unique(records: Records) -> None:
    for id in ("abcd2345", "abce2345", "abcd"):
        records.save(record(id))
    assert records.get("abce").id == "abce2345"
    assert records.get("abcd").id == "abcd"
    for id, said in (("abc", "More than one"), ("x", "No transfer"), ("", "No transfer"), ("../abcd", "No transfer")):
        with pytest.raises(TransferNotFound, match=said):
            records.get(id)


@pytest.mark.processes
def test_without_a_living_owner_a_transfer_is_interrupted() -> None:
    now, pid = time.time(), dead_pid()
    cases = {
        "running": record(state="running"),
        "planned": record(state="planned"),
        "interrupted": record(state="running", pid=pid),
        "succeeded": record(state="succeeded", pid=pid),
        "cancelled": record(state="cancelled", pid=pid),
        "failed": record(state="failed", pid=pid, updated=0),
    }
    for seen, written in cases.items():
        assert written.seen_now().state == seen
    assert record(state="planned", pid=pid).seen_now().state == "interrupted"
    assert record(state="running", pid=pid, host="other.invalid", updated=now - 5).seen_now().state == "running"
    assert record(state="running", host="other.invalid", updated=now - 3600).seen_now().state == "interrupted"


def test_broken_and_foreign_files_are_no_records(records: Records, tmp_path: Path) -> None:
    records.save(record())
    folder = tmp_path / ".modelsync/transfers"
    whole = json.loads((folder / "abcd2345.json").read_text())
    for name, content in {
        **{"a": "", "b": "{", "c": "[]", "d": "null", "e": "{}", "f": json.dumps({**whole, "options": 5})},
        **{"g": json.dumps({**whole, "later": 1}), "h": json.dumps({**whole, "updated": "x", "state": "running"})},
    }.items():
        (folder / f"{name}.json").write_text(content)
    assert [each.id for each in records.all()] == ["abcd2345"]


def test_old_transfers_that_ended_make_room(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "_KEPT", 3)
    states = ["running", "failed", "succeeded", "cancelled", "failed", "running"]
    for age, state in enumerate(states):
        records.save(record(f"id{age}", state=state, started=1000.0 - age))
    new = records.new_id()
    assert [each.id for each in records.all()] == ["id0", "id1", "id2", "id5"]
    assert (len(new), new.isalnum(), new != records.new_id()) == (8, True, True)


def test_word_is_left_for_the_owner_and_taken_back(records: Records) -> None:
    records.save(record())
    assert records.stop_request("abcd2345") == ""
    records.ask_to_stop("abcd2345", state="paused")
    assert records.stop_request("abcd2345") == "paused"
    records.ask_to_stop("abcd2345")
    assert records.stop_request("abcd2345") == "cancelled"
    assert [each.id for each in records.all()] == ["abcd2345"]
    records.clear_stop_request("abcd2345")
    records.clear_stop_request("abcd2345")
    assert records.stop_request("abcd2345") == ""


@pytest.mark.processes
def test_a_handle_tells_how_it_ended(records: Records, tmp_path: Path) -> None:
    outcome = Outcome("push", Tag("m", "v1"), "pushed", "Because.", 10, 7, 3, 0.5)
    home = Home(tmp_path)
    seen: list[Progress] = []
    records.save(record("won", state="succeeded", outcome=outcome.to_dict(), done=10, total=10))
    assert Transfer(home, "won").wait(sink=seen.append) == outcome
    assert [(look.done, look.total) for look in seen] == [(10, 10)]
    records.save(record("lost", state="failed", error={"code": "x", "message": "It broke.", "hint": "Mend it."}))
    with pytest.raises(TransferFailed, match=r"It broke\.") as failed:
        Transfer(home, "lost").wait()
    assert failed.value.hint == "Mend it."
    records.save(record("stopped", state="cancelled"))
    with pytest.raises(Cancelled):
        Transfer(home, "stopped").wait()
    records.save(record("gone", state="running", pid=dead_pid()))
    with pytest.raises(TransferFailed, match="interrupted") as gone:
        Transfer(home, "gone").wait()
    assert (gone.value.step.verb, gone.value.step.args) == ("resume", {"id": "gone"})


def test_a_handle_waits_no_longer_than_asked_and_cancels_what_runs(records: Records, tmp_path: Path) -> None:
    records.save(record(state="running"))
    transfer = Transfer(Home(tmp_path), "abcd")
    with pytest.raises(TimeoutError):
        transfer.wait(timeout=0.01)
    transfer.cancel()
    assert records.stop_request(transfer.id) == "cancelled"
    transfer.pause()
    assert records.stop_request(transfer.id) == "paused"
    records.save(record()._replace(id="done", state="succeeded"))
    Transfer(Home(tmp_path), "done").cancel()
    assert records.stop_request("done") == ""
    records.save(record()._replace(id="later", state="paused"))
    Transfer(Home(tmp_path), "later").cancel()  # no process is there to ask
    assert records.get("later").state == "cancelled"
