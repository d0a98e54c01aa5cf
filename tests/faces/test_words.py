"""Steps in words: each verb has its command, and nothing below the faces names one."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelsync_jupyter
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.words import _COMMANDS, _OPTIONS, CELL, SHELL
from modelsync_jupyter.core import errors
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.steps import Step, advice

PACKAGE = Path(modelsync_jupyter.__file__).parent
FACES = {"commands", "cli", "notebook", "demo"}
NAMES = "|".join(build_parser().commands)
#: A command, an option or the mark of a magic in a text that people read.
TYPED = re.compile(rf"`%?modelsync |%modelsync|\bmodelsync (?:{NAMES})\b|(?<![\w-])--[a-z]")


def test_a_step_is_typed_in_the_words_of_its_face() -> None:
    step = Step("resume", "Resume it where it left off.", {"id": "p7k2m9qa"})
    assert SHELL.step(step) == "Resume it where it left off (`modelsync resume p7k2m9qa`)."
    assert CELL.step(step) == "Resume it where it left off (`%modelsync resume p7k2m9qa`)."
    assert SHELL.step(Step("force", "Overwrite it.")) == "Overwrite it (option `--force`)."
    assert SHELL.step(Step("retry", "Try again.")) == SHELL.step(advice("Try again.")) == "Try again."
    assert SHELL.step(Step("transfers", "")) == "Type `modelsync transfers`."


def test_what_a_step_does_not_say_is_left_to_fill_in_and_what_it_says_can_be_pasted() -> None:
    assert SHELL.command("login") == "`modelsync login ENDPOINT`"
    assert SHELL.command("help") == "`modelsync --help`"
    assert SHELL.command("get", tag="a:b c; rm") == "`modelsync get 'a:b c; rm'`"


@pytest.mark.parametrize("verb", [verb for verb in _COMMANDS if verb != "help"])
def test_each_command_exists(verb: str) -> None:
    words = SHELL.command(verb).strip("`").split()[1:]
    assert build_parser().read(words).command == words[0]


def test_each_verb_that_errors_use_is_known() -> None:
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, ModelSyncError)]
    assert {item.step.verb for item in classes} <= {*_COMMANDS, *_OPTIONS, "retry", ""}
    used = {
        str(node.args[0].value)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Step" and node.args
        if isinstance(node.args[0], ast.Constant)
    }
    assert used <= {*_COMMANDS, *_OPTIONS, "retry", ""}


#: Arguments of other programs.
OTHERS = re.compile(r"^--[a-z][\w=-]*$|`pip install [^`]*`")
#: What is said on the terminal of the person who runs the registry, and on its pages.
FOR_OPERATORS = {
    f"registry/{name}.py" for name in ("__main__", "server", "service", "migrate", "openapi", "pages/show")
}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts in a file that are not docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.lineno, node.value


def test_nothing_below_the_faces_names_a_command_or_an_option() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in FACES
        for line, text in texts(path)
        if TYPED.search(text) and not OTHERS.search(text) and path.relative_to(PACKAGE).as_posix() not in FOR_OPERATORS
    ]
    assert found == []
