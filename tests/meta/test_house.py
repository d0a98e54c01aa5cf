"""The house rules that a machine can hold: short files, short functions, no traces of where it was built."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

import modelsync_jupyter

PACKAGE = Path(modelsync_jupyter.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted({*PACKAGE.rglob("*.py")} - {PACKAGE / "_version.py"})  # that one is written by the build
LONGEST_FILE, LONGEST_FUNCTION = 280, 40


def code_lines(text: str, tree: ast.Module) -> int:
    """Lines of a file that do something: neither blank nor docstrings nor imports."""
    other = {number for number, line in enumerate(text.splitlines(), 1) if not line.strip()}
    for node in ast.walk(tree):
        first = getattr(node, "body", None)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            other |= set(range(node.lineno, (node.end_lineno or 0) + 1))
        elif isinstance(first, list) and first and isinstance(first[0], ast.Expr):
            other |= set(range(first[0].lineno, (first[0].end_lineno or 0) + 1))
    return len(text.splitlines()) - len(other)


def committed() -> list[Path]:
    """Files that git knows, or will know; all of them where there is no git."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        return [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_files_and_functions_are_short_and_say_what_they_are_for() -> None:
    wrong, lengths = [], []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        place = path.relative_to(PACKAGE)
        if (lines := code_lines(text, tree)) > LONGEST_FILE:
            wrong.append(f"{place}: {lines} lines")
        if not ast.get_docstring(tree):
            wrong.append(f"{place}: it does not say what it is for")
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lengths.append(body_lines(node))
                if lengths[-1] > LONGEST_FUNCTION:
                    wrong.append(f"{place}:{node.lineno}: {node.name} has {lengths[-1]} lines")
    assert wrong == []
    lengths.sort()
    assert lengths[len(lengths) // 2] <= 13, "most functions have about ten lines"
    assert lengths[len(lengths) * 9 // 10] <= 30


@pytest.mark.processes
def test_nothing_committed_names_where_it_was_built() -> None:
    roots = "|".join(("work", "root", "home/(?!ana)[a-z]+", "Users"))
    # `/home/ana` is the home of nobody: examples and fixtures use it
    pattern = re.compile(rf"(?<![\w.~}}/-])/(?:{roots})/[\w.]+")
    for path in committed():
        text = path.read_text(encoding="utf-8", errors="ignore")
        for number, line in enumerate(text.splitlines(), 1):
            assert not pattern.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
