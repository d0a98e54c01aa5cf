"""How values look in a cell, and what lists can do."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client
from modelsync_jupyter.commands.answers import Answer
from modelsync_jupyter.commands.tables import Table
from modelsync_jupyter.core.errors import MissingDependency
from modelsync_jupyter.core.marked import as_lines
from modelsync_jupyter.notebook.display import sentences

from .conftest import Make, Shell


def looks(ip: Any, value: Any) -> dict[str, str]:
    return dict(ip.display_formatter.format(value)[0])


@pytest.mark.processes
def test_values_are_sentences_and_cards_and_not_raw_fields(
    ip: InteractiveShell, client: Client, make: Make, name: str
) -> None:
    model = make(f"{name}:v1", stage="<b>prod")
    assert "stage=&lt;b&gt;prod" in looks(ip, model)["text/html"]
    assert f"push(&quot;{name}:v1&quot;)" in looks(ip, model)["text/html"]
    assert looks(ip, client.plan("push", model.tag))["text/plain"].startswith("Would push")
    assert looks(ip, client.push(model.tag, progress=False))["text/plain"].startswith(f"Pushed `{name}:v1`")
    assert looks(ip, client.contexts()[0])["text/plain"].startswith("Context(default: http")
    assert looks(ip, client.get_remote(model.tag))["text/plain"].startswith(f"RemoteModel({name}:v1, ")
    assert "<table>" in looks(ip, client.list_models())["text/html"]
    assert "in sync" in looks(ip, client.status(name))["text/html"]
    assert looks(ip, client.transfers()[0])["text/plain"].startswith(f"Push of `{name}:v1` succeeded")
    assert repr(client.push(model.tag, progress=False)).startswith(f"Outcome(skipped {name}:v1, 0 B in ")
    assert repr(client.plan("pull", model.tag)) == f"Plan(skip {name}:v1, at most 0 B)"
    assert repr(client.status(name)) == f"[VersionStatus({name}:v1, in sync)]"
    assert repr(client.diff(model.tag, remote=True)) == f"Diff({name}:v1 to {name}:v1, 0 changes)"


def test_a_list_slices_and_finds_by_tag(ip: InteractiveShell, make: Make) -> None:
    for version in ("a", "b"):
        make(f"iris:{version}")
    ip.run_cell("x = %modelsync list")
    table = ip.user_ns["x"]
    assert isinstance(table[:1], Table)
    assert "<table>" in table[:1]._repr_html_()
    assert str(table["iris:a"].tag) == "iris:a"
    with pytest.raises(KeyError):
        table["iris:c"]


def test_a_list_becomes_a_frame_of_pandas(make: Make, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pandas is no dependency: what it is asked for stands in for it here."""
    make("iris:a", stage="test")
    table = Table(client.list_models(), ["TAG"], lambda model: [str(model.tag)])
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    (row,) = table.to_frame()
    assert (row["tag"], row["labels"]) == ("iris:a", {"stage": "test"})
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependency, match="pip install pandas"):
        table.to_frame()


@pytest.mark.processes
def test_an_error_that_the_doctor_can_explain_names_it(modelsync: Shell, ip: InteractiveShell, make: Make) -> None:
    make("iris:v1")
    assert "`modelsync doctor`" in modelsync("push", "iris:v1").stderr
    assert "modelsync doctor" not in modelsync("push", "nothing").stderr


def test_a_token_is_asked_for_where_there_is_none(client: Client, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: served.token)
    assert client.login(served.url, name="asked").name == "asked"


def test_nothing_that_turns_text_around_reaches_a_terminal_as_yaml() -> None:
    told = Answer(None, "", {"label": "a\u202eb", "name": "ä"}).render("yaml")
    assert "\u202e" not in told
    assert yaml.safe_load(told) == {"label": "a\u202eb", "name": "ä"}
    assert "ä" in Answer(None, "", {"name": "ä"}).render("yaml")


def test_sentences_have_code_and_links_and_no_markup_of_others() -> None:
    said = sentences("Pushed `m:<v1>`.\nSee https://host/a?b=1&c, <b>or</b> not: `x` https://host/m.")
    assert said.partition(">")[2].removesuffix("</div>") == (
        "Pushed <code>m:&lt;v1&gt;</code>.\n"
        'See <a href="https://host/a?b=1&amp;c" target="_blank" rel="noopener">https://host/a?b=1&amp;c</a>, '
        "&lt;b&gt;or&lt;/b&gt; not: <code>x</code> "
        '<a href="https://host/m" target="_blank" rel="noopener">https://host/m</a>.'
    )


def test_an_error_box_has_code_in_bold_lines_that_end_between_words_and_nothing_a_screen_obeys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    texts = [
        f"The registry said: `a\x1b[2Jb` {'word ' * 20}",
        "",
        "Type `%modelsync login https://registry.example.com`.",
    ]
    lines = as_lines(texts)
    assert lines[0].startswith("The registry said: \x1b[1ma\\u001b[2Jb\x1b[22m word")
    assert lines[-1] == "Type \x1b[1m%modelsync login https://registry.example.com\x1b[22m."
    assert max(map(len, lines)) <= 80 + len("\x1b[1m\x1b[22m")
    assert " ".join(lines).count("word") == 20
    monkeypatch.setenv("NO_COLOR", "1")
    assert as_lines(texts)[-1] == texts[-1]


def test_long_cells_of_a_table_are_broken_and_code_of_ours_is_marked() -> None:
    table = Table(["x" * 100], ("TAG", "SIZE", "REASON"), lambda item: (item, "1 B", f"See `a <b>`. {item}"))
    drawn = table._repr_html_()
    assert len(re.findall('<td style="[^"]*overflow-wrap:anywhere', drawn)) == 2
    assert "See <code>a &lt;b&gt;</code>." in drawn
    assert "`" not in drawn
    assert ">Module<" not in Table(["a"], ("TAG", "MODULE"), lambda item: (item, ""))._repr_html_()  # nothing is in it
    assert Table(["`raw`"], ("LABELS",), lambda item: (item,))._repr_html_().count("`") == 2  # theirs stays as it is
