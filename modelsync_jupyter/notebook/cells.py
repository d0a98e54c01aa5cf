"""What a line of magic can know of its cell: whether its value is assigned, and which variables are not there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from typing import Any

from modelsync_jupyter.core.errors import UsageError

_RUN = "run_line_magic"
#: What IPython leaves in a line where it finds no variable of that name.
_UNKNOWN = re.compile(r"\{([A-Za-z_]\w*)[^{}]*\}|\$\{?([A-Za-z_]\w*)\}?")


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


def check_variables(words: Sequence[str], names: Sequence[str]) -> None:
    """Refuse words in which IPython left a variable as it was, for there is none of that name.

    Args:
        words: The words of the line.
        names: Variables that there are.

    Raises:
        UsageError: There is such a word.
    """
    for word in words:
        found = _UNKNOWN.fullmatch(word)
        name = (found[1] or found[2]) if found else ""
        if name and name not in names:
            raise UsageError(f"There is no variable `{name}`.", "Define it in a cell before this one.")


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
