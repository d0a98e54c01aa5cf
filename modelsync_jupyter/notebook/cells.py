"""What a line of magic can know of its cell, such as whether its value is assigned; and how the body of one is run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Any

_RUN = "run_line_magic"
#: Magics that run the Python code which stands behind or below them.
_RUNNERS = frozenset({"time", "capture", "prun", "timeit"})


def is_assigned(ip: Any) -> bool:
    """Return whether the line that runs now gives its value to a variable, and does not stand alone."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals is not ip.user_ns:
        frame = frame.f_back
    if frame.f_globals is not ip.user_ns:
        return False
    tree = _running(ip)
    statements = [each for each in ast.walk(tree) if isinstance(each, ast.stmt)] if tree else []
    here = [each for each in statements if each.lineno <= frame.f_lineno <= (each.end_lineno or each.lineno)]
    calls = [each for each in here if _RUN in ast.unparse(each)]
    return bool(calls) and not isinstance(calls[-1], ast.Expr)  # a walk comes to the innermost last


def is_last(ip: Any, name: str) -> bool:
    """Return whether the last line of the cell that runs now is a magic alone, whose value IPython will show."""
    tree = _running(ip)
    return bool(tree and tree.body and isinstance(tree.body[-1], ast.Expr) and _magic(tree.body[-1], {name}))


def _running(ip: Any) -> ast.Module | None:
    """Return the code of the cell that runs now; of `%%time` and its like, the code that they run."""
    text = (ip.user_ns.get("_ih") or [""])[-1]
    with suppress(SyntaxError, ValueError):
        tree: ast.Module = ast.parse(text)
        while len(tree.body) == 1 and (call := _magic(tree.body[0], _RUNNERS)):
            words = str(ast.literal_eval(call.args[-1]))
            tree = ast.parse(ip.transform_cell(re.sub(r"^(-\S+\s+)+", "", words)))  # without options of the magic
        return tree
    return None


def _magic(statement: ast.stmt, names: Container[str]) -> ast.Call | None:
    """Return a statement's call of one of these magics, where it is nothing else."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
        return None
    name = call.args[0]
    found = call.func.attr in (_RUN, "run_cell_magic") and isinstance(name, ast.Constant) and name.value in names
    return call if found else None


def run_body(ip: Any, cell: str, path: Path) -> None:
    """Run the body of a cell as IPython would, with a variable `path` more; an error in it is raised."""
    __tracebackhide__ = True
    before = {name: ip.user_ns[name] for name in ("path",) if name in ip.user_ns}
    ip.user_ns["path"] = path
    try:
        code = f"\n{ip.transform_cell(cell)}"  # its lines are counted from the one of the magic
        name = ip.compile.cache(code, ip.execution_count)
        exec(ip.compile(code, name, "exec"), ip.user_ns)
    finally:
        ip.user_ns.pop("path", None)
        ip.user_ns.update(before)
