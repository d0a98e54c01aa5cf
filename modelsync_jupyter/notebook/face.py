"""The notebook's face: remarks under the cell, questions through the kernel, bars as widgets where there are any."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from modelsync_jupyter.cli.shell import CONFIRM, Shell
from modelsync_jupyter.commands.bar import Bar
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.steps import Step, advice


class NotebookFace(Shell):
    """The face of a cell.

    Args:
        quiet: No remarks and no progress bar.
    """

    words = CELL

    def confirm(self, question: str) -> bool:
        """Ask under the cell."""
        answer = _ask(lambda: input(f"{question} [y/N] "), f"confirmation: {question}", CONFIRM)
        return answer.strip().lower() in ("y", "yes")

    def secret(self, prompt: str) -> str:
        """Ask under the cell; what is typed is neither shown nor stored in the notebook."""
        from getpass import getpass

        return _ask(lambda: getpass(prompt), "the token.", advice("Set MODELSYNC_TOKEN before the kernel starts."))

    def progress(self, title: str) -> AbstractContextManager[Sink | None]:
        """A bar made of widgets, or of text where there are none."""
        return nullcontext() if self._quiet else Bar(title, _tqdm())


def _tqdm() -> Callable[..., Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is no ipywidgets, and draws text then
        from tqdm.auto import tqdm
    return tqdm


def _ask(ask: Callable[[], str], what: str, step: Step) -> str:
    """Ask; a run without a person in front of it (nbconvert, papermill) refuses input, and says so."""
    from IPython.core.error import StdinNotImplementedError

    try:
        return ask()
    except (StdinNotImplementedError, EOFError) as error:
        raise UsageError(f"Can't ask for {what} This is a non-interactive run.", step) from error
