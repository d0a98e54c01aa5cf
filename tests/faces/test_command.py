"""The shell's face: what goes to stdout, what to stderr, and the exit status."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.client import Client
from modelsync_jupyter.demo.process import Served
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.jobs.transfer import Transfer

from .conftest import Make

Captured = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    """A stdin with a person behind it."""

    def isatty(self) -> bool:
        return True


def json_of(capsys: Captured, *words: object) -> Any:
    assert main([*map(str, words), "-o", "json", "-q"]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"JSON holds {name}"))


def test_no_arguments_show_help_with_the_exit_codes_and_succeed(capsys: Captured) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "modelsync login ENDPOINT" in out
    assert re.search(r"Exit codes: 0 done; 1 failed(?s:.*); 2 wrong usage; 130 cancelled", out)


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"modelsync \d+\.\d+.*\n", capsys.readouterr().out)


def test_push_says_how_much_and_how_fast_and_a_skip_why(
    client: Client, make: Make, name: str, capsys: Captured
) -> None:
    make(f"{name}:v1")
    assert main(["push", name, "-t", "3", "-c", "default"]) == 0
    out, err = capsys.readouterr()
    assert re.match(rf"Pushed `{name}:v1`: \d+\.\d kB in (\d+ ms|\d+\.\d s) \(.*/s\)\. `{name}:v1` is the latest", out)
    assert err == ""
    assert main(["push", f"{name}:v1"]) == 0
    said = f"Skipped `{name}:v1`. The registry has it already."
    assert capsys.readouterr().out.splitlines() == [said, f"{client.contexts()[0].endpoint}/models/{name}/v1"]


def test_json_is_one_object_on_stdout_and_the_sentence_a_remark(
    client: Client, make: Make, name: str, capsys: Captured
) -> None:
    make(f"{name}:v1")
    assert main(["push", name, "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert {**json.loads(out), "seconds": 0}.items() >= {"tag": f"{name}:v1", "status": "pushed", "seconds": 0}.items()
    assert err.startswith(f"Pushed `{name}:v1`")
    assert main(["push", name, "-o", "json", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_path_prints_the_folder_alone(client: Client, make: Make, name: str, tmp_path: Path, capsys: Captured) -> None:
    client.push(make(f"{name}:v1").tag)
    client.delete(name)
    assert main(["pull", name, "-o", "path", "-q"]) == 0
    assert capsys.readouterr().out == f"{client.home.models / name / 'v1'}\n"


@pytest.mark.parametrize("option", ["--background", "--dry-run"])
def test_path_of_a_transfer_that_has_not_ended_is_refused(home: Path, option: str) -> None:
    assert main(["pull", "iris:v1", option, "-o", "path"]) == 2
    assert not home.exists()


def test_background_prints_the_handle(client: Client, make: Make, name: str, capsys: Captured) -> None:
    make(f"{name}:v1")
    handle = json_of(capsys, "push", f"{name}:v1", "-b")
    assert (set(handle), handle["tag"]) == ({"id", "tag", "state"}, f"{name}:v1")
    client.attach(handle["id"])
    assert main(["push", f"{name}:v1", "-b"]) == 0
    assert capsys.readouterr().out.startswith(f"Push of `{name}:v1` ")
    for transfer in client.transfers():
        transfer.wait(60)


def test_dry_run_shows_the_plan_and_runs_nothing(client: Client, make: Make, name: str, capsys: Captured) -> None:
    make(f"{name}:v1")
    assert main(["push", name, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Would push `{name}:v1` (")
    assert out.splitlines()[2].split() == ["ACTION", "SIZE", "WHAT", "WHY"]
    assert client.transfers() == []


def test_an_error_is_one_line_with_the_next_step_as_a_command(home: Path, capsys: Captured) -> None:
    assert main(["push", "nothing:v1"]) == 1
    assert re.fullmatch(
        r"modelsync: No model `nothing:v1` in `\S+`\. Check the name in the list of models \(`modelsync list`\)\.\n",
        capsys.readouterr().err,
    )


def test_a_mistyped_name_gets_its_nearest_neighbours(make: Make, capsys: Captured) -> None:
    make("sentiment:v1")
    for words in (["push", "sentimnet"], ["get", "sentiments"], ["delete", "sentimet", "-y"]):
        assert main(words) == 1
        assert "Did you mean `sentiment`?" in capsys.readouterr().err


def test_a_full_disk_or_a_missing_folder_is_one_line(home: Path, capsys: Captured) -> None:
    home.write_text("a file where the home is wanted")
    assert main(["create", "iris", __file__]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_bad_tag_is_an_error_and_wrong_words_are_usage(home: Path) -> None:
    assert main(["push", "no good"]) == 1
    assert main(["push"]) == 2
    assert main(["pusj", "iris"]) == 2


def test_interrupted_attach_only_stops_following_and_is_not_an_error(
    client: Client, make: Make, name: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(client.home)
    records.save(Record.new("abcdefgh", "push", f"{name}:v1", state="running", pid=os.getpid()))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Transfer, "wait", interrupt)
    assert main(["attach", "abcd"]) == 0
    out, err = capsys.readouterr()
    assert "It continues in the background" in out
    assert "`modelsync cancel abcdefgh`" in out
    assert err == ""


def test_list_prints_aligned_rows_or_an_array(make: Make, capsys: Captured) -> None:
    make("iris:v1", stage="prod")
    make("iris:v2")
    assert main(["list"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["TAG", "SIZE", "CREATED", "MODULE", "LABELS"]
    assert [first[:7], second[:7]] == ["iris:v2", "iris:v1"]
    assert second.index("stage=prod") == head.index("LABELS")
    assert [row["tag"] for row in json_of(capsys, "list", "--search", "v2")] == ["iris:v2"]


def test_a_list_that_is_cut_says_so_and_json_is_whole(make: Make, capsys: Captured) -> None:
    for number in range(103):
        make(f"iris:v{number}", b"x")
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (101, "100 of 103 shown; use `--limit` to see more.\n")
    assert len(json_of(capsys, "list")) == 103
    assert main(["list", "-o", "json", "-n", "2"]) == 0
    out, err = capsys.readouterr()
    assert (len(json.loads(out)), err) == (2, "2 of 103 shown; use `--limit` to see more.\n")


def test_a_remote_list_that_is_cut_says_so(client: Client, make: Make, name: str, capsys: Captured) -> None:
    for number in range(3):
        client.push(make(f"{name}:v{number}").tag)
    for words in (["list", "--remote", "--search", name], ["list", name, "--remote"], ["status", name]):
        assert main([*words, "--limit", "2"]) == 0
        out, err = capsys.readouterr()
        assert (len(out.splitlines()), err) == (3, "2 of 3 shown; use `--limit` to see more.\n")
        assert len(json_of(capsys, *words)) == 3


def test_list_remote_asks_what_it_was_asked(client: Client, make: Make, name: str, capsys: Captured) -> None:
    client.push(make(f"{name}:v1", stage="prod").tag)
    client.push(make(f"{name}:v2").tag)
    assert main(["list", name, "--remote", "--query", "label:stage=prod", "-c", "default", "-o", "yaml"]) == 0
    (row,) = yaml.safe_load(capsys.readouterr().out)
    assert (row["tag"], row["labels"]) == (f"{name}:v1", {"stage": "prod"})
    assert "digest" in row
    assert main(["list", f"{name}:v2", "--remote"]) == 0
    assert capsys.readouterr().out.count(name) == 1


def test_a_query_without_remote_is_refused(home: Path, capsys: Captured) -> None:
    assert main(["list", "--query", "x"]) == 2
    assert "`--remote`" in capsys.readouterr().err


def test_status_joins_both_sides(client: Client, make: Make, name: str, capsys: Captured) -> None:
    client.push(make(f"{name}:both").tag)
    make(f"{name}:mine")
    client.push(make(f"{name}:theirs").tag)
    client.delete(f"{name}:theirs")
    rows = {row["tag"].partition(":")[2]: row for row in json_of(capsys, "status", name)}
    assert all(set(row) == {"tag", "state", "digest", "local", "remote"} for row in rows.values())
    assert (rows["mine"]["state"], rows["mine"]["remote"]) == ("local only", None)
    assert (rows["theirs"]["state"], rows["theirs"]["local"]) == ("remote only", None)
    assert main(["status", f"{name}:mine"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["TAG", "STATE", "SIZE", "CREATED", "DIGEST"]
    assert row.startswith(f"{name}:mine  local only")


def test_get_shows_everything_and_the_digest_on_demand(make: Make, capsys: Captured) -> None:
    model = make("iris:v1", stage="prod", metadata={"accuracy": 0.93})
    assert main(["get", "iris", "--hash"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (lines["labels"], lines["metadata.accuracy"], lines["path"]) == ("stage=prod", "0.93", str(model.path))
    assert re.fullmatch("blake3:[0-9a-f]{64}", lines["digest"])
    assert json_of(capsys, "get", "iris")["digest"] == lines["digest"]
    assert [row["digest"] for row in json_of(capsys, "list")] == [lines["digest"]]


def test_json_holds_no_nan(make: Make, capsys: Captured) -> None:
    make("iris:v1", metadata={"loss": float("nan"), "best": [float("inf"), 1.0]})
    assert json_of(capsys, "get", "iris")["metadata"] == {"loss": None, "best": [None, 1.0]}


@pytest.mark.parametrize("bad", ["x\nlab:prod  9 GB  now", "\x1b]52;c;Zm9v\x07", "\u202egnp", "\x9b2J", "a\rb"])
def test_nothing_from_a_label_reaches_the_terminal_raw(make: Make, capsys: Captured, bad: str) -> None:
    make("iris:v1", stage=bad)
    for words in (["list"], ["get", "iris"], ["get", "iris", "-o", "json"], ["list", "-o", "json"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert not set("\x1b\x07\x9b\r\u202e") & set(out)
    assert main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["get", "no\x1b[2Jgood"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_create_keeps_numbers_in_metadata_and_text_in_labels(home: Path, capsys: Captured) -> None:
    words = ["create", "iris:v1", __file__, "--label", "v=1", "--metadata", "acc=0.5", "--metadata", "who=me"]
    assert main(words) == 0
    assert "`modelsync push iris:v1`" in capsys.readouterr().out
    model = Client(home).get("iris")
    assert (model.info.labels, model.info.metadata) == ({"v": "1"}, {"acc": 0.5, "who": "me"})


def test_delete_of_latest_is_one_version_and_of_a_name_is_all(make: Make, home: Path) -> None:
    for version in ("v1", "v2", "v3"):
        make(f"iris:{version}")
    assert main(["delete", "iris:latest", "-y"]) == 0
    assert [model.tag.version for model in Client(home).list_models()] == ["v2", "v1"]
    assert main(["delete", "iris", "-y"]) == 0
    assert Client(home).list_models() == []
    assert main(["delete", "rose", "-y"]) == 1


def test_half_a_model_can_be_deleted_by_its_version(make: Make, home: Path) -> None:
    make("iris:half")
    (home / "models/iris/half/model.yaml").unlink()
    assert main(["delete", "iris:half", "-y"]) == 0
    assert not (home / "models/iris").exists()


def test_delete_asks_and_takes_silence_for_no(
    make: Make, home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("iris:v1")
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert main(["delete", "iris"]) == 0
    assert capsys.readouterr() == ("Nothing was deleted.\n", "Delete `iris:v1` from this computer? [y/N] ")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["delete", "iris"]) == 2
    assert "Confirm it beforehand (option `--yes`)." in capsys.readouterr().err
    assert len(Client(home).list_models()) == 1


def test_login_takes_the_token_from_stdin_or_the_environment(
    home: Path, served: Served, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{served.token}\n"))
    assert main(["login", served.url, "--token-stdin"]) == 0
    monkeypatch.setenv("MODELSYNC_TOKEN", served.token)
    assert main(["login", served.url, "--name", "team"]) == 0
    assert capsys.readouterr().out.endswith("(saved as `team`).\n")
    assert [(context.name, context.current) for context in Client(home).contexts()] == [
        ("default", False),
        ("team", True),
    ]
    assert main(["login"]) == 0  # again, where one was


def test_a_first_login_that_fails_says_how_to_try_again(home: Path, served: Served, capsys: Captured) -> None:
    assert main(["login", served.url, "--token", "wrong"]) == 1
    err = capsys.readouterr().err
    assert f"`modelsync login {served.url}`" in err
    assert "wrong" not in err
    assert main(["login"]) == 2
    assert "`modelsync login ENDPOINT`" in capsys.readouterr().err


def test_a_bad_address_is_refused_before_anybody_is_asked_for_a_token(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: pytest.fail("asked for a token"))
    assert main(["login", "127.0.0.1:27431"]) == 2
    assert "URL" in capsys.readouterr().err


def test_no_output_ever_shows_the_token(home: Path, served: Served, capsys: Captured) -> None:
    for output in ("table", "json", "yaml"):
        assert main(["login", served.url, "--token", served.token, "-o", output]) == 0
    assert main(["contexts"]) == 0
    assert served.token not in "".join(capsys.readouterr())


def test_login_without_a_token_and_without_a_person_is_usage(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["login", "http://127.0.0.1:9"]) == 2
    assert "MODELSYNC_TOKEN" in capsys.readouterr().err
    assert main(["login", "http://127.0.0.1:9", "--token-stdin"]) == 2
    assert "empty" in capsys.readouterr().err


def test_contexts_marks_the_current_one(client: Client, served: Served, capsys: Captured) -> None:
    assert main(["contexts", "--use", "default"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"*  default  {served.url}")
    assert main(["contexts", "--use", "other"]) == 1
    assert main(["logout"]) == 0
    assert main(["contexts"]) == 0
    assert capsys.readouterr().out.endswith("Sign in with `modelsync login ENDPOINT`.\n")


def test_transfers_say_why_they_failed(client: Client, make: Make, name: str, capsys: Captured) -> None:
    make(f"{name}:v1")
    (client.get(f"{name}:v1").path / "link").symlink_to("/etc/passwd")
    assert main(["push", f"{name}:v1"]) == 1
    capsys.readouterr()
    assert main(["transfers"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[-1] == "REASON"
    assert "`link`" in row[head.index("REASON") :]
    (transfer,) = client.transfers()
    assert main(["cancel", transfer.id[:4]]) == 0
    assert capsys.readouterr().out == f"Push of `{name}:v1` failed (transfer `{transfer.id}`).\n"
    assert main(["cancel", "zzz"]) == 1
    assert "(`modelsync transfers`)" in capsys.readouterr().err
