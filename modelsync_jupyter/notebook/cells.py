"""What a line of magic can know of its cell, such as whether its value is assigned; and how the body of one is run."""

from __future__ import annotations

import ast
import sys
from typing import Any

_RUN = "run_line_magic"


def is_assigned(ip: Any) -> bool:
    """Return whether the line that runs now gives its value to a variable, and does not stand alone."""
    cells = ip.user_ns.get("_ih") or [""]
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals is not ip.user_ns:
        frame = frame.f_back
    if frame.f_globals is not ip.user_ns:
        return False
    try:
        tree = ast.parse(cells[-1])
    except SyntaxError:
        return False
    statements = [each for each in ast.walk(tree) if isinstance(each, ast.stmt)]
    here = [each for each in statements if each.lineno <= frame.f_lineno <= (each.end_lineno or each.lineno)]
    calls = [each for each in here if _RUN in ast.unparse(each)]
    return bool(calls) and not isinstance(calls[-1], ast.Expr)  # a walk comes to the innermost last


def run_body(ip: Any, cell: str, **variables: object) -> None:
    """Run the body of a cell as IPython would, with some more variables; an error in it is raised."""
    before = {name: ip.user_ns[name] for name in variables if name in ip.user_ns}
    ip.user_ns.update(variables)
    try:
        code = ip.transform_cell(cell)
        name = ip.compile.cache(code)
        exec(ip.compile(code, name, "exec"), ip.user_ns)
    finally:
        for each in variables:
            ip.user_ns.pop(each, None)
        ip.user_ns.update(before)
