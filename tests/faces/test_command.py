"""The shell's face: what goes to stdout, what to stderr, and the exit status."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.core.errors import Cancelled, ModelNotFound, Unavailable
from modelsync_jupyter.core.outcome import Options, Outcome

from .fake_api import V1, FakeApi

Captured = pytest.CaptureFixture[str]


def test_no_arguments_show_help_and_succeed(capsys: Captured) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "push" in out
    assert "modelsync login ENDPOINT" in out


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("modelsync 0.")


def test_push_says_how_much_how_fast_and_what_was_there_already(api: FakeApi, capsys: Captured) -> None:
    assert main(["push", "iris:v1", "-f", "-t", "3", "-c", "team", "--home", "/h"]) == 0
    assert api.calls == [("run", "push", "iris:v1", Options(True, 3, "team"), "/h")]
    said = "Pushed `iris:v1`: 1.0 MB in 2.0 s (500.0 kB/s); 500.0 kB of 1.5 MB did not have to travel.\n"
    assert capsys.readouterr() == (said, "")


def test_skip_says_so_and_why(api: FakeApi, capsys: Captured) -> None:
    api.outcome = Outcome("push", V1, "skipped", "The registry has it already.")
    assert main(["push", "iris"]) == 0
    assert capsys.readouterr().out == "Skipped `iris:v1`. The registry has it already.\n"


def test_json_is_one_object_on_stdout_and_the_sentence_a_remark(api: FakeApi, capsys: Captured) -> None:
    assert main(["push", "iris:v1", "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == api.outcome.to_dict()
    assert err.startswith("Pushed `iris:v1`")
    assert main(["push", "iris:v1", "-o", "json", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_path_prints_the_folder_alone(api: FakeApi, capsys: Captured) -> None:
    api.outcome = Outcome("pull", V1, "pulled", "", moved=1, seconds=1)
    assert main(["pull", "iris:v1", "-o", "path", "-q"]) == 0
    assert capsys.readouterr().out == "/store/iris/v1\n"


@pytest.mark.parametrize("option", ["--background", "--dry-run"])
def test_path_of_a_transfer_that_has_not_ended_is_refused(api: FakeApi, capsys: Captured, option: str) -> None:
    assert main(["pull", "iris:v1", option, "-o", "path"]) == 2
    assert api.calls == []


def test_background_prints_the_handle(api: FakeApi, capsys: Captured) -> None:
    assert main(["push", "iris:v1", "-b", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "p7k2m9qa", "tag": "iris:v1", "state": "running"}
    assert main(["push", "iris:v1", "-b"]) == 0
    assert "`modelsync attach p7k2m9qa`" in capsys.readouterr().out


def test_dry_run_shows_the_plan_and_runs_nothing(api: FakeApi, capsys: Captured) -> None:
    assert main(["push", "iris:v1", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "Would push `iris:v1` (1.0 MB). It is not in the registry."
    assert "send  1.0 MB  part 1  is not there" in out
    assert [call[0] for call in api.calls] == ["plan"]


def test_an_error_is_one_line_with_the_next_step(api: FakeApi, capsys: Captured) -> None:
    api.error = Unavailable("No answer from\n  http://registry.test.", step="Check the\nnetwork.")
    assert main(["push", "iris:v1"]) == 1
    assert capsys.readouterr() == ("", "modelsync: No answer from http://registry.test. Check the network.\n")


@pytest.mark.parametrize(
    ("error", "status"),
    [(ModelNotFound("No."), 1), (Cancelled("Stopped."), 130), (KeyboardInterrupt(), 130), (OSError(28, "Full"), 1)],
)
def test_exit_status_of_errors(api: FakeApi, capsys: Captured, error: BaseException, status: int) -> None:
    api.error = error
    assert main(["pull", "iris:v1"]) == status
    err = capsys.readouterr().err
    assert err.startswith("modelsync: ")
    assert len(err.splitlines()) == 1


def test_a_bad_tag_is_an_error_and_wrong_words_are_usage(api: FakeApi, capsys: Captured) -> None:
    assert main(["push", "no good"]) == 1
    assert main(["push"]) == 2
    assert main(["pusj", "iris"]) == 2


def test_interrupted_attach_only_stops_following(api: FakeApi, capsys: Captured) -> None:
    api.error = KeyboardInterrupt()
    assert main(["attach", "p7k2"]) == 130
    err = capsys.readouterr().err
    assert "the transfer goes on" in err
    assert "`modelsync cancel p7k2`" in err


def test_list_prints_aligned_rows_or_an_array(api: FakeApi, capsys: Captured) -> None:
    assert main(["list"]) == 0
    head, first, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["TAG", "SIZE", "CREATED", "MODULE", "LABELS"]
    assert first.startswith("iris:v1  1.5 MB")
    assert first.index("bentoml.sklearn") == head.index("MODULE")
    assert main(["list", "-o", "json", "--search", "v2"]) == 0
    assert [row["tag"] for row in json.loads(capsys.readouterr().out)] == ["iris:v2"]


def test_list_remote_hands_the_question_on(api: FakeApi, capsys: Captured) -> None:
    words = ["list", "iris", "--remote", "--search", "v", "--query", "label:a=b", "-n", "5", "-c", "team", "-o", "yaml"]
    assert main(words) == 0
    options = {"query": "label:a=b", "name": "iris", "limit": 5, "context": "team", "home": None}
    assert api.calls == [("list_remote", "v", options)]
    assert yaml.safe_load(capsys.readouterr().out)[0]["tag"] == "iris:v3"


def test_a_query_without_remote_is_refused(api: FakeApi, capsys: Captured) -> None:
    assert main(["list", "--query", "x"]) == 2
    assert "`--remote`" in capsys.readouterr().err


def test_get_shows_everything(api: FakeApi, capsys: Captured) -> None:
    assert main(["get", "iris"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["labels"] == "stage=prod"
    assert lines["metadata.accuracy"] == "0.93"
    assert lines["path"] == "/store/iris/v1"


def test_create_keeps_numbers_in_metadata_and_text_in_labels(api: FakeApi) -> None:
    words = ["create", "iris:v1", "f", "--label", "v=1", "--metadata", "acc=0.5", "--metadata", "who=me", "-q"]
    assert main(words) == 0
    assert api.calls == [("save", "iris:v1", Path("f"), {"v": "1"}, {"acc": 0.5, "who": "me"})]


def test_delete_of_latest_is_one_version_and_of_a_name_is_all(api: FakeApi) -> None:
    api.models.pop()
    assert main(["delete", "iris:v1", "-y"]) == 0
    assert main(["delete", "iris", "-y"]) == 0
    assert api.calls == [("delete", "iris:v1"), ("delete", "iris:v1")]
    assert main(["delete", "rose", "-y"]) == 1


def test_delete_asks_and_takes_silence_for_no(api: FakeApi, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert main(["delete", "iris"]) == 0
    assert capsys.readouterr() == ("Nothing was deleted.\n", "Delete `iris:v1`, `iris:v2`? [y/N] ")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["delete", "iris"]) == 2
    assert api.calls == []


def test_login_takes_the_token_from_stdin_or_the_environment(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("piped\n"))
    assert main(["login", "http://r", "--token-stdin"]) == 0
    monkeypatch.setenv("MODELSYNC_TOKEN", "from-environment")
    assert main(["login", "http://r", "--name", "team"]) == 0
    assert api.tokens == ["piped", "from-environment"]
    assert api.calls == [("login", "http://r", "default"), ("login", "http://r", "team")]


def test_login_without_words_signs_in_again_where_one_was(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["login", "--token", "t"]) == 0
    assert api.calls == [("login", "http://registry.test", "default")]
    api.known = []
    assert main(["login", "--token", "t"]) == 2


def test_no_output_ever_shows_the_token(api: FakeApi, capsys: Captured) -> None:
    for output in ("table", "json", "yaml"):
        assert main(["login", "http://r", "--token", "s3cret", "-o", output]) == 0
    assert main(["contexts"]) == 0
    assert "s3cret" not in "".join(capsys.readouterr())


def test_login_without_a_token_and_without_a_person_is_usage(
    api: FakeApi, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["login", "http://r"]) == 2
    assert "MODELSYNC_TOKEN" in capsys.readouterr().err
    assert main(["login", "http://r", "--token-stdin"]) == 2
    assert "empty" in capsys.readouterr().err


def test_contexts_marks_the_current_one(api: FakeApi, capsys: Captured) -> None:
    assert main(["contexts", "--use", "default"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("*  default  http://registry.test")
    assert main(["contexts", "--use", "other"]) == 1


def test_transfers_and_cancel(api: FakeApi, capsys: Captured) -> None:
    assert main(["transfers"]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:7] == ["p7k2m9qa", "push", "iris:v1", "running", "50%", "1.0", "MB"]
    assert main(["cancel", "p7k2m9qa"]) == 0
    assert capsys.readouterr().out == "Push of `iris:v1` is cancelled: transfer `p7k2m9qa`, 500.0 kB of 1.0 MB.\n"
    assert main(["cancel", "zzz"]) == 1


class Terminal(io.StringIO):
    """A stdin with a person behind it."""

    def isatty(self) -> bool:
        return True
