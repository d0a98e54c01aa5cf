"""The panel: the models of both sides in a cell, with search, push, pull, overwrite and live transfers.

It consists of core widgets alone, so JupyterLab, Notebook 7, VS Code and Colab can all draw it. Nothing it does keeps a
cell busy: the network is asked by threads, and transfers run in processes of their own. Shown without widgets, it is a
table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from modelsync_jupyter.client import Client, Record, VersionStatus
from modelsync_jupyter.commands.insight import diff_blocks
from modelsync_jupyter.commands.tables import Table, blocks_html
from modelsync_jupyter.commands.views import STATUS_HEAD, facts_of, labels_text, plan_blocks, remote_facts, status_row
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.errors import ModelSyncError, NoContext, NotAuthenticated
from modelsync_jupyter.core.marked import as_html
from modelsync_jupyter.core.outcome import Direction
from modelsync_jupyter.core.states import State
from modelsync_jupyter.core.units import format_age, format_size

from .rows import Rows
from .versions import Versions, aliases_of, labels_of

MARKS = {
    State.LOCAL_ONLY: "↑",
    State.REMOTE_ONLY: "↓",
    State.IN_SYNC: "=",
    State.DIFFERENT: "≠",
    State.PARTIAL: "…",
    State.UNKNOWN: "?",
}
_ALL = "all states"
_STATES = {f"{mark} {state}": state for state, mark in MARKS.items()}
#: Seconds that a cell waits for the registry at most, so that what a notebook keeps says how both sides compare.
_PATIENCE = 0.3
#: Rows of the list at most; more would be slow to draw, and nobody reads them: search narrows.
_MOST = 500


def panel(name: str | None = None, *, home: Any = None, context: str | None = None) -> Panel:
    """Show the models of both sides in a cell: search, push, pull, overwrite, compare, and live transfers.

    Args:
        name: What to search for at first, such as a name or `label:stage=prod`.
        home: BentoML's home folder; by default `$BENTOML_HOME`, else `~/bentoml`.
        context: Name of the registry; by default the current one.
    """
    return Panel(Client(home, context), name or "")


class Panel:
    """The models of both sides, and what can be done with them.

    Args:
        client: Whose models.
        search: What to search for at first.
    """

    def __init__(self, client: Client, search: str = "") -> None:
        self.client = client
        self.versions = Versions(client, self._draw, self._fail)
        self.rows = Rows(client, ended=self._look_after)
        self._overwrite: Callable[[], object] | None = None
        self._drawing = threading.RLock()  # a thread that looked, and a key that was typed, draw the same list
        self._build(search)
        self._show_context()
        self.refresh()
        self.rows.watch()

    # What it consists of

    def _build(self, search: str) -> None:
        import ipywidgets as w

        full = {"width": "100%"}
        self._title, self._count, self._details, self._message = w.HTML(), w.HTML(), w.HTML(), w.HTML()
        refresh = self._button("Refresh", "Look again, at both sides", self.refresh)
        self._search = w.Text(search, placeholder="Search names and labels, such as label:stage=prod", layout=full)
        self._state = w.Dropdown(options=[_ALL, *_STATES], layout={"width": "150px", "flex": "0 0 auto"})
        self._list = w.SelectMultiple(options=[], rows=10, layout={"width": "auto"})
        self.widget: Any = w.VBox(
            [
                w.HBox([self._title, refresh], layout={"justify_content": "space-between"}),
                self._build_signin(w),
                w.HBox([self._search, self._state]),
                *(self._count, self._list),
                self._build_actions(w),
                self._build_question(w),
                *(self._message, self._details, self._build_aliasing(w), self.rows.box),
            ]
        )
        self._search.observe(lambda _: self._draw(), "value")
        self._state.observe(lambda _: self._draw(), "value")
        self._list.observe(lambda _: self._show_selected(), "value")

    def _build_signin(self, w: Any) -> Any:
        full, hint = {"width": "100%"}, "API token; it is not kept in the notebook"
        self._endpoint = w.Text(placeholder="https://registry.example.com", description="Address", layout=full)
        self._token = w.Password(placeholder=hint, description="Token", layout=full)
        login = self._button("Sign in", "", self._login, style="primary")
        self._signin = w.VBox([self._endpoint, self._token, login], layout={"display": "none"})
        return self._signin

    def _build_actions(self, w: Any) -> Any:
        self._push = self._button("Push", "Send the selected versions to the registry", self._start_pushes)
        self._pull = self._button("Pull", "Fetch the selected versions from the registry", self._start_pulls)
        self._to_registry = self._button("Overwrite in the registry…", "After a look at the plan", self._ask("push"))
        self._to_here = self._button("Overwrite local copy…", "After a look at the plan", self._ask("pull"))
        self._compare = self._button("Compare", "Two versions, or one with the registry's copy", self._show_diff)
        actions = [self._push, self._pull, self._to_registry, self._to_here, self._compare]
        return w.HBox(actions, layout={"flex_flow": "row wrap"})

    def _build_question(self, w: Any) -> Any:
        self._question = w.HTML()
        yes = self._button("Overwrite", "", self._do_overwrite, style="danger")
        no = self._button("Cancel", "", self._dont_overwrite)
        self._confirm = w.VBox([self._question, w.HBox([yes, no])], layout={"display": "none"})
        return self._confirm

    def _build_aliasing(self, w: Any) -> Any:
        self._alias = w.Text(placeholder="Alias, such as production", layout={"width": "220px"})
        tip = "Let this name stand for the selected version; nobody's newer choice is overwritten"
        point = self._button("Point alias here", tip, self._point_alias)
        self._aliasing = w.HBox([self._alias, point], layout={"display": "none"})
        return self._aliasing

    def _button(self, text: str, tip: str, click: Callable[[], object], style: str = "") -> Any:
        import ipywidgets as w

        made = w.Button(description=text, tooltip=tip, button_style=style, layout={"width": "auto"})
        made.on_click(lambda _: self._clicked(click))
        return made

    def _clicked(self, click: Callable[[], object]) -> None:
        self._message.value = ""
        self._try(click)

    # What it shows

    def refresh(self) -> None:
        """Look at both sides again, in a thread."""
        self.versions.look()
        self._draw()

    def _draw(self) -> None:
        """Fill the list with what fits search and state."""
        versions = self.versions
        fitting = versions.fitting(self._search.value.lower().split(), _STATES.get(self._state.value))
        options = tuple((option_text(each), str(each.tag)) for each in fitting[:_MOST])
        with self._drawing:
            if options != self._list.options:
                chosen = set(self._list.value)
                with self._list.hold_sync():  # a click on the new list must not come between it and its selection
                    self._list.options = options
                    self._list.value = tuple(tag for _, tag in options if tag in chosen)
            shown = min(len(fitting), _MOST)
            more = f"; {shown:,} shown, search to narrow" if shown < len(fitting) else ""
            count = f"{len(fitting):,} of {len(versions.items):,} versions{more}"
            self._count.value = f"{count}. {versions.reading}" if versions.reading else count
        self._show_selected()

    def _fail(self, error: ModelSyncError) -> None:
        """Say why a side could not be read."""
        if isinstance(error, (NoContext, NotAuthenticated)):
            self._signin.layout.display = None
        self._say(error)

    def _selected(self) -> list[VersionStatus]:
        chosen = set(self._list.value)
        return [each for each in self.versions.items if str(each.tag) in chosen]

    def _show_selected(self) -> None:
        chosen = self._selected()
        one = chosen[0] if len(chosen) == 1 else None
        both = one is not None and one.local is not None and one.remote is not None
        differ = both and one is not None and one.state is not State.IN_SYNC
        for button, wanted in (
            (self._push, any(each.local and each.state in (State.LOCAL_ONLY, State.PARTIAL) for each in chosen)),
            (self._pull, any(each.remote and not each.local for each in chosen)),
            (self._to_registry, differ),
            (self._to_here, differ),
            (self._compare, len(chosen) == 2 or both),
        ):
            button.disabled = not wanted
        self._details.value = details_html(one) if one else ""
        self._aliasing.layout.display = None if one and one.remote and one.remote.complete else "none"

    def _show_context(self) -> None:
        current = next((each for each in self.client.contexts() if self._is_current(each)), None)
        where = f"at {escape(current.endpoint)}" if current else "no registry"
        who = f" as {escape(current.email)}" if current and current.email else ""
        self._title.value = f"<b>Models</b> on this computer and {where}{who}"
        self._signin.layout.display = "none" if current else None

    def _is_current(self, context: Any) -> bool:
        return bool(context.name == self.client.context if self.client.context else context.current)

    def _say(self, what: ModelSyncError | str) -> None:
        text = what if isinstance(what, str) else f"{what.message} {CELL.step(what.step)}"
        self._message.value = f"<div role='status'>{as_html(text)}</div>"

    # What it does

    def _start_pushes(self) -> None:
        for each in self._selected():
            if each.local and each.state in (State.LOCAL_ONLY, State.PARTIAL):
                self.client.start("push", each.tag)

    def _start_pulls(self) -> None:
        for each in self._selected():
            if each.remote and not each.local:
                self.client.start("pull", each.tag)

    def _ask(self, direction: Direction) -> Callable[[], None]:
        def ask() -> None:
            chosen = self._selected()
            if len(chosen) == 1:
                self._in_thread(lambda: self._show_plan(direction, chosen[0]))

        return ask

    def _show_plan(self, direction: Direction, version: VersionStatus) -> None:
        plan = self.client.plan(direction, version.tag, exact=False, force=True, progress=False)
        self._overwrite = lambda: self.client.start(direction, version.tag, force=True)
        self._question.value = blocks_html(plan_blocks(plan))
        self._confirm.layout.display = None

    def _do_overwrite(self) -> None:
        start, self._overwrite = self._overwrite, None
        self._confirm.layout.display = "none"
        if start:
            start()

    def _dont_overwrite(self) -> None:
        self._overwrite = None
        self._confirm.layout.display = "none"

    def _point_alias(self) -> None:
        alias, chosen = self._alias.value.strip(), self._selected()
        if alias and len(chosen) == 1:
            self._in_thread(lambda: self._move_alias(alias, chosen[0]))

    def _move_alias(self, alias: str, version: VersionStatus) -> None:
        """Move an alias from where it is seen to point now, and from nowhere else."""
        name = version.tag.name
        before = [each for each in self.versions.items if each.tag.name == name and alias in aliases_of(each)]
        expected = str(before[0].tag.version) if before else None
        self.client.catalog.move_alias(version.tag, alias, expected=expected)
        was = f"; it was {expected}" if expected else ""
        self._say(f"{name}:{alias} is version {version.tag.version} now{was}.")
        self._alias.value = ""
        self.versions.look(name)

    def _look_after(self, record: Record) -> None:
        """Look again at the versions of a name of which something was moved."""
        name = record.tag.partition(":")[0]
        self.versions.look(name if record.direction in ("push", "pull") else "")

    def _show_diff(self) -> None:
        tags = [each.tag for each in reversed(self._selected())]
        self._in_thread(lambda: self._compare_tags(tags))

    def _compare_tags(self, tags: Sequence[Any]) -> None:
        found = self.client.diff(*tags) if len(tags) == 2 else self.client.diff(tags[0], remote=True)
        self._message.value = blocks_html(diff_blocks(found))

    def _login(self) -> None:
        endpoint, token = self._endpoint.value, self._token.value
        self._token.value = ""  # the state of widgets may be saved with the notebook

        def login() -> None:
            self.client.login(endpoint, token, name=self.client.context or "default")
            self._show_context()
            self.versions.forget()
            self.refresh()

        self._in_thread(login)

    def _in_thread(self, work: Callable[[], object]) -> None:
        threading.Thread(target=self._try, args=(work,), name="modelsync-panel", daemon=True).start()

    def _try(self, work: Callable[[], object]) -> None:
        """Do what was asked for; an error stands in the panel, with what to do next."""
        try:
            work()
        except ModelSyncError as error:
            self._say(error)
        except Exception as error:  # a thread has nobody else to tell
            self._say(f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Stop looking, and remove it from the page."""
        self.rows.close()
        self.widget.close()

    # How it is shown

    def _table(self) -> Table[VersionStatus]:
        fitting = self.versions.fitting(self._search.value.lower().split(), _STATES.get(self._state.value))
        return Table(fitting[:20], STATUS_HEAD, status_row, "There are no models on either side yet.")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        self.versions.wait(_PATIENCE)  # where no widgets are drawn, this table is all that there is
        table = self._table()
        text = f"Models on this computer and in the registry (the panel needs widgets)\n{table!r}"
        return {**self.widget._repr_mimebundle_(), "text/plain": text, "text/html": table._repr_html_()}


def option_text(version: VersionStatus) -> str:
    """Write a version as one line of the list: mark, state, tag, size, age, aliases and labels."""
    there = version.local or version.remote
    assert there
    times = [each.info.creation_time for each in (version.local,) if each]
    times += [each.creation_time for each in (version.remote,) if each]
    labels = labels_text(labels_of(version))
    parts = [f"{MARKS[version.state]} {version.state}", str(version.tag), format_size(there.size), format_age(times[0])]
    aliases = " ".join(f"@{alias}" for alias in aliases_of(version))
    return "  ·  ".join(filter(None, [*parts, aliases, labels]))


def _chips(words: Iterable[str], colour: str) -> str:
    """Show words as chips, as the sidebar does, in colours of Jupyter's theme where there is one."""
    style = f"display:inline-block;padding:0 6px;border:1px solid {colour};border-radius:3px;line-height:1.5"
    return " ".join(f"<span style='{style}'>{escape(word)}</span>" for word in words)


def details_html(version: VersionStatus) -> str:
    """Show everything about a version, and the code that uses it."""
    pairs = [("state", f"{MARKS[version.state]} {version.state}")]
    if version.local:
        pairs += facts_of(version.local, version.digest)
    elif remote := version.remote:
        pairs += remote_facts(remote)
    chips = {
        "aliases": _chips(aliases_of(version), "var(--jp-brand-color1, #1976d2)"),
        "labels": _chips((f"{key}={value}" if value else key for key, value in labels_of(version).items()), "#8888"),
    }
    cells = {name: escape(value) for name, value in pairs} | chips
    order = dict.fromkeys(["state", "tag", "aliases", *cells])
    style = "text-align:left;vertical-align:baseline"
    rows = "".join(
        f"<tr><th style='{style}'>{escape(name)}</th>"
        f"<td style='{style};white-space:pre-wrap;overflow-wrap:anywhere'>{cells[name]}</td></tr>"
        for name in order
        if cells[name]
    )
    code = f'model = get("{version.tag}", pull=True)'
    return f"<table style='line-height:1.4'>{rows}</table><pre>{escape(code)}</pre>"
