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
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= LONGEST_FILE
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert body_lines(node) <= LONGEST_FUNCTION, node.name


def test_most_functions_are_about_ten_lines() -> None:
    nodes = [node for path in MODULES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    lengths = sorted(body_lines(node) for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    assert lengths[len(lengths) // 2] <= 13
    assert lengths[len(lengths) * 9 // 10] <= 30


def test_nothing_committed_names_where_it_was_built() -> None:
    roots = "|".join(("work", "root", "home/(?!ana)[a-z]+", "Users"))
    # `/home/ana` is the home of nobody: examples and fixtures use it
    pattern = re.compile(rf"(?<![\w.~}}/-])/(?:{roots})/[\w.]+")
    for path in committed():
        text = path.read_text(encoding="utf-8", errors="ignore")
        for number, line in enumerate(text.splitlines(), 1):
            assert not pattern.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
