"""The magic `%modelsync`: the words of the command `modelsync`, with Python objects as results.

    %modelsync push sentiment:v1
    model = %modelsync pull sentiment

A failure fails the cell, so that `Run all` stops there, but shows only what happened and what to do next. Remarks stand
under the cell, questions are asked through the kernel, and bars are widgets where there are any.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

from modelsync_jupyter.commands import run
from modelsync_jupyter.commands.answers import Answer
from modelsync_jupyter.commands.face import CONFIRM, Face
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.models import create_in
from modelsync_jupyter.commands.parser import HelpShown
from modelsync_jupyter.commands.tables import Facts, Table
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.errors import Cancelled, ModelSyncError, UsageError
from modelsync_jupyter.core.marked import as_lines
from modelsync_jupyter.core.plain import plain, printable
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.steps import Step, advice

from .cells import is_assigned, is_last, run_body
from .completion import remember

NAME = "modelsync"
_EXAMPLES = """Push, pull and manage models, as `modelsync COMMAND ...` does in a shell, with Python objects as results.

    %modelsync login https://registry.example.com   asks for the token, and stores nothing in the notebook
    %modelsync push sentiment:v1                    sends a model to the registry
    model = %modelsync pull sentiment               fetches the newest version
    %modelsync push sentiment -b                    in the background; follow it with %modelsync attach
    %modelsync status                               compares the local store with the registry
    %modelsync diff sentiment:v1 sentiment:v2       what changed: files, tensors, labels, metadata
    %modelsync doctor                               what is wrong, and what to do

Python variables may stand for words: `%modelsync push {tag}`. Tab completes commands, options, tags and transfers.
`%%modelsync create NAME` saves what the body of a cell writes below `path`.
"""
#: What IPython leaves in a line where it finds no variable of that name.
_UNKNOWN = re.compile(r"\{([A-Za-z_]\w*)[^{}]*\}|\$\{?([A-Za-z_]\w*)\}?")


def load(ip: Any) -> None:
    """Register the magics; the parser is built here, so that no cell waits for it."""
    build_parser(CELL.prefix)
    magic = Magic(ip)
    ip.register_magic_function(magic, "line", NAME)
    ip.register_magic_function(CellMagic(magic), "cell", NAME)


def unload(ip: Any) -> None:
    """Remove the magics, and leave the shell's display as it was."""
    ip.magics_manager.magics["cell"].pop(NAME, None)
    magic = ip.magics_manager.magics["line"].pop(NAME, None)
    for kind in getattr(magic, "displayed", ()):
        ip.display_formatter.ipython_display_formatter.pop(kind, None)


class Magic:
    """Push, pull and manage models: `%modelsync COMMAND ...` does what `modelsync COMMAND ...` does in a shell."""

    def __init__(self, ip: Any) -> None:
        self._ip = ip
        self._shown: tuple[int, Any] = (0, None)
        self.displayed: set[type] = set()
        self.__doc__ = _help()

    def __call__(self, line: str) -> Any:
        """Run one line and return its value."""
        with _plainly():
            parser = build_parser(CELL.prefix)
            words = split(line, self._ip.user_ns)
            args = parser.read(words)
            if args.run is None:
                parser.deepest(words).print_help()
                return None
            if args.command == "login" and (args.token or args.token_stdin):
                hint = f"Delete the token from the cell and write {CELL.command('login')}: it asks, and stores nothing."
                raise UsageError("A notebook stores what is written in it, tokens too.", step=hint)
            if args.command == "serve":
                raise UsageError("`serve` would block this cell.", step="Run it in a terminal.")
            answer = run(args, NotebookFace(args.quiet))
            if args.command == "list" and args.remote:
                remember(answer.value, args.context)
            return self.show(answer, getattr(args, "output", "table"), args.quiet)
        return None

    def create(self, line: str, cell: str) -> Any:
        """Save what the body of a cell writes below `path` as a model."""
        with _plainly():
            words = split(line)
            if words[:1] != ["create"]:
                raise UsageError("A cell with a body can only `create`.", "Write `%%modelsync create NAME`.")
            args = build_parser(CELL.prefix).read(words)
            if args.path is not None:
                raise UsageError("The body of the cell writes the files.", "Leave the path out.")
            __tracebackhide__ = True  # an error in the body shows the body, and not what runs it
            answer = create_in(args, NotebookFace(args.quiet), partial(run_body, self._ip, cell))
            return self.show(answer, args.output, args.quiet)
        return None

    def show(self, answer: Answer, output: str, quiet: bool) -> Any:
        """Show an answer now, wherever in the cell the magic stands, and return its value.

        Where the value is assigned, only what was done is told, and nothing that was merely asked for. Where the magic
        is the last line of the cell, IPython would show the returned value a second time.
        """
        value = answer.value
        if output != "table":
            value = answer.path if output == "path" else plain(answer.data)
        if quiet or (is_assigned(self._ip) and not (answer.live and output == "table")):
            pass
        elif output != "table":
            print(answer.render(output))
        elif answer.text and not isinstance(value, Table):
            self._say(answer)
            self._follow(value)
        elif value is not None:
            from IPython.display import display

            display(value)  # type: ignore[no-untyped-call]
        if value is not None:
            self._shown = (self._ip.execution_count, value)
            self.displayed.add(type(value))
            self._ip.display_formatter.ipython_display_formatter.for_type(type(value), self._once)
        return value

    def _say(self, answer: Answer) -> None:
        """Show what was done or asked for: in a notebook as HTML, in which lines end between words."""
        text = answer.render()
        if not hasattr(self._ip, "kernel"):
            print(text)
            return
        from IPython.display import display

        from .display import sentences

        if isinstance(answer.text, Facts):
            html: str = answer.text._repr_html_()
        else:
            looks = {} if answer.live else self._ip.display_formatter.format(answer.value)[0]
            html = looks.get("text/html") or sentences(text)
        display({"text/plain": text, "text/html": html}, raw=True)  # type: ignore[no-untyped-call]

    def _follow(self, value: Any) -> None:
        """Show a transfer that goes on in the background as a row that keeps itself up to date."""
        from modelsync_jupyter.client import Client, Transfer

        if isinstance(value, Transfer) and value.record.active and hasattr(self._ip, "kernel"):
            from .rows import LiveTransfer

            with suppress(ImportError):  # without widgets there is `attach`
                LiveTransfer(Client(value.home.path), value.id).display()

    def _once(self, value: Any) -> None:
        """Display nothing for a value that its own line has shown; leave all others to IPython's formatters."""
        count, shown = self._shown
        if value is not shown or count != self._ip.execution_count or not is_last(self._ip, NAME):
            raise NotImplementedError


class CellMagic:
    """Save what the body of the cell writes as a model: `%%modelsync create NAME [--label K=V] ...`.

    The body runs with a variable `path`, the folder to write files into; the model appears when the body has ended::

        %%modelsync create sentiment --label stage=candidate --metric f1=0.91
        joblib.dump(model, path / "model.joblib")

    If something is wrong with the labels or the metadata, it is said before the body runs; whatever only shows
    afterwards, the files are kept, and the error says where.
    """

    def __init__(self, magic: Magic) -> None:
        self._magic = magic

    def __call__(self, line: str, cell: str) -> Any:
        """Run a cell and return the model."""
        __tracebackhide__ = True
        return self._magic.create(line, cell)


class NotebookFace(Face):
    """The face of a cell: it asks through the kernel."""

    words = CELL
    stored = True

    def note(self, text: str) -> None:
        """Show a message below the cell as what is done is shown; a kernel's stderr looks like an error."""
        from IPython import get_ipython

        if self.quiet or not hasattr(get_ipython(), "kernel"):
            super().note(text)
            return
        from IPython.display import display

        from .display import sentences

        display({"text/plain": printable(text), "text/html": sentences(text)}, raw=True)  # type: ignore[no-untyped-call]

    def confirm(self, question: str, typed: str = "") -> bool:
        """Ask under the cell."""
        if typed:
            asked = f"{question} Type `{typed}` to confirm: "
            return _ask(lambda: input(asked), "confirmation", CONFIRM, question).strip() == typed
        answer = _ask(lambda: input(f"{question} [y/N] "), "confirmation", CONFIRM, question)
        return answer.strip().lower() in ("y", "yes")

    def secret(self, prompt: str) -> str:
        """Ask under the cell; what is typed is neither shown nor stored in the notebook."""
        from getpass import getpass

        return _ask(lambda: getpass(prompt), "the token", advice("Set MODELSYNC_TOKEN before the kernel starts."))

    def progress(self, title: str, *, follows: bool = False) -> AbstractContextManager[Sink | None]:
        """Show a line under the cell that updates itself, or in a terminal a bar of text."""
        from modelsync_jupyter.client.bar import shown  # imported when a bar is drawn, not with the extension

        return shown(title, not self.quiet, follows=follows)


def _ask(ask: Callable[[], str], what: str, step: Step, question: str = "") -> str:
    """Ask; a run without a person in front of it (nbconvert, papermill) refuses input, and says so."""
    from IPython.core.error import StdinNotImplementedError

    try:
        return ask()
    except (StdinNotImplementedError, EOFError) as error:
        said = f"Can't ask for {what} in a non-interactive run{f': {question}' if question else '.'}"
        raise UsageError(said, step) from error


def split(line: str, names: Container[str] | None = None) -> list[str]:
    """Split a line into words; a comment behind it is left out, as in Python and in a shell.

    Args:
        line: The line.
        names: Variables that there are, or None for any: where IPython finds none, it leaves the word as it was.

    Raises:
        UsageError: A quote is not closed, or a word stands for a variable that is not there.
    """
    words: list[str] | None = None
    for mark in re.finditer(r"(?:^|\s)#", line):
        with suppress(ValueError):  # a `#` within quotes leaves a quote open before it
            words = shlex.split(line[: mark.start()])
            break
    try:
        words = shlex.split(line) if words is None else words
    except ValueError as error:
        raise UsageError(f"The line cannot be split into words: {error}.", step="Close the quotes.") from error
    if names is not None:
        for word in words:
            found = _UNKNOWN.fullmatch(word)
            name = (found[1] or found[2]) if found else ""
            if name and name not in names:
                raise UsageError(f"There is no variable `{name}`.", "Define it in a cell before this one.")
    return words


@contextmanager
def _plainly() -> Iterator[None]:
    """Turn what a user can cause into a message and a next step, without a traceback."""
    try:
        yield
    except HelpShown:
        return
    except KeyboardInterrupt:
        raise _without_traceback(Cancelled("Cancelled.", step="")) from None
    except ModelSyncError as error:
        raise _without_traceback(error) from error.__cause__


def _without_traceback(error: ModelSyncError) -> ModelSyncError:
    """Return the same error, for which IPython shows a message and the next step."""
    more = f"To find the cause: {CELL.command('doctor')}." if error.diagnosable else ""
    texts = (error.message, CELL.step(error.step), more)
    vars(error)["_render_traceback_"] = lambda: as_lines(texts)
    return error


def _help() -> str:
    """Return what `%modelsync?` shows: examples, and every command with what it does."""
    commands = build_parser(CELL.prefix).summaries
    width = max(map(len, commands))
    lines = "\n".join(f"    {name.ljust(width)}  {what}" for name, what in commands.items())
    return f"{_EXAMPLES}\nCommands:\n{lines}\n\nOptions of one:  %modelsync push -h"
